import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FINALIZER } from '../../../src/api/names.ts';
import { Cache } from '../../../src/kube/cache.ts';
import { Authorities } from '../../../src/reconcilers/authorities/authority.ts';
import type { AuthorityState } from '../../../src/reconcilers/authorities/authority.ts';
import type { CertificateRun } from '../../../src/reconcilers/certificates/certificate-run.ts';
import { guardDeletion } from '../../../src/reconcilers/certificates/revoke-on-delete.ts';
import { aTenantCertificate, at, DAY, desired } from '../../issuance/builders.ts';
import { quiet } from '../authorities/state-store.ts';

const CA = 'a'.repeat(64);

describe('guardDeletion', () => {
  /** A deleted object whose certificate, which ends in a day, is not on the CRL yet. */
  const release = async (clocks: { readonly now: Date; readonly agreedNow: Date }) => {
    const published = { number: 1n, issuerSHA256: CA, signedAt: at(0), nextUpdate: at(DAY), entries: [] };
    const state = { kind: 'ready', authority: { issuers: [CA], issuer: { sha256: CA }, anchors: [], crls: [], accepted: [], notices: [], revocations: { issuers: new Set([CA]), published, has: () => false } } } as unknown as AuthorityState;
    const authorities = new Authorities(() => {}, () => {});
    authorities.publish('Secret/shop/shop-ca', state);
    const plain = aTenantCertificate({ issuer: { kind: 'Secret', name: 'shop-ca' } });
    const certificate = {
      ...plain,
      metadata: { ...plain.metadata, deletionTimestamp: at(0).toISOString(), finalizers: [FINALIZER] },
      status: { issued: [{ serialNumber: '01', issuerSHA256: CA, notAfter: at(DAY).toISOString() }] },
    };
    let patches = 0;
    const client = { mergePatch: async () => ((patches += 1), { ...certificate, metadata: { ...certificate.metadata, finalizers: [] } }), serverTime: () => clocks.agreedNow };
    const caches = { secrets: new Cache({ logger: quiet }), namespaces: new Cache({ logger: quiet }), certificates: new Cache({ logger: quiet }), tenants: new Cache({ logger: quiet }) };
    const context = { authorities, caches, client, now: () => clocks.now, log: quiet, recordEvent: () => {} };
    const run = { certificate, context, namespace: 'shop', desired: desired(plain.spec), signal: new AbortController().signal, ...clocks } as unknown as CertificateRun;
    return { kind: (await guardDeletion(run)).kind, patches };
  };

  it('lets go of what has ended', async () => assert.deepEqual(await release({ now: at(2 * DAY), agreedNow: at(2 * DAY) }), { kind: 'going', patches: 1 }));
  it('waits for the CRL while a clock that is ahead alone says so', async () => assert.deepEqual(await release({ now: at(2 * DAY), agreedNow: at(0) }), { kind: 'waiting', patches: 0 }));
});
