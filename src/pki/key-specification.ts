// Which keys exist here: a closed table of algorithm and size, with the signature each of them makes.
// The hash follows the key that signs (RFC 5758, RFC 8410), never the key that is certified.
import type { KeyObject } from 'node:crypto';

export type KeySpecification =
  | { readonly algorithm: 'ECDSA'; readonly size: 256 | 384 | 521 }
  | { readonly algorithm: 'RSA'; readonly size: 2048 | 3072 | 4096 }
  | { readonly algorithm: 'Ed25519' };

export type KeyAlgorithm = KeySpecification['algorithm'];

/** What a key signs with: the hash for node:crypto (`null`: none, Ed25519), and the identifier X.509 writes. */
export interface SignatureScheme {
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null;
  readonly oid: string;
  /** RSA identifiers carry a NULL, the others carry nothing. */
  readonly parameters: 'null' | 'absent';
}

export const CURVES = {
  256: { name: 'prime256v1', signature: { hash: 'sha256', oid: '1.2.840.10045.4.3.2', parameters: 'absent' } },
  384: { name: 'secp384r1', signature: { hash: 'sha384', oid: '1.2.840.10045.4.3.3', parameters: 'absent' } },
  521: { name: 'secp521r1', signature: { hash: 'sha512', oid: '1.2.840.10045.4.3.4', parameters: 'absent' } },
} as const;

const RSA_SIGNATURE: SignatureScheme = { hash: 'sha256', oid: '1.2.840.113549.1.1.11', parameters: 'null' };
const ED25519_SIGNATURE: SignatureScheme = { hash: null, oid: '1.3.101.112', parameters: 'absent' };
const CURVE_SIZES = [256, 384, 521] as const;

/** The algorithm of a key as users name it; `size` is absent for Ed25519. RSA keys of others may have any size from 2048. */
export interface KeyDescription {
  readonly algorithm: KeyAlgorithm;
  readonly size?: number;
}

/** Describes a private or public key, or `undefined` when it is of a kind that no listener and no issuer here may use. */
export function describeKey(key: KeyObject): KeyDescription | undefined {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'ed25519') return { algorithm: 'Ed25519' };
  if (key.asymmetricKeyType === 'ec') {
    const size = CURVE_SIZES.find((size) => CURVES[size].name === details?.namedCurve);
    return size === undefined ? undefined : { algorithm: 'ECDSA', size };
  }
  const bits = details?.modulusLength ?? 0;
  return key.asymmetricKeyType === 'rsa' && bits >= 2048 ? { algorithm: 'RSA', size: bits } : undefined;
}

/** The signature that a key of this description makes. */
export function signatureScheme(description: KeyDescription): SignatureScheme {
  if (description.algorithm === 'RSA') return RSA_SIGNATURE;
  if (description.algorithm === 'Ed25519') return ED25519_SIGNATURE;
  const size = CURVE_SIZES.find((size) => size === description.size) ?? 256;
  return CURVES[size].signature;
}
