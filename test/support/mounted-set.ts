// The projected volume of a sidecar as the kubelet writes it: a new directory for each set, and ..data swapped by rename.
import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CONFIG_FILES } from '../../src/api/names.ts';
import { writeManifest } from '../../src/api/manifest.ts';

export type Files = Readonly<Record<string, string>>;

/** The manifest that goes with `files`. */
export function manifestOf(files: Files, revision = 1): string {
  const sums = Object.entries(files).filter(([path]) => path !== CONFIG_FILES.manifest).map(([path, content]) => [path, createHash('sha256').update(content).digest('hex')] as const);
  return writeManifest({ revision, serialNumber: '0A', certificateNotAfter: 1_900_000_000, crlNumbers: {}, files: Object.fromEntries(sums) });
}

export function withManifest(files: Files, revision = 1): Files {
  return { ...files, [CONFIG_FILES.manifest]: manifestOf(files, revision) };
}

export class MountedSet {
  readonly directory: string;
  #current: string | undefined;
  #count = 0;

  constructor(directory: string) {
    this.directory = directory;
    for (const name of ['certs', 'caCerts', 'conf', 'entry']) symlinkSync(`..data/${name}`, join(directory, name));
  }

  /** Shows `files` instead of the set before, as one swap. */
  swap(files: Files): void {
    const name = `..2026_11_24_${(this.#count += 1)}`;
    for (const [path, content] of Object.entries(files)) {
      const target = join(this.directory, name, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, content, { mode: path.startsWith('entry/') ? 0o555 : 0o444 });
    }
    symlinkSync(name, join(this.directory, '..data_tmp'));
    renameSync(join(this.directory, '..data_tmp'), join(this.directory, '..data'));
    if (this.#current !== undefined) rmSync(join(this.directory, this.#current), { recursive: true });
    this.#current = name;
  }
}
