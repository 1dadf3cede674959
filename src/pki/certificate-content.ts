// What stands in a certificate, beyond what node:crypto tells: raw names, key identifiers, CA flags, constraints, SANs.
// One rule: it only reads; node:crypto has accepted the certificate before, and decides about signatures.
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  ExtendedKeyUsage,
  KeyUsage,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
} from '@peculiar/asn1-x509';
import type { GeneralName } from '@peculiar/asn1-x509';

import { OID } from './certificate-extensions.ts';
import { DerError, readElements, readOnlyElement, readTime, TAG } from './der.ts';
import type { DerElement } from './der.ts';
import { exactBytes } from './der-schema.ts';
import { readNameConstraints } from './name-constraints.ts';
import type { NameConstraints } from './name-constraints.ts';
import type { AlternativeNames } from './subject-alternative-names.ts';

/** What can be read of any certificate, however exotic its extensions. Names and key as DER. */
export interface CertificateSkeleton {
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly publicKey: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Raw values of the extensions by OID, for those in `OID`. */
  readonly extensions: ReadonlyMap<string, ArrayBuffer>;
}

export interface CertificateContent extends CertificateSkeleton {
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

/** Reads DER; throws when an extension cannot be decoded. For certificates we issue or issue from. */
export function readCertificateContent(der: Buffer): CertificateContent {
  const skeleton = readCertificateSkeleton(der);
  const { extensions } = skeleton;
  return {
    ...skeleton,
    ...readBasicConstraints(extensions),
    ...readUsages(extensions),
    ...readIdentifiers(extensions),
    ...readNames(extensions),
  };
}

/** Reads DER; throws DerError. */
export function readCertificateSkeleton(der: Buffer): CertificateSkeleton {
  const [tbs] = readElements(readOnlyElement(der, TAG.sequence).content);
  const fields = tbs ? readElements(tbs.content) : [];
  // Certificates of version 1 do not say so.
  const [, , issuer, validity, subject, publicKey, ...rest] = fields[0]?.tag === TAG.context0 ? fields.slice(1) : fields;
  if (!issuer || !validity || !subject || !publicKey) throw new DerError('not an X.509 certificate');
  return {
    subject: subject.raw,
    issuer: issuer.raw,
    publicKey: publicKey.raw,
    ...readValidity(validity),
    extensions: readExtensions(rest.find(({ tag }) => tag === TAG.context3)),
  };
}

function readValidity(validity: DerElement): Pick<CertificateContent, 'notBefore' | 'notAfter'> {
  const [notBefore, notAfter] = readElements(validity.content).map(readTime);
  if (!notBefore || !notAfter) throw new DerError('a certificate without validity');
  return { notBefore, notAfter };
}

function readExtensions(extensions: DerElement | undefined): Map<string, ArrayBuffer> {
  if (extensions === undefined) return new Map();
  return new Map(readElements(readOnlyElement(extensions.content, TAG.sequence).content).map(readExtension));
}

/** SEQUENCE { OID, critical BOOLEAN?, OCTET STRING } */
function readExtension({ content }: DerElement): [string, ArrayBuffer] {
  const elements = readElements(content);
  const [oid, value] = [elements[0], elements.at(-1)];
  if (oid?.tag !== TAG.objectIdentifier || value?.tag !== TAG.octetString) throw new DerError('not an extension');
  return [OID_TEXT.get(oid.content.toString('hex')) ?? oid.content.toString('hex'), exactBytes(value.content)];
}

/** The extensions read here are all below 2.5.29; others keep the hex of their OID, which nobody looks up. */
const OID_TEXT = new Map(Object.values(OID).map((oid) => [`551d${Number(oid.split('.').at(-1)).toString(16).padStart(2, '0')}`, oid as string]));

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
