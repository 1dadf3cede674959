// Docker, podman or buildah, when one really works: a client without a reachable engine does not count.
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { cacheFolder, checkout } from './paths.ts';

export type Engine = 'docker' | 'podman' | 'buildah';

export function findEngine(): Engine | undefined {
  if (!existsSync(`${checkout}/Dockerfile`)) return undefined;
  return (['docker', 'podman', 'buildah'] as const).find((engine) => works(engine));
}

function works(engine: Engine): boolean {
  try {
    execFileSync(engine, ['info'], { stdio: 'ignore', timeout: 5000 });
    // A docker client exits 0 from `info` although its engine does not answer; `version` of the server does not.
    if (engine === 'docker') execFileSync('docker', ['version', '--format', '{{.Server.Version}}'], { stdio: 'ignore', timeout: 5000 });
    return true;
  } catch {
    return false;
  }
}

/** Builds the Dockerfile and returns the path of an archive of the image. */
export function buildWithEngine(engine: Engine, name: string): string {
  const archive = `${cacheFolder('archives')}/${engine}-operator.tar`;
  rmSync(archive, { force: true });
  const save: Record<Engine, readonly string[]> = {
    docker: ['save', '--output', archive, name],
    podman: ['save', '--format', 'oci-archive', '--output', archive, name],
    buildah: ['push', name, `oci-archive:${archive}:${name}`],
  };
  execFileSync(engine, ['build', '--tag', name, '--file', `${checkout}/Dockerfile`, checkout], { stdio: 'inherit' });
  execFileSync(engine, save[engine], { stdio: 'inherit' });
  return archive;
}
