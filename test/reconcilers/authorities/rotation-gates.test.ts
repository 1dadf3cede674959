import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { OWN_ANNOTATION } from '../../../src/api/names.ts';
import type { TenantCertificate } from '../../../src/api/tenant-certificate.ts';
import { Cache } from '../../../src/kube/cache.ts';
import { pruneConfigMap } from '../../../src/reconcilers/owned-config-map.ts';
import type { OwnedConfigMap } from '../../../src/reconcilers/owned-config-map.ts';
import type { OwnedSecret } from '../../../src/reconcilers/owned-secret.ts';
import { INDEX } from '../../../src/reconcilers/reconciler-context.ts';
import type { Caches } from '../../../src/reconcilers/reconciler-context.ts';
import { GateClock, measureGates, openGates } from '../../../src/reconcilers/authorities/rotation-gates.ts';
import { aTenantCertificate } from '../../issuance/builders.ts';
import { quiet } from './state-store.ts';

const AUTHORITY = 'Secret/shop/shop-ca';
const pemOf = (name: string) => `-----BEGIN CERTIFICATE-----\n${Buffer.from(name).toString('base64')}\n-----END CERTIFICATE-----\n`;
const anchor = (name: string) => ({ pem: pemOf(name), sha256: createHash('sha256').update(name).digest('hex'), subject: `CN=${name}` });
const [NEW, OLD, FOREIGN] = [anchor('new'), anchor('old'), anchor('foreign')];
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

interface Situation {
  readonly certificate?: Partial<TenantCertificate['metadata']>;
  readonly ready?: string;
  /** Absent: there is no Secret. */
  readonly secret?: { readonly anchors: readonly { pem: string }[]; readonly issuer: string };
  /** Absent: there is no ConfigMap. */
  readonly bundle?: readonly { pem: string }[];
  /** It is issued by another authority, and names this one in its trust, or has a copy of its anchor by chance. */
  readonly trusting?: boolean | 'a copy';
  readonly loaded?: boolean;
  /** The phase has lasted this long. */
  readonly hours?: number;
}

function measure({ certificate = {}, ready, secret, bundle, trusting = false, loaded = true, hours = 0 }: Situation) {
  const base = aTenantCertificate();
  const status = ready === undefined ? {} : { status: { conditions: [{ type: 'Ready', status: 'False' as const, reason: ready, message: '', lastTransitionTime: '' }] } };
  const certificates = new Cache<TenantCertificate>({ logger: quiet, indexes: { [INDEX.authority]: () => (trusting === false ? [AUTHORITY] : []), [INDEX.trust]: () => (trusting === true ? [AUTHORITY] : []) } });
  certificates.upsert({ ...base, metadata: { ...base.metadata, ...certificate, resourceVersion: '1' }, ...status });
  const secrets = new Cache<OwnedSecret>({ logger: quiet });
  const annotations = { [OWN_ANNOTATION.certificateName]: 'hello' };
  if (secret !== undefined) {
    const stored = { state: 'Read' as const, keyMatches: true, issuerSHA256: secret.issuer, notBefore: new Date(0), notAfter: new Date(1) };
    secrets.upsert({ metadata: { name: 'hello-tls', namespace: 'shop', uid: 's', resourceVersion: '1', annotations }, stored, files: { 'caCerts/ca.crt': sha256(secret.anchors.map(({ pem }) => pem).join('')) } });
  }
  const configMaps = new Cache<OwnedConfigMap>({ logger: quiet });
  if (bundle !== undefined) {
    const data = { 'trust-0.crt': bundle.map(({ pem }) => pem).join(''), 'nginx.conf': pemOf('not a bundle') };
    configMaps.upsert(pruneConfigMap({ metadata: { name: 'hello-proxy', namespace: 'shop', uid: 'c', resourceVersion: '1', annotations: { ...annotations, [OWN_ANNOTATION.manifestHash]: 'written' } }, data }));
  }
  const caches = { certificates, secrets, configMaps } as unknown as Caches;
  const { writtenEverywhere, reissuedAll, loadedEverywhere, inUse, behind } = measureGates(caches, AUTHORITY, { anchors: [NEW, OLD], activeSHA256: 'new', phaseMs: hours * 3_600_000, convergedManifest: () => (loaded ? 'written' : 'before') });
  const open = Object.entries({ written: writtenEverywhere, reissued: reissuedAll, loaded: loadedEverywhere, inUse }).filter(([, value]) => value).map(([name]) => name);
  return `${open.join(' ')}${behind.length === 0 ? '' : ` < ${behind.join()}`}`;
}

describe('measureGates', () => {
  const both = { anchors: [NEW, OLD], issuer: 'old' };
  const cases: Record<string, readonly [Situation, string]> = {
    'waits for nobody where nothing is issued yet': [{}, 'written reissued loaded'],
    'waits for the Secret': [{ secret: { anchors: [OLD], issuer: 'old' }, bundle: [NEW, OLD] }, 'loaded inUse < shop/hello'],
    'waits for the ConfigMap': [{ secret: both, bundle: [OLD] }, 'loaded inUse < shop/hello'],
    'waits for the certificate when the anchors are there, in any order': [{ secret: both, bundle: [OLD, NEW] }, 'written loaded inUse < shop/hello'],
    'waits for a Secret only where there is no sidecar': [{ secret: both }, 'written loaded inUse < shop/hello'],
    'waits for the sidecars': [{ secret: { anchors: [NEW, OLD], issuer: 'new' }, bundle: [NEW, OLD], loaded: false }, 'written reissued inUse < shop/hello'],
    'waits for nobody when all is done': [{ secret: { anchors: [NEW, OLD], issuer: 'new' }, bundle: [NEW, OLD] }, 'written reissued loaded inUse'],
    'does not look for these anchors in bundles of others': [{ secret: both, bundle: [FOREIGN] }, 'written loaded inUse < shop/hello'],
    'waits for whoever trusts the authority, by whatever name, though it issues nothing for them': [{ trusting: true, bundle: [OLD, FOREIGN] }, 'reissued loaded inUse < shop/hello'],
    'waits for no certificate of whoever only trusts it': [{ trusting: true, bundle: [NEW, OLD, FOREIGN] }, 'written reissued loaded inUse'],
    'waits for nobody who is revoked': [{ secret: { anchors: [OLD], issuer: 'old' }, bundle: [OLD], ready: 'Revoked' }, 'written reissued loaded'],
    'waits for nobody whom policy forbids': [{ secret: both, bundle: [NEW, OLD], ready: 'PolicyViolation' }, 'written reissued loaded'],
    'waits for whoever has another fault': [{ secret: both, bundle: [OLD], ready: 'TrustSourceMissing' }, 'loaded inUse < shop/hello'],
    'waits for no fault of whoever only trusts it': [{ trusting: true, bundle: [OLD, FOREIGN], ready: 'IssuerNotFound' }, 'written reissued loaded'],
    'waits for no fault longer than an hour': [{ secret: both, bundle: [OLD], ready: 'TrustSourceMissing', hours: 1 }, 'written reissued loaded'],
    'waits for a fault almost an hour': [{ secret: both, bundle: [OLD], ready: 'TrustSourceMissing', hours: 0.99 }, 'loaded inUse < shop/hello'],
    'waits longer for whoever has no fault': [{ secret: both, bundle: [OLD], hours: 48 }, 'loaded inUse < shop/hello'],
    'waits no longer than an hour for a copy of an old anchor': [{ trusting: true, bundle: [OLD, FOREIGN], hours: 1 }, 'written reissued loaded'],
    'waits for nobody who has a copy of the anchor from elsewhere': [{ trusting: 'a copy', bundle: [OLD, FOREIGN] }, 'written reissued loaded'],
    'waits for nobody who trusts others only': [{ trusting: true, bundle: [FOREIGN], loaded: false }, 'written reissued loaded'],
    'waits for nobody who is being deleted': [{ secret: both, bundle: [OLD], certificate: { deletionTimestamp: '2026-11-01T00:00:00Z' } }, 'written reissued loaded'],
  };
  for (const [sentence, [situation, expected]] of Object.entries(cases)) it(sentence, () => assert.equal(measure(situation), expected));
});

describe('openGates', () => {
  const HOUR = 3_600_000;
  const facts = { writtenEverywhere: true, reissuedAll: true, loadedEverywhere: false, inUse: true, behind: [] };
  it('counts as written what is loaded as well', () => {
    assert.deepEqual(openGates(facts, 'Prepared', HOUR - 1), { writtenEverywhere: false, reissuedAll: true });
    assert.deepEqual(openGates({ ...facts, loadedEverywhere: true }, 'Prepared', 0), { writtenEverywhere: true, reissuedAll: true });
  });
  it('lets certificates be re-issued before they are loaded, and keeps the old anchor until they are', () => {
    assert.equal(openGates(facts, 'Distributed', 0).reissuedAll, true);
    assert.equal(openGates(facts, 'Reissued', 0).reissuedAll, false);
  });
  it('waits no longer than an hour for sidecars that say nothing', () => {
    assert.deepEqual(openGates(facts, 'Prepared', HOUR), { writtenEverywhere: true, reissuedAll: true });
    assert.equal(openGates({ ...facts, writtenEverywhere: false }, 'Prepared', HOUR).writtenEverywhere, false);
  });
});

describe('GateClock', () => {
  it('counts from the opening, without a break, within one phase', () => {
    let elapsed = 0;
    const clock = new GateClock(() => elapsed);
    const at = (ms: number, phase: 'Prepared' | 'Reissued', isOpen: boolean) => {
      elapsed = ms;
      return clock.waitedMs('Tenant/shop', phase, isOpen);
    };
    assert.deepEqual([at(0, 'Prepared', false), at(10, 'Prepared', true), at(30, 'Prepared', true), at(40, 'Prepared', false), at(50, 'Prepared', true), at(55, 'Prepared', true)], [0, 0, 20, 0, 0, 5]);
    assert.deepEqual([at(60, 'Reissued', true), at(61, 'Reissued', true), clock.waitedMs('Tenant/bank', 'Reissued', true)], [0, 1, 0]);
  });
});
