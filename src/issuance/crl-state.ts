// What the CRL of an issuer says, as it is kept in the Secret `<ca>-crl`. Rule: a state that cannot be read is never replaced by an empty
// one: the numbers would start again and revoked certificates would be good again.
import { REVOCATION_REASONS } from '../api/closed-sets.ts';
import type { RevocationReason } from '../api/tenant-certificate.ts';
import { instant, parseInstant, writeInstant } from './instant.ts';

/** The keys of the Secret for the CRL of one issuer, who is known by name and key: `crlIssuerId`. */
export function crlKeys(id: string): { readonly state: string; readonly crl: string } {
  return { state: `${id}.json`, crl: `${id}.crl` };
}

/** The key under which the CRLs in force stand together, as PEM. */
export const CRL_BUNDLE_KEY = 'ca.crl';

export interface CrlEntry {
  /** As `openssl x509 -serial` prints it. */
  readonly serialNumber: string;
  /** Of the CA certificate that signed it. */
  readonly issuerSHA256: string;
  readonly reason: RevocationReason;
  readonly revokedAt: Date;
  /** Of the certificate: after it, the entry has no meaning. */
  readonly notAfter: Date;
}

export interface CrlState {
  /** cRLNumber of the CRL that was signed last. */
  readonly number: bigint;
  /** CA certificate whose key signed it. */
  readonly issuerSHA256: string;
  readonly signedAt: Date;
  readonly nextUpdate: Date;
  /** In the order in which they were revoked; each serial of an issuer once. */
  readonly entries: readonly CrlEntry[];
}

/** Rows, not records: 20 000 entries in less than half of the space. */
type Row = readonly [serialNumber: string, issuer: number, reason: number, revokedAt: number, notAfter: number];

/** One line for the head and one for each entry, so that a diff of two states is readable. */
export function writeCrlState({ number, issuerSHA256, signedAt, nextUpdate, entries }: CrlState): string {
  const issuers = [...new Set(entries.map((entry) => entry.issuerSHA256))];
  const rows = entries.map((entry): Row => [
    entry.serialNumber, issuers.indexOf(entry.issuerSHA256), REVOCATION_REASONS.indexOf(entry.reason), seconds(entry.revokedAt), seconds(entry.notAfter),
  ]);
  const head = JSON.stringify({ version: 1, number: number.toString(), issuerSHA256, signedAt: writeInstant(signedAt), nextUpdate: writeInstant(nextUpdate), issuers });
  return `${head.slice(0, -1)},"entries":[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]}\n`;
}

/** Undefined when it is malformed; whoever reads it then stops and says so. */
export function readCrlState(text: string): CrlState | undefined {
  const parsed = parseJson(text);
  if (!isRecord(parsed) || parsed['version'] !== 1 || typeof parsed['number'] !== 'string' || !/^\d{1,48}$/u.test(parsed['number'])) return undefined;
  const [signedAt, nextUpdate] = [parseTime(parsed['signedAt']), parseTime(parsed['nextUpdate'])];
  const entries = readRows(parsed['entries'], parsed['issuers']);
  const { issuerSHA256 } = parsed;
  if (signedAt === undefined || nextUpdate === undefined || entries === undefined || typeof issuerSHA256 !== 'string') return undefined;
  return { number: BigInt(parsed['number']), issuerSHA256, signedAt, nextUpdate, entries };
}

function readRows(rows: unknown, issuers: unknown): CrlEntry[] | undefined {
  if (!Array.isArray(rows) || !Array.isArray(issuers)) return undefined;
  const entries = rows.map((row: unknown) => readRow(row, issuers)).filter((entry) => entry !== undefined);
  return entries.length === rows.length ? entries : undefined;
}

function readRow(row: unknown, issuers: readonly unknown[]): CrlEntry | undefined {
  if (!Array.isArray(row)) return undefined;
  const [serialNumber, issuer, reason, revokedAt, notAfter] = row as unknown[];
  const [issuerSHA256, reasonName] = [issuers[Number(issuer)], REVOCATION_REASONS[Number(reason)]];
  const [from, to] = [fromSeconds(revokedAt), fromSeconds(notAfter)];
  if (typeof serialNumber !== 'string' || typeof issuerSHA256 !== 'string') return undefined;
  return reasonName && from && to && { serialNumber, issuerSHA256, reason: reasonName, revokedAt: from, notAfter: to };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseTime(value: unknown): Date | undefined {
  return typeof value === 'string' ? parseInstant(value) : undefined;
}

function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}

function fromSeconds(value: unknown): Date | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? instant(value * 1000) : undefined;
}
