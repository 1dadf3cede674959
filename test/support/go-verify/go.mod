module tenant-mtls.dev/go-verify

go 1.22
