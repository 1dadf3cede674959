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

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([\s\S]*?)-----END ([A-Z0-9 ]{1,40})-----/g;
const HEADERS = /^(?:\s*[A-Za-z][A-Za-z0-9-]*:[^\n]*\n)+/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Reads every block in order. Text between blocks (comments, `openssl x509 -text` output) is skipped, as OpenSSL does. */
export function parsePem(text: string): PemBlock[] {
  const blocks = [...text.matchAll(BLOCK)].map(([, begin, body, end]) => readBlock(begin ?? '', body ?? '', end ?? ''));
  const begins = text.split('-----BEGIN ').length - 1;
  if (begins !== blocks.length) throw new PemError('a PEM block has no end line, or is broken inside');
  return blocks;
}

/** What stands outside the blocks, for callers that must refuse anything they do not understand. */
export function textOutsidePem(text: string): string {
  return text.replaceAll(BLOCK, '');
}

/** Writes one block, 64 characters a line, with a trailing newline, so that blocks can be joined as they are. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  const lines = [];
  for (let start = 0; start < base64.length; start += 64) lines.push(base64.slice(start, start + 64));
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function readBlock(begin: string, body: string, end: string): PemBlock {
  if (begin !== end) throw new PemError('a PEM block begins with one label and ends with another');
  const headers = HEADERS.exec(body)?.[0] ?? '';
  const base64 = body.slice(headers.length).replaceAll(/\s+/g, '');
  if (!BASE64.test(base64)) throw new PemError('a PEM block is not base64');
  return { label: begin, der: Buffer.from(base64, 'base64'), encrypted: headers.includes('ENCRYPTED') };
}
