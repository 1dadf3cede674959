import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Authority } from '../../../src/reconcilers/authorities/authority.ts';
import { certificateNotices } from '../../../src/reconcilers/certificates/certificate-notices.ts';
import type { OwnedSecret } from '../../../src/reconcilers/owned-secret.ts';
import { at, DAY, desired, aStoredPair } from '../../issuance/builders.ts';

describe('certificateNotices', () => {
  const authority = (notAfter: Date, notices: Authority['notices'] = []) => ({ name: 'Secret shop/shop-ca', issuer: { notAfter }, notices }) as unknown as Authority;
  const secret = (notAfter: Date): OwnedSecret => ({ metadata: { name: 'hello-tls' }, files: {}, stored: aStoredPair({ notBefore: at(0), notAfter }) });
  const typesOf = (...args: Parameters<typeof certificateNotices>) => certificateNotices(...args).map(({ type }) => type);

  it('says nothing of a certificate that got what it asked for', () => {
    assert.deepEqual(typesOf(secret(at(7 * DAY)), desired(), authority(at(100 * DAY))), []);
    assert.deepEqual(typesOf(undefined, desired(), authority(at(100 * DAY))), []);
  });

  it('says that a certificate ends with its issuer, earlier than was asked for', () => {
    const [notice] = certificateNotices(secret(at(3 * DAY)), desired(), authority(at(3 * DAY)));
    assert.deepEqual([notice?.type, notice?.status, notice?.message], ['ValidityClipped', 'True', 'spec.duration does not fit: the certificate ends with the CA of Secret shop/shop-ca, at 2026-11-04T00:00:00Z']);
  });

  it('takes no certificate that is merely short for one that was cut', () => assert.deepEqual(typesOf(secret(at(3 * DAY)), desired(), authority(at(100 * DAY))), []));

  it('hands on what everyone with a certificate of the authority should know', () => {
    const notice = { type: 'CRLExpiring', status: 'True', reason: 'CRLExpiring', message: '' } as const;
    assert.deepEqual(typesOf(secret(at(7 * DAY)), desired(), authority(at(100 * DAY), [notice])), ['CRLExpiring']);
  });
});
