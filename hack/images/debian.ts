// Layers out of Debian: packages unpacked by mmdebstrap, and the shared libraries that the host's own loader names.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { cachedLayer, fileLayer, type Layer } from './layers.ts';
import { tar, type TarEntry } from './tar.ts';
import { writeChunks } from './layers.ts';

const caBundle = '/etc/ssl/certs/ca-certificates.crt';

/** What dpkg's scripts would have made: merged /usr, /tmp, users, a CA bundle. */
export function systemLayer(...more: readonly TarEntry[]): Promise<Layer> {
  return fileLayer([...accounts(), ...more]);
}

export const mergedUsr: readonly TarEntry[] = ['bin', 'sbin', 'lib', 'lib64'].map((name) => ({ path: name, linkTo: `usr/${name}` }));

function accounts(): TarEntry[] {
  const users = ['root:x:0:0::/:/bin/sh', 'nonroot:x:65532:65532::/:/bin/sh', 'sidecar:x:65533:65533::/:/bin/sh', 'nobody:x:65534:65534::/:/bin/sh'];
  const groups = ['root:x:0:', 'nonroot:x:65532:', 'sidecar:x:65533:', 'nogroup:x:65534:'];
  return [
    text('etc/passwd', users),
    text('etc/group', groups),
    text('etc/nsswitch.conf', ['hosts: files dns']),
    { path: 'etc/ssl/certs/ca-certificates.crt', mode: 0o644, content: readFileSync(caBundle) },
    { path: 'tmp', mode: 0o1777, folder: true },
  ];
}

export function text(path: string, lines: readonly string[], mode = 0o644): TarEntry {
  return { path, mode, content: Buffer.from(`${lines.join('\n')}\n`) };
}

/**
 * The named packages of Debian sid and all they depend on. Sid, because the stable releases have no nginx with
 * keepalive_min_timeout (1.27.4). The mirror is the one apt itself uses; its copy of sid may be stale, hence no check of Valid-Until.
 */
export function debianLayer(packages: readonly string[]): Promise<Layer> {
  return cachedLayer(`debian sid ${process.arch} 1 ${packages.join(' ')}`, (file) => {
    const mirror = execFileSync('apt-get', ['indextargets', '--format', '$(SITE)', 'Created-By: Packages'], { encoding: 'utf8' }).split('\n')[0];
    const left = ['doc', 'man', 'info', 'locale', 'lintian', 'bash-completion', 'perl5'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
    execFileSync('mmdebstrap', [
      '--quiet', '--variant=extract', '--format=tar', '--skip=output/dev', '--skip=output/mknod',
      '--aptopt=Acquire::Check-Valid-Until "false"', ...left, '--dpkgopt=path-exclude=/usr/lib/*/gconv/*',
      `--include=${packages.join(',')}`, 'sid', file, `deb ${mirror} sid main`,
    ], { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, SOURCE_DATE_EPOCH: '0' } });
  });
}

/** One executable of the host with the libraries it is linked to, at the paths where its loader looks for them. */
export function executableLayer(executable: string, path: string): Promise<Layer> {
  const libraries = librariesOf(executable);
  const stamp = [executable, ...libraries].map((file) => `${file} ${statSync(file).size} ${statSync(file).mtimeMs}`);
  return cachedLayer(`executable ${path} ${stamp.join('\n')}`, (file) => {
    writeChunks(file, tar([
      { path, mode: 0o755, content: readFileSync(executable) },
      ...libraries.map((library) => ({ path: library.slice(1), mode: 0o755, content: readFileSync(library) })),
    ]));
  });
}

function librariesOf(executable: string): string[] {
  const listed = execFileSync('ldd', [executable], { encoding: 'utf8' });
  return [...listed.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map((match) => match[1] ?? '');
}
