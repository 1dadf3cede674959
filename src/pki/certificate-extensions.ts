// The extensions of certificates and CRLs, encoded. What does not change between certificates is encoded once.
import { createHash } from 'node:crypto';

import { OctetString } from '@peculiar/asn1-schema';
import { AuthorityKeyIdentifier, BasicConstraints, Extension, KeyIdentifier, SubjectKeyIdentifier } from '@peculiar/asn1-x509';

import { DerError, readElements, readOnlyElement, TAG } from './der.ts';
import { encode, exactBytes } from './der-schema.ts';

export const OID = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  cRLNumber: '2.5.29.20',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** One extension as DER, ready to be put in place. */
export type EncodedExtension = ArrayBuffer;

export function encodeExtension(oid: string, critical: 'critical' | 'plain', value: ArrayBuffer): EncodedExtension {
  return encode(new Extension({ extnID: oid, critical: critical === 'critical', extnValue: new OctetString(value) }));
}

export const NOT_AN_AUTHORITY = encodeExtension(OID.basicConstraints, 'critical', encode(new BasicConstraints({ cA: false })));

export function authorityConstraints(pathLen: number | undefined): EncodedExtension {
  const constraints = new BasicConstraints({ cA: true });
  if (pathLen !== undefined) constraints.pathLenConstraint = pathLen;
  return encodeExtension(OID.basicConstraints, 'critical', encode(constraints));
}

export function subjectKeyExtension(keyId: Uint8Array): EncodedExtension {
  return encodeExtension(OID.subjectKeyIdentifier, 'plain', encode(new SubjectKeyIdentifier(exactBytes(keyId))));
}

export function authorityKeyExtension(keyId: Uint8Array): EncodedExtension {
  const identifier = new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(exactBytes(keyId)) });
  return encodeExtension(OID.authorityKeyIdentifier, 'plain', encode(identifier));
}

/** RFC 7093, method 1: the leftmost 160 bits of the SHA-256 of the public key. */
export function computeKeyId(publicKey: Buffer): Buffer {
  const [, subjectPublicKey] = readElements(readOnlyElement(publicKey, TAG.sequence).content);
  if (subjectPublicKey?.tag !== TAG.bitString) throw new DerError('not a SubjectPublicKeyInfo');
  return createHash('sha256').update(subjectPublicKey.content.subarray(1)).digest().subarray(0, 20);
}

/** Remembers encodings by what they were made from; keys come from closed sets, so the cache stays small. */
export function remember<T>(cache: Map<string, T>, key: string, make: () => T): T {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make();
  cache.set(key, made);
  return made;
}
