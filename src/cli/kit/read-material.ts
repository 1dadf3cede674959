// A TenantCertificate and its Secret -> what goes into a kit, or the refusal. Pure. One rule: only what was decoded, fits together and is
// what the status names is handed on, encoded anew; no error quotes content.
import type { X509Certificate } from 'node:crypto';
import { OWN_ANNOTATION } from '../../api/names.ts';
import type { Secret } from '../../api/object-meta.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import { certificateMatchesKey, inspectCertificate } from '../../pki/inspect-certificate.ts';
import type { InspectedCertificate } from '../../pki/inspect-certificate.ts';
import { PemError, encodePem, parsePem } from '../../pki/pem.ts';
import { PrivateKeyError, readPrivateKey } from '../../pki/private-key.ts';
import type { PrivateKey } from '../../pki/private-key.ts';
import { parseTrust } from '../../pki/trust-bundle.ts';
import { chooseCrls } from './choose-crls.ts';
import type { KitMaterial, Role } from './kit-parts.ts';
import { KitRefused } from './kit-refused.ts';

export interface KitObjects {
  /** As they were asked for; what the answers call themselves is not relied on. */
  readonly namespace: string;
  readonly name: string;
  readonly certificate: TenantCertificate;
  readonly secret: Secret;
  /** Texts in which CRLs of its authority may stand. */
  readonly crlTexts: readonly string[];
}

/** The Secret that a ready TenantCertificate names; throws KitRefused where it is not ready, or is no certificate to hand out. */
export function secretNameOf({ metadata, spec, status = {} }: TenantCertificate): string {
  const who = `TenantCertificate ${metadata.namespace}/${metadata.name}`;
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  if (spec.isCA) throw new KitRefused(`${who} is an authority: its key signs certificates and belongs into no kit`);
  if (ready === undefined || status.observedGeneration !== metadata.generation) throw new KitRefused(`${who} has not been reconciled yet: try again, and see kubectl tenant-mtls doctor if it stays so`);
  if (ready.status !== 'True') throw new KitRefused(`${who} is not ready: ${ready.reason}: ${printable(ready.message)}`);
  return status.secretName ?? spec.secretName ?? `${metadata.name}-tls`;
}

/** Throws KitRefused. */
export function readMaterial({ namespace, name, certificate: { status = {} }, secret, crlTexts }: KitObjects, now: Date): KitMaterial {
  const refuse: Refuse = (what) => new KitRefused(`the Secret of TenantCertificate ${namespace}/${name} ${what}`);
  if (secret.metadata.annotations?.[OWN_ANNOTATION.certificateName] !== name) throw refuse('was not written for it: it is of somebody else and left alone');
  const text = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
  const pair = readPair(text, refuse);
  if (pair.leaf.sha256 !== status.certificateSHA256) throw refuse('holds another certificate than the status says: it is being renewed or repaired; try again');
  if (pair.leaf.notAfter <= now) throw refuse(`holds a certificate that expired at ${pair.leaf.notAfter.toISOString()}`);
  const trust = parseTrust(text('ca.crt'));
  if (!trust.ok) throw refuse(`holds no usable ca.crt: ${trust.message}`);
  return {
    namespace, name,
    ...describePair(pair),
    anchors: trust.certificates.map((der) => encodePem('CERTIFICATE', der)),
    ...chooseCrls(trust.certificates, crlTexts, now),
    ...(status.renewalTime === undefined ? {} : { renewalTime: new Date(status.renewalTime) }),
  };
}

type Refuse = (what: string) => KitRefused;

interface Pair {
  readonly leaf: InspectedCertificate;
  readonly intermediates: readonly InspectedCertificate[];
  readonly key: PrivateKey;
}

function readPair(text: (key: string) => string, refuse: Refuse): Pair {
  const [leaf, ...intermediates] = chain(text('tls.crt'));
  if (leaf === undefined) throw refuse('holds no readable certificate');
  const key = keyOf(text('tls.key'));
  if (key === 'unreadable' || !certificateMatchesKey(leaf, key)) throw refuse('holds no key that fits its certificate');
  return { leaf, intermediates, key };
}

function describePair({ leaf, intermediates, key }: Pair): Pick<KitMaterial, 'key' | 'leafPem' | 'intermediatesPem' | 'serialNumber' | 'notAfter' | 'roles'> {
  const { serialNumber, notAfter, x509 } = leaf;
  return { key, serialNumber, notAfter, leafPem: pemOf(x509), intermediatesPem: intermediates.map((each) => pemOf(each.x509)).join(''), roles: rolesOf(x509) };
}

function printable(text: string): string {
  return text.replaceAll(/\p{C}+/gu, ' ');
}

function pemOf({ raw }: X509Certificate): string {
  return encodePem('CERTIFICATE', raw);
}

/** Leaf first; empty where any block is something else. */
function chain(text: string): InspectedCertificate[] {
  const blocks = blocksOf(text);
  const inspected = blocks.map(({ label, der }) => (label === 'CERTIFICATE' ? inspectCertificate(encodePem(label, der)) : undefined));
  return inspected.every((each) => each !== undefined) ? inspected : [];
}

function blocksOf(text: string): ReturnType<typeof parsePem> {
  try {
    return parsePem(text);
  } catch (error) {
    if (error instanceof PemError) return [];
    throw error;
  }
}

function keyOf(text: string): PrivateKey | 'unreadable' {
  try {
    return readPrivateKey(text);
  } catch (error) {
    if (error instanceof PrivateKeyError) return 'unreadable';
    throw error;
  }
}

const EXTENDED_USAGE: Readonly<Record<Role, string>> = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };

/** A certificate without the extension may be used for both (RFC 5280, 4.2.1.12). */
function rolesOf(certificate: X509Certificate): Set<Role> {
  const usages: readonly string[] | undefined = certificate.keyUsage;
  return new Set((['server', 'client'] as const).filter((role) => usages === undefined || usages.includes(EXTENDED_USAGE[role])));
}
