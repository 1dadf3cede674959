// What the sources of a certificate's trust hold now. One rule: from what others wrote only certificates and CRLs are taken over, a
// CRL only when one of the source's authorities signed it; a source that is not good refuses the whole. Behind a Secret of ours stands an authority.
import type { Refusal } from '../../api/conditions.ts';
import type { ConfigMap, Secret } from '../../api/object-meta.ts';
import type { TrustSource } from '../../api/tenant-certificate.ts';
import type { Reference } from '../../kube/referenced-objects.ts';
import { authorityId } from '../../pki/authority-id.ts';
import { readCertificateSkeleton } from '../../pki/certificate-content.ts';
import { sha256Hex } from '../../pki/inspect-certificate.ts';
import { encodePem, parsePem, PemError } from '../../pki/pem.ts';
import { decodeCrl, verifyCrl } from '../../pki/read-crl.ts';
import { crlCoverage, parseTrust } from '../../pki/trust-bundle.ts';
import type { TrustLookup, TrustMaterial, TrustedCrl } from '../../proxy-model/trust-lookup.ts';
import { describeAnchor } from '../authorities/anchor-store.ts';
import type { Authority } from '../authorities/authority.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { authorityBehind } from './trusted-authority.ts';

/** Thrown while a source has not been read yet; whoever asked is woken when it has. */
export class TrustPending extends Error {
  override readonly name = 'TrustPending';
}

export interface TrustRequester {
  readonly context: ReconcilerContext;
  readonly namespace: string;
  readonly now: Date;
}

export function trustLookup(requester: TrustRequester, own: Authority | undefined): TrustLookup {
  const { context, namespace } = requester;
  return (source) => {
    if (source.kind === 'OwnIssuer') return own === undefined ? missing('the certificate\'s own issuer is not ready') : materialOf(own);
    const ref = { namespace, name: source.name ?? '' };
    switch (source.kind) {
      case 'Tenant': return tenantMaterial(context, ref.name);
      case 'Secret': return secretMaterial(requester, source, context.referencedSecrets.get(ref));
      case 'ConfigMap': return parsed(requester, source, configMapText(context.referencedConfigMaps.get(ref)));
      case 'System': return { certificates: [], crls: [] };
    }
  };
}

function missing(message: string): Refusal {
  return { reason: 'TrustSourceMissing', message };
}

function materialOf({ anchors, crls, tenant }: Authority): TrustMaterial {
  return {
    certificates: anchors.map(({ pem, sha256, subject }) => ({ pem, sha256, subject })),
    crls: crls.map(({ nextUpdate, ...crl }) => ({ ...crl, nextUpdate: nextUpdate.getTime() / 1000 })),
    ...(tenant === undefined ? {} : { tenant }),
  };
}

function tenantMaterial(context: ReconcilerContext, name: string): TrustMaterial | Refusal {
  const authority = knownAuthority(context, `Tenant/${name}`);
  return 'reason' in authority ? missing(`Tenant ${name} has no usable authority: ${authority.message}`) : materialOf(authority);
}

function knownAuthority({ authorities }: ReconcilerContext, key: string): Authority | Refusal {
  const state = authorities.get(key);
  if (state === undefined) throw new TrustPending(key);
  return state.kind === 'ready' ? state.authority : state.refusal;
}

/** Where it holds an anchor of one of our authorities, all that belongs to that authority: what is there may be one step behind or ahead. */
function secretMaterial(requester: TrustRequester, source: TrustSource, reference: Reference<Secret>): TrustMaterial | Refusal {
  const read = secretText(reference);
  const key = reference.state === 'present' ? authorityBehind(requester.context.caches, source, reference.object) : undefined;
  if (read === undefined || key === undefined) return parsed(requester, source, read);
  const place = `Secret/${requester.namespace}/${source.name}`;
  const authority = knownAuthority(requester.context, key);
  if ('reason' in authority) return missing(`the authority behind Secret ${source.name} is not usable: ${authority.message}`);
  // The authority has not seen yet that its Secret was overwritten; it wakes us when it has.
  if (key === place && !holdsOneOf(read('tls.crt'), authority.issuers)) throw new TrustPending(key);
  return followsAuthority(source, read, authority) ? materialOf(authority) : parsed(requester, source, read);
}

/** A CRL of its own is not given up for none. */
function followsAuthority({ key, crlKey }: TrustSource, read: ReadKey, { anchors, crls }: Authority): boolean {
  if (crlKey !== undefined && crls.length === 0) return false;
  return key === 'tls.crt' || holdsOneOf(read('ca.crt'), anchors.map(({ sha256 }) => sha256));
}

function holdsOneOf(pem: string | undefined, hashes: readonly string[]): boolean {
  try {
    return parsePem(pem ?? '').some(({ der }) => hashes.includes(sha256Hex(der)));
  } catch (error) {
    if (error instanceof PemError) return false;
    throw error;
  }
}

type ReadKey = (key: string) => string | undefined;

function secretText(reference: Reference<Secret>): ReadKey | undefined {
  if (reference.state === 'unknown') throw new TrustPending('Secret');
  if (reference.state === 'absent') return undefined;
  const { data = {} } = reference.object;
  return (key) => (data[key] === undefined ? undefined : Buffer.from(data[key], 'base64').toString());
}

function configMapText(reference: Reference<ConfigMap>): ReadKey | undefined {
  if (reference.state === 'unknown') throw new TrustPending('ConfigMap');
  if (reference.state === 'absent') return undefined;
  const { data = {} } = reference.object;
  return (key) => data[key];
}

function parsed({ context, namespace, now }: TrustRequester, { kind, name = '', key = 'ca.crt', crlKey }: TrustSource, read: ReadKey | undefined): TrustMaterial | Refusal {
  const source = `${kind} ${namespace}/${name}`;
  if (read === undefined) return missing(`${source} does not exist`);
  const keys = crlKey === undefined ? [key] : [key, crlKey];
  const absent = keys.find((each) => (read(each) ?? '') === '');
  if (absent !== undefined) return missing(`${source} has no key ${absent}`);
  const malformed = (message: string): Refusal => ({ reason: 'TrustSourceMalformed', message: `${source}, key ${keys.join(' and ')}: ${message}` });
  const result = parseTrust(keys.map(read).join('\n'));
  if (!result.ok) return malformed(result.message);
  const revoked = result.certificates.map((der) => context.authorities.findRevoked(authorityId(readCertificateSkeleton(der)))).find((each) => each !== undefined);
  if (revoked !== undefined) return missing(`${source}, key ${key}, holds the anchor of a CA that is revoked: ${revoked.message}`);
  if (crlCoverage(result) === 'Some') return malformed('some authorities have a CRL and some have none: give all of them one or none');
  const crls = result.crls.map((der) => judgeCrl(der, result.certificates, now));
  const bad = crls.find((crl): crl is string => typeof crl === 'string');
  if (bad !== undefined) return malformed(bad);
  return { certificates: result.certificates.map((der) => describeAnchor(encodePem('CERTIFICATE', der))), crls: crls.filter((crl) => typeof crl !== 'string') };
}

/** TLS servers accept a foreign or expired CRL when they load it, and shut everybody out afterwards: so it is judged here. */
function judgeCrl(der: Buffer, certificates: readonly Buffer[], now: Date): TrustedCrl | string {
  const crl = decodeCrl(der);
  const verdicts = certificates.map((certificate) => verifyCrl(crl, certificate));
  const issuer = certificates[verdicts.indexOf('Valid')];
  if (issuer === undefined) return verdicts.includes('MayNotSignCrls') ? 'a CRL was signed by an authority whose certificate does not allow it (keyUsage without cRLSign)' : 'a CRL was signed by none of the authorities';
  if (crl.nextUpdate === undefined) return 'a CRL does not say when the next one comes';
  if (crl.nextUpdate <= now) return `a CRL ended at ${crl.nextUpdate.toISOString()}`;
  return { pem: encodePem('X509 CRL', der), number: String(crl.number ?? 0n), nextUpdate: crl.nextUpdate.getTime() / 1000, issuerSHA256: sha256Hex(issuer) };
}
