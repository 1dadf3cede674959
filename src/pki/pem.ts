// PEM blocks in and out. One rule: an error never quotes content, because what is parsed here may be a private key
// in the wrong place.

/** One block: `label` is what stands after BEGIN, `der` its decoded content. `encrypted` is the old OpenSSL header form. */
export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
  readonly encrypted: boolean;
}

/** Thrown for text that is not well-formed PEM. The message says what is wrong and never quotes the text. */
export class PemError extends Error {
  override readonly name = 'PemError';
}

const BEGIN = '-----BEGIN ';
const LABEL = /^[A-Z0-9 ]{1,40}$/;
const HEADERS = /^(?:\s*[A-Za-z][A-Za-z0-9-]*:[^\n]*\n)+/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Reads every block in order. Text between blocks (comments, `openssl x509 -text` output) is skipped, as OpenSSL does. */
export function parsePem(text: string): PemBlock[] {
  return scanPem(text).blocks;
}

/**
 * Reads the blocks and gives what stands outside of them, for callers that must refuse anything they do not understand.
 * Searches forwards only: the text may be a megabyte that somebody wrote to keep us busy.
 */
export function scanPem(text: string): { readonly blocks: PemBlock[]; readonly outside: string } {
  const blocks: PemBlock[] = [];
  const outside: string[] = [];
  let position = 0;
  for (let begin = text.indexOf(BEGIN); begin !== -1; begin = text.indexOf(BEGIN, position)) {
    outside.push(text.slice(position, begin));
    const label = readLabel(text, begin + BEGIN.length);
    const start = begin + BEGIN.length + label.length + 5;
    const endLine = `-----END ${label}-----`;
    const end = text.indexOf(endLine, start);
    if (end === -1) throw new PemError('a PEM block has no end line');
    blocks.push(readBlock(label, text.slice(start, end)));
    position = end + endLine.length;
  }
  outside.push(text.slice(position));
  return { blocks, outside: outside.join('') };
}

/** Writes one block, 64 characters a line, with a trailing newline, so that blocks can be joined as they are. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  const lines = [];
  for (let start = 0; start < base64.length; start += 64) lines.push(base64.slice(start, start + 64));
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function readLabel(text: string, start: number): string {
  const label = text.slice(start, start + 45).split('-----', 1)[0] ?? '';
  if (!LABEL.test(label)) throw new PemError('a PEM block has no proper label');
  return label;
}

function readBlock(label: string, body: string): PemBlock {
  const headers = HEADERS.exec(body)?.[0] ?? '';
  const base64 = body.slice(headers.length).replaceAll(/\s+/g, '');
  if (!BASE64.test(base64)) throw new PemError('a PEM block is not base64');
  return { label, der: Buffer.from(base64, 'base64'), encrypted: headers.includes('ENCRYPTED') };
}
