// The busybox applets our images offer as commands: what the sidecar's entrypoint, probes and tests use.
import type { TarEntry } from './tar.ts';

const applets = `[ awk base64 basename cat chmod cmp cp cut date diff dirname du echo env expr false find grep head hostname id ip
kill ln ls md5sum mkdir mktemp mv nc netstat nslookup od pgrep pidof ping printf ps pwd readlink realpath rm rmdir sed seq sh
sha256sum sleep sort stat stty sync tail tee test timeout touch tr true tty uname uniq usleep vi wc wget which xargs xxd`;

export const busyboxLinks: readonly TarEntry[] = applets.split(/\s+/).map((name) => ({ path: `usr/bin/${name}`, linkTo: 'busybox' }));
