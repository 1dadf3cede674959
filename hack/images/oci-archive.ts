// OCI image archives (image-spec 1.1: oci-layout, index.json, blobs) out of finished layers, without any engine.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { sha256, temporaryName, writeChunks, type Layer } from './layers.ts';
import { cacheFolder } from './paths.ts';
import { tar, type TarEntry } from './tar.ts';

export interface Image {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly entrypoint: readonly string[];
  readonly command?: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly environment?: readonly string[];
  readonly stopSignal?: string;
}

const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

/** Writes the archive unless it exists; returns its path, which holds the digest. Older archives of the image are removed. */
export function writeArchive(image: Image): string {
  const config = json(configOf(image));
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...descriptor(config) },
    layers: image.layers.map(({ digest, size }) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size })),
  });
  const short = image.name.replaceAll(/[/:]/g, '_');
  const folder = cacheFolder('archives');
  const file = `${folder}/${short}-${sha256(manifest).slice(0, 16)}.tar`;
  if (existsSync(file)) return file;
  writeChunks(temporaryName(file), archiveChunks(image, config, manifest));
  for (const other of readdirSync(folder)) if (other.startsWith(`${short}-`) && other.endsWith('.tar')) rmSync(`${folder}/${other}`, { force: true });
  renameSync(temporaryName(file), file);
  return file;
}

/** index.json comes first, so that load-image learns the digest without reading the rest. */
function* archiveChunks(image: Image, config: Uint8Array, manifest: Uint8Array): Generator<Uint8Array> {
  const head: TarEntry[] = [
    { path: 'index.json', mode: 0o644, content: json(indexOf(image.name, manifest)) },
    { path: 'oci-layout', mode: 0o644, content: json({ imageLayoutVersion: '1.0.0' }) },
    blob(config),
    blob(manifest),
  ];
  yield* tar(head).slice(0, -1);
  for (const layer of new Map(image.layers.map((one) => [one.digest, one])).values()) {
    yield* tar([blob(readFileSync(layer.file))]).slice(0, -1);
  }
  yield new Uint8Array(1024);
}

function blob(content: Uint8Array): TarEntry {
  return { path: `blobs/sha256/${sha256(content)}`, mode: 0o644, content };
}

function indexOf(name: string, manifest: Uint8Array): object {
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1) };
  return {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', ...descriptor(manifest), platform: { architecture, os: 'linux' }, annotations }],
  };
}

function configOf(image: Image): object {
  return {
    created: '1970-01-01T00:00:00Z',
    architecture,
    os: 'linux',
    config: {
      Entrypoint: image.entrypoint,
      Cmd: image.command,
      User: image.user ?? '65532:65532',
      WorkingDir: image.workingDir ?? '/',
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...(image.environment ?? [])],
      StopSignal: image.stopSignal,
    },
    rootfs: { type: 'layers', diff_ids: image.layers.map(({ digest }) => digest) },
  };
}

function descriptor(content: Uint8Array): { digest: string; size: number } {
  return { digest: `sha256:${sha256(content)}`, size: content.length };
}

function json(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
