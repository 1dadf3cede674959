// The anchor of an authority: a self-signed certificate of the same key and subject. A root is its own anchor; an
// intermediate gets a twin, because a root above several tenants isolates nothing, and a bare intermediate is refused by
// nginx. The twin repeats the authority's limits (path length, name constraints, usages, lifetime), and may sign CRLs.
import { createHash } from 'node:crypto';

import { AsnConvert } from '@peculiar/asn1-schema';
import { KeyUsage, KeyUsageFlags } from '@peculiar/asn1-x509';

import { encodeExtension, OID, subjectKeyExtension } from './certificate-extensions.ts';
import type { EncodedExtension } from './certificate-extensions.ts';
import { encode, exactBytes } from './der-schema.ts';
import type { Issuer } from './issuer.ts';
import { describeSigned, signCertificate } from './sign-certificate.ts';

export interface Anchor {
  readonly der: Buffer;
  readonly pem: string;
  readonly sha256: string;
}

const REPEATED = [
  [OID.basicConstraints, 'critical'],
  [OID.extendedKeyUsage, 'plain'],
  [OID.nameConstraints, 'critical'],
] as const;

/**
 * Makes the anchor. The same authority gives the same bytes with RSA and Ed25519; an ECDSA signature is random, so the
 * caller must store the twin and reuse it (`anchorFitsIssuer`), or every bundle changes at every start.
 */
export async function makeAnchor(authority: Issuer): Promise<Anchor> {
  if (authority.isSelfSigned) return describeSigned(authority.certificate, []);
  const subject = exactBytes(authority.subject);
  const extensions = [...repeatedExtensions(authority.content.extensions), subjectKeyExtension(authority.subjectKeyId)];
  const der = await signCertificate(
    {
      subject,
      issuer: subject,
      publicKey: authority.content.publicKey,
      // The twin's serial needs no randomness: nobody else chooses what is signed. Derived, it is stable.
      serial: createHash('sha256').update(authority.certificate).digest().subarray(0, 16),
      notBefore: authority.notBefore,
      notAfter: authority.notAfter,
      extensions,
    },
    authority.key,
  );
  return describeSigned(der, []);
}

function repeatedExtensions(extensions: ReadonlyMap<string, ArrayBuffer>): EncodedExtension[] {
  const keyUsage = extensions.get(OID.keyUsage);
  const repeated = REPEATED.flatMap(([oid, critical]) => {
    const value = extensions.get(oid);
    return value === undefined ? [] : [encodeExtension(oid, critical, value)];
  });
  return keyUsage === undefined ? repeated : [...repeated, encodeExtension(OID.keyUsage, 'critical', withCrlSign(keyUsage))];
}

/** Clients of a tenant are checked against the tenant's CRL, which must be good under the twin. */
function withCrlSign(keyUsage: ArrayBuffer): ArrayBuffer {
  return encode(new KeyUsage(AsnConvert.parse(keyUsage, KeyUsage).toNumber() | KeyUsageFlags.cRLSign));
}
