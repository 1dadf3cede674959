// A CRL: judged before it is loaded (issuer, signature, dates: OpenSSL would accept any and then refuse every client), and asked
// again at each reload about the clients that are connected.
import { verify, type KeyObject, type X509Certificate } from 'node:crypto';
import { readChildren, readOid, readSerialNumber, readTimeMs, readValue, TAG, type DerValue } from './der.ts';

export interface RevocationList {
  /** DER of the issuer's name, as hex. */
  readonly issuerNameHex: string;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number | undefined;
  readonly revokedSerials: ReadonlySet<string>;
  /** Whether `issuer` signed it. */
  isSignedBy(issuer: X509Certificate): boolean;
}

const DIGESTS: Readonly<Record<string, string | undefined>> = {
  '1.2.840.10045.4.3.2': 'sha256', '1.2.840.10045.4.3.3': 'sha384', '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256', '1.2.840.113549.1.1.12': 'sha384', '1.2.840.113549.1.1.13': 'sha512',
};
const ED25519 = '1.3.101.112';

/** Throws a RangeError when the DER is not that of a CRL. */
export function readRevocationList(der: Buffer): RevocationList {
  const [tbs, algorithm, signature] = complete(readChildren(der, readValue(der, 0)), 3);
  const fields = readChildren(der, tbs);
  const [, issuer, thisUpdate, ...rest] = complete(fields[0]?.tag === TAG.integer ? fields.slice(1) : fields, 3);
  const nextUpdate = rest[0]?.tag === TAG.utcTime || rest[0]?.tag === TAG.generalizedTime ? rest.shift() : undefined;
  const [oid] = complete(readChildren(der, algorithm), 1);
  return {
    issuerNameHex: der.toString('hex', issuer.start, issuer.end),
    thisUpdateMs: readTimeMs(der, thisUpdate),
    nextUpdateMs: nextUpdate === undefined ? undefined : readTimeMs(der, nextUpdate),
    revokedSerials: readSerials(der, rest[0]),
    isSignedBy: ({ publicKey }) => isSigned(der.subarray(tbs.start, tbs.end), readOid(der, oid), publicKey, der.subarray(signature.content + 1, signature.end)),
  };
}

function complete(values: readonly DerValue[], count: number): readonly [DerValue, DerValue, DerValue, ...DerValue[]] {
  if (values.length < count) throw new RangeError('the CRL is not complete');
  return values as readonly [DerValue, DerValue, DerValue, ...DerValue[]];
}

function readSerials(der: Buffer, entries: DerValue | undefined): ReadonlySet<string> {
  if (entries?.tag !== TAG.sequence) return new Set();
  return new Set(readChildren(der, entries).map((entry) => readSerialNumber(der, readValue(der, entry.content, entry.end))));
}

function isSigned(data: Buffer, algorithm: string, key: KeyObject, signature: Buffer): boolean {
  const digest = DIGESTS[algorithm];
  if (digest === undefined && algorithm !== ED25519) return false;
  try {
    return verify(digest, data, key, signature);
  } catch {
    return false; // a key of another kind than the algorithm's
  }
}
