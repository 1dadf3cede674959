// What a certificate may be used for: the names Kubernetes and cert-manager use, and their X.509 bits.
import { ExtendedKeyUsage, KeyUsage, KeyUsageFlags } from '@peculiar/asn1-x509';

import { encode } from './der-schema.ts';
import { InvalidRequestError } from './invalid-request-error.ts';

const EXTENDED = {
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
} as const;

const KEY = {
  'digital signature': KeyUsageFlags.digitalSignature,
  'content commitment': KeyUsageFlags.nonRepudiation,
  'key encipherment': KeyUsageFlags.keyEncipherment,
  'key agreement': KeyUsageFlags.keyAgreement,
  'cert sign': KeyUsageFlags.keyCertSign,
  'crl sign': KeyUsageFlags.cRLSign,
} as const;

type ExtendedUsage = keyof typeof EXTENDED;
type PlainUsage = keyof typeof KEY;
export type Usage = ExtendedUsage | PlainUsage;

/** Every usage that can be asked for. `cert sign` and `crl sign` are what `isCA` gives, and are refused without it. */
export const USAGES: readonly Usage[] = [...(Object.keys(KEY) as PlainUsage[]), ...(Object.keys(EXTENDED) as ExtendedUsage[])];

/** Who asks: a leaf by the algorithm of its key, or an authority. */
export type Bearer = 'RsaLeaf' | 'Leaf' | 'Authority';

const ALWAYS: Readonly<Record<Bearer, number>> = {
  RsaLeaf: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment,
  Leaf: KeyUsageFlags.digitalSignature,
  Authority: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
};

/** The KeyUsage: what every bearer of its kind has, and what was asked for. Throws InvalidRequestError. */
export function encodeKeyUsage(usages: readonly Usage[], bearer: Bearer): ArrayBuffer {
  const asked = usages.map((usage, index) => keyUsageFlag(usage, `spec.usages[${index}]`, bearer));
  return encode(new KeyUsage(asked.reduce((flags, flag) => flags | flag, ALWAYS[bearer])));
}

/** The ExtendedKeyUsage, or `undefined` when none was asked for: the certificate is then good for anything. */
export function encodeExtendedKeyUsage(usages: readonly Usage[]): ArrayBuffer | undefined {
  const oids = new Set(usages.filter(isExtended).map((usage) => EXTENDED[usage]));
  return oids.size === 0 ? undefined : encode(new ExtendedKeyUsage([...oids]));
}

function isExtended(usage: Usage): usage is ExtendedUsage {
  return Object.hasOwn(EXTENDED, usage);
}

function keyUsageFlag(usage: Usage, field: string, bearer: Bearer): number {
  if (isExtended(usage)) return 0;
  if (!Object.hasOwn(KEY, usage)) throw new InvalidRequestError(field, `is none of ${USAGES.join(', ')}`);
  if (bearer !== 'Authority' && (usage === 'cert sign' || usage === 'crl sign')) {
    throw new InvalidRequestError(field, `"${usage}" is for authorities, see spec.isCA`);
  }
  if (bearer !== 'RsaLeaf' && usage === 'key encipherment') throw new InvalidRequestError(field, `"${usage}" needs an RSA key of a leaf`);
  return KEY[usage];
}
