// Curves that a key spells out by their numbers instead of naming them (RFC 3279), which RFC 5480 forbids. One rule: such a key signs
// nothing here, since node:crypto takes it for the named curve while `openssl verify` and TLS libraries refuse every chain it is in.
import { readElements, readOnlyElement, TAG } from './der.ts';

/** `1.2.840.10045.2.1` */
const EC_PUBLIC_KEY = '2a8648ce3d0201';

/** Whether a SubjectPublicKeyInfo (DER) is an EC key with anything but the name of a curve. Throws DerError. */
export function hasExplicitParameters(publicKey: Buffer): boolean {
  const [algorithm] = readElements(readOnlyElement(publicKey, TAG.sequence).content);
  const [oid, parameters] = algorithm === undefined ? [] : readElements(algorithm.content);
  return oid?.content.toString('hex') === EC_PUBLIC_KEY && parameters?.tag !== TAG.objectIdentifier;
}
