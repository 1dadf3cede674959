// The values that people and clusters give and that end up in configuration files of other programs. One rule: what passes here means
// nothing in any of their languages (no quote, no backslash, no $, no control character), and everything else is refused, not escaped.
import { isIP } from 'node:net';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ServerName {
  readonly kind: 'DNS' | 'IP';
  readonly text: string;
}

const MAX_PATH = 1024;
/** curl takes a colon for the beginning of a password, shells and haproxy.cfg take # for a comment. */
const PATH = /^\/(?:[\p{L}\p{M}\p{N}._/@+~-]| (?! |$))*$/u;

/** What is wrong with it, or undefined. */
export function pathProblem(path: string): string | undefined {
  if (path.length > MAX_PATH) return `is longer than ${MAX_PATH} characters`;
  if (!path.startsWith('/')) return 'is not absolute';
  return PATH.test(path) ? undefined : 'stands in configuration files of other programs: letters, digits, single spaces and . _ / @ + ~ - only';
}

const LABEL = /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/** A host name or an IP address, without brackets; undefined for anything else. */
export function parseServerName(text: string): ServerName | undefined {
  // A zone (fe80::1%eth0) is no part of a certificate's name.
  if (isIP(text) !== 0) return text.includes('%') ? undefined : { kind: 'IP', text };
  const isName = text.length <= 253 && text.split('.').every((label) => LABEL.test(label)) && !/^[\d.]+$/.test(text);
  return isName ? { kind: 'DNS', text } : undefined;
}

/** HOST:PORT, or [IPv6]:PORT. */
export function parseAddress(text: string): Address | undefined {
  const [, bracketed, plain, port = ''] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const name = parseServerName(bracketed ?? plain ?? '');
  const isSixth = name !== undefined && isIP(name.text) === 6;
  if (name === undefined || isSixth !== (bracketed !== undefined)) return undefined;
  return Number(port) >= 1 && Number(port) <= 65_535 ? { host: name.text, port: Number(port) } : undefined;
}

export function formatAddress({ host, port }: Address): string {
  return `${formatHost(host)}:${port}`;
}

export function formatHost(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/** For a shell; the values that pass here hold no quote. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9._/:@+-]+$/.test(text) ? text : `'${text}'`;
}
