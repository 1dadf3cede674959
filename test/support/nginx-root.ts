// A root directory with Debian's nginx and busybox, and ways to run programs in it as the sidecar's user, with folders of the test mounted.
// Needs root and mmdebstrap, or NGINX_ROOT naming such a directory; `nginxRoot` says what is missing where it cannot be had.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SIDECAR } from '../../src/api/names.ts';

export type NginxRoot = { readonly directory: string } | { readonly missing: string };

export function nginxRoot(): NginxRoot {
  if (process.getuid?.() !== 0) return { missing: 'nginx tests need root (chroot and mount namespaces)' };
  const given = process.env['NGINX_ROOT'];
  if (given !== undefined) return { directory: given };
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tenant-mtls');
  const directory = join(cache, 'nginx-root-1');
  if (existsSync(directory)) return { directory };
  if (spawnSync('mmdebstrap', ['--version']).status !== 0) return { missing: 'nginx tests need mmdebstrap: apt-get install mmdebstrap' };
  mkdirSync(cache, { recursive: true });
  return build(cache, directory);
}

/** Built aside and renamed: two test files may want it at once. */
function build(cache: string, directory: string): NginxRoot {
  const draft = mkdtempSync(join(cache, 'nginx-root-draft-'));
  const root = join(draft, 'root');
  const mirror = execFileSync('apt-get', ['indextargets', '--format', '$(SITE)', 'Created-By: Packages'], { encoding: 'utf8' }).split('\n')[0];
  execFileSync('mmdebstrap', [
    '--quiet', '--variant=extract', '--include=nginx,libnginx-mod-stream,busybox-static', '--aptopt=Acquire::Check-Valid-Until "false"',
    'sid', root, `deb ${mirror} sid main`,
  ], { stdio: ['ignore', 'inherit', 'inherit'] });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) if (!existsSync(join(root, name))) symlinkSync(`usr/${name}`, join(root, name));
  for (const name of ['proc', SIDECAR.directory, SIDECAR.runDirectory]) mkdirSync(join(root, name), { recursive: true });
  execFileSync('chroot', [root, '/bin/busybox', '--install', '-s', '/bin']);
  try {
    renameSync(root, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return { directory };
}

export interface Mounts {
  /** Seen at SIDECAR.directory, read-only. */
  readonly files: string;
  /** Seen at SIDECAR.runDirectory; must be writable for uid 65533. */
  readonly run: string;
}

/** Ends with `exec`, so the process started is the program itself: signals reach it. The mounts are gone when it ends. */
function inRoot(root: string, { files, run }: Mounts, program: readonly string[]): string[] {
  const script = [
    'root=$1 files=$2 run=$3', 'shift 3',
    'mount --rbind /proc "$root/proc"',
    `mount --bind "$files" "$root${SIDECAR.directory}"`,
    `mount -o remount,bind,ro "$root${SIDECAR.directory}"`,
    `mount --bind "$run" "$root${SIDECAR.runDirectory}"`,
    `exec chroot --userspec=${SIDECAR.uid}:${SIDECAR.uid} "$root" "$@"`,
  ].join('\n');
  return ['--mount', '--propagation', 'private', 'sh', '-euc', script, 'sh', root, files, run, ...program];
}

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

/** Runs a program to its end: its output (both streams) and exit code. A file takes the output: nginx opens /dev/stdout anew, which a socket does not allow. */
export function runInRoot(root: string, mounts: Mounts, program: readonly string[]): { readonly code: number | null; readonly output: string } {
  const directory = mkdtempSync(join(tmpdir(), 'tenant-mtls-run-'));
  const file = join(directory, 'output');
  const output = openSync(file, 'a', 0o666);
  try {
    chmodSync(file, 0o666);
    const { status } = spawnSync('unshare', inRoot(root, mounts, program), { env: ENVIRONMENT, stdio: ['ignore', output, output], timeout: 30_000 });
    return { code: status, output: readFileSync(file, 'utf8') };
  } finally {
    closeSync(output);
    rmSync(directory, { recursive: true });
  }
}

/** Starts a program; `output` is a file descriptor for both streams (of a file, as above). */
export function startInRoot(root: string, mounts: Mounts, program: readonly string[], { environment, output }: { environment: Record<string, string>; output: number }): ChildProcess {
  return spawn('unshare', inRoot(root, mounts, program), { env: { ...ENVIRONMENT, ...environment }, stdio: ['ignore', output, output] });
}
