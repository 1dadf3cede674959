// The list of the files a sidecar loads: a set is loaded only if every hash matches (a Secret and a ConfigMap are two writes,
// and the kubelet may show one without the other). Also the body of /status.

export interface Manifest {
  /** The TenantCertificate's revision. */
  readonly revision: number;
  readonly serialNumber: string;
  /** Seconds since the epoch. */
  readonly certificateNotAfter: number;
  /** cRLNumber by SHA-256 of the issuer's certificate. */
  readonly crlNumbers: Readonly<Record<string, string>>;
  /** Seconds since the epoch; absent where no CRL is loaded. */
  readonly crlNextUpdate?: number;
  /** SHA-256 (lower-case hex) by path relative to the sidecar's directory, the manifest itself excluded. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * The manifest as the entrypoint's shell can read it: JSON, keys sorted, one file to a line.
 * Its own SHA-256 names the set (`manifestSHA256` in /status).
 */
export function writeManifest({ revision, serialNumber, certificateNotAfter, crlNumbers, crlNextUpdate, files }: Manifest): string {
  const sorted = (record: Readonly<Record<string, string>>) => Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
  const ordered = {
    revision, serialNumber, certificateNotAfter, crlNumbers: sorted(crlNumbers), ...(crlNextUpdate === undefined ? {} : { crlNextUpdate }), files: sorted(files),
  };
  return `${JSON.stringify(ordered, null, 1)}\n`;
}

/** What a sidecar answers at /status. */
export interface SidecarStatus {
  readonly engine: 'nginx' | 'node';
  /** `current`: the mounted set is the loaded one. `pending`: the mounted set is not loaded (yet), see `message`. */
  readonly state: 'current' | 'pending';
  readonly message?: string;
  /** SHA-256 of the manifest file that the running workers have loaded. */
  readonly manifestSHA256: string;
  readonly manifest: Manifest;
  /** Upstream ports on loopback that also answer on the pod's own address. */
  readonly plaintextReachable: readonly number[];
}
