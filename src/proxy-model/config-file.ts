// A file that a sidecar loads, as a value: renderers return files, someone else writes them.

export interface ConfigFile {
  /** Relative to SIDECAR.directory; its last part is the key in the ConfigMap. */
  readonly path: string;
  readonly mode: 0o444 | 0o555;
  readonly content: string;
}
