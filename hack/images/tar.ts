// A writer of tar archives (POSIX ustar), just enough for image layers. The same entries give the same bytes: no times,
// no owners but root.

export type TarEntry =
  | { readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly path: string; readonly linkTo: string }
  | { readonly path: string; readonly mode: number; readonly folder: true };

const block = 512;

/** The chunks of an archive; join or write them in order. */
export function tar(entries: readonly TarEntry[]): Uint8Array[] {
  const chunks = entries.flatMap((entry) => ('content' in entry ? [header(entry), entry.content, padding(entry.content.length)] : [header(entry)]));
  return [...chunks, new Uint8Array(2 * block)];
}

function padding(size: number): Uint8Array {
  return new Uint8Array((block - (size % block)) % block);
}

function header(entry: TarEntry): Uint8Array {
  const bytes = Buffer.alloc(block);
  const [prefix, name] = split(entry.path);
  bytes.write(name, 0);
  bytes.write(octal('mode' in entry ? entry.mode : 0o777, 8), 100);
  bytes.write(octal(0, 8), 108);
  bytes.write(octal(0, 8), 116);
  bytes.write(octal('content' in entry ? entry.content.length : 0, 12), 124);
  bytes.write(octal(0, 12), 136);
  bytes.write(typeFlag(entry), 156);
  if ('linkTo' in entry) bytes.write(entry.linkTo, 157);
  bytes.write('ustar\u000000', 257);
  bytes.write(prefix, 345);
  // The checksum counts its own field as eight spaces.
  bytes.fill(' ', 148, 156);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

function typeFlag(entry: TarEntry): string {
  if ('linkTo' in entry) return '2';
  return 'folder' in entry ? '5' : '0';
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}

/** ustar keeps 100 bytes of name and 155 of the folders before it. */
function split(path: string): [prefix: string, name: string] {
  if (path.length <= 100) return ['', path];
  const slash = path.indexOf('/', path.length - 101);
  if (slash < 0 || slash > 155) throw new Error(`path too long for a tar archive: ${path}`);
  return [path.slice(0, slash), path.slice(slash + 1)];
}
