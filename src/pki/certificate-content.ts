// What stands in a certificate, beyond what node:crypto tells: raw names, key identifiers, CA flags, constraints, SANs.
// One rule: it only reads; node:crypto has accepted the certificate before, and decides about signatures.
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  ExtendedKeyUsage,
  Extensions,
  KeyUsage,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
} from '@peculiar/asn1-x509';
import type { GeneralName } from '@peculiar/asn1-x509';

import { OID } from './certificate-extensions.ts';
import { exactBytes, Signed, TbsCertificate } from './der-schema.ts';
import { readNameConstraints } from './name-constraints.ts';
import type { NameConstraints } from './name-constraints.ts';
import type { AlternativeNames } from './subject-alternative-names.ts';

export interface CertificateContent {
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly publicKey: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Raw values of the extensions by OID. */
  readonly extensions: ReadonlyMap<string, ArrayBuffer>;
  readonly isCA: boolean;
  readonly pathLen?: number;
  /** Absent when the certificate has no KeyUsage, which allows everything. */
  readonly keyUsage?: readonly string[];
  readonly extendedKeyUsage?: readonly string[];
  readonly subjectKeyId?: Buffer;
  readonly nameConstraints?: NameConstraints;
  readonly names: AlternativeNames;
  /** SANs of kinds that are not written here (directoryName, otherName, registeredID). */
  readonly hasOtherNames: boolean;
}

/** Reads DER; throws when a part of it cannot be decoded. */
export function readCertificateContent(der: Uint8Array): CertificateContent {
  const tbs = AsnConvert.parse(AsnConvert.parse(exactBytes(der), Signed).content, TbsCertificate);
  const list = tbs.extensions === undefined ? [] : AsnConvert.parse(tbs.extensions, Extensions);
  const extensions = new Map(list.map((extension) => [extension.extnID, exactBytes(new Uint8Array(extension.extnValue.buffer))]));
  return {
    subject: Buffer.from(tbs.subject),
    issuer: Buffer.from(tbs.issuer),
    publicKey: Buffer.from(tbs.subjectPublicKeyInfo),
    notBefore: tbs.validity.notBefore.getTime(),
    notAfter: tbs.validity.notAfter.getTime(),
    extensions,
    ...readBasicConstraints(extensions),
    ...readUsages(extensions),
    ...readIdentifiers(extensions),
    ...readNames(extensions),
  };
}

type ExtensionValues = ReadonlyMap<string, ArrayBuffer>;

function readBasicConstraints(extensions: ExtensionValues): Pick<CertificateContent, 'isCA' | 'pathLen'> {
  const value = extensions.get(OID.basicConstraints);
  if (value === undefined) return { isCA: false };
  const { cA, pathLenConstraint } = AsnConvert.parse(value, BasicConstraints);
  return pathLenConstraint === undefined ? { isCA: cA } : { isCA: cA, pathLen: pathLenConstraint };
}

function readUsages(extensions: ExtensionValues): Pick<CertificateContent, 'keyUsage' | 'extendedKeyUsage'> {
  const keyUsage = extensions.get(OID.keyUsage);
  const extended = extensions.get(OID.extendedKeyUsage);
  return {
    ...(keyUsage && { keyUsage: AsnConvert.parse(keyUsage, KeyUsage).toJSON() }),
    ...(extended && { extendedKeyUsage: [...AsnConvert.parse(extended, ExtendedKeyUsage)] }),
  };
}

function readIdentifiers(extensions: ExtensionValues): Pick<CertificateContent, 'subjectKeyId' | 'nameConstraints'> {
  const keyId = extensions.get(OID.subjectKeyIdentifier);
  const constraints = extensions.get(OID.nameConstraints);
  return {
    ...(keyId && { subjectKeyId: Buffer.from(AsnConvert.parse(keyId, SubjectKeyIdentifier).buffer) }),
    ...(constraints && { nameConstraints: readNameConstraints(constraints) }),
  };
}

function readNames(extensions: ExtensionValues): Pick<CertificateContent, 'names' | 'hasOtherNames'> {
  const value = extensions.get(OID.subjectAlternativeName);
  const list: readonly GeneralName[] = value === undefined ? [] : Array.from(AsnConvert.parse(value, SubjectAlternativeName));
  const names = {
    dnsNames: list.flatMap((name) => name.dNSName ?? []),
    ipAddresses: list.flatMap((name) => name.iPAddress ?? []),
    uris: list.flatMap((name) => name.uniformResourceIdentifier ?? []),
    emailAddresses: list.flatMap((name) => name.rfc822Name ?? []),
  };
  return { names, hasOtherNames: list.length > Object.values(names).flat().length };
}
