import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantCertificateSpec } from '../../../src/api/tenant-certificate.ts';
import { Authorities } from '../../../src/reconcilers/authorities/authority.ts';
import type { AuthorityState } from '../../../src/reconcilers/authorities/authority.ts';
import type { CertificateRun } from '../../../src/reconcilers/certificates/certificate-run.ts';
import { keptRevocations, notRevoked, splitIssued } from '../../../src/reconcilers/certificates/kept-revocations.ts';
import { aTenantCertificate, at, DAY, desired } from '../../issuance/builders.ts';

const SIGNS = 'a'.repeat(64);
const KEYLESS = 'b'.repeat(64);
const WITHOUT_CRL = 'c'.repeat(64);
const GONE = 'd'.repeat(64);

/** Publishes CRLs for one of its two CAs; the key of the other is gone. Another authority keeps none. */
function aRun(listed: readonly string[], spec: Partial<TenantCertificateSpec> = {}) {
  const published = { number: 1n, issuerSHA256: SIGNS, signedAt: at(0), nextUpdate: at(DAY), entries: [] };
  const revocations = { issuers: new Set([SIGNS]), published, has: (issuer: string, serial: string) => issuer === SIGNS && listed.includes(serial) };
  const ready = (authority: object): AuthorityState => ({ kind: 'ready', authority: { issuer: { sha256: SIGNS }, anchors: [], crls: [], accepted: [], notices: [], ...authority } }) as unknown as AuthorityState;
  const authorities = new Authorities(() => {}, () => {});
  const state = ready({ issuers: [SIGNS, KEYLESS], revocations });
  authorities.publish('Tenant/shop', state);
  authorities.publish('Secret/shop/plain-ca', ready({ issuers: [WITHOUT_CRL] }));
  const issued = [['01', SIGNS], ['02', KEYLESS], ['03', WITHOUT_CRL], ['04', GONE]].map(([serialNumber = '', issuerSHA256 = '']) => ({ serialNumber, issuerSHA256, notAfter: at(DAY).toISOString() }));
  const certificate = { ...aTenantCertificate(spec), status: { issued: [...issued, { serialNumber: '05', issuerSHA256: GONE, notAfter: at(0).toISOString() }] } };
  return { state, run: { certificate, desired: desired(spec), now: at(0), agreedNow: at(0), context: { authorities } } as unknown as CertificateRun };
}

describe('splitIssued', () => {
  it('tells what a CRL can list from what none can, and leaves out what needs none or has ended', () => {
    const { run, state } = aRun([]);
    const { listable, unlisted } = splitIssued(run, keptRevocations(run, state));
    assert.deepEqual([listable, unlisted].map((each) => each.map(({ serialNumber }) => serialNumber)), [['01'], ['02', '04']]);
  });
});

describe('splitIssued under a clock that is ahead', () => {
  it('goes by the earlier of two clocks: what seems to have ended can still be revoked', () => {
    const { run, state } = aRun([]);
    const { listable } = splitIssued({ ...run, now: at(2 * DAY) }, keptRevocations(run, state));
    assert.deepEqual(listable.map(({ serialNumber }) => serialNumber), ['01']);
  });
});

describe('notRevoked', () => {
  const say = (...[listed, spec]: Parameters<typeof aRun>) => {
    const { run, state } = aRun(listed, spec);
    return notRevoked(run, state).map(({ type, message }) => `${type} ${message}`);
  };
  const revoked = { revoked: { reason: 'keyCompromise' } } as const;
  it('says of a revoked object which of its certificates others still accept', () => assert.match(say(['01'], revoked)[0] ?? '', /^NotRevoked 3 of its certificates are on no CRL.*: 02, 03, 04$/u));
  it('counts what is still to come onto the CRL', () => assert.match(say([], revoked)[0] ?? '', /^NotRevoked 4 .*: 01, 02, 03$/u));
  it('has nothing to say of an object that is not revoked', () => assert.deepEqual(say([]), []));
});
