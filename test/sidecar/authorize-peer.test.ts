import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { X509Certificate } from 'node:crypto';
import type { ClientMatch } from '../../src/proxy-model/model.ts';
import { authorizePeer, type Peer } from '../../src/sidecar/authorize-peer.ts';
import { readPeerCertificate, type PeerCertificate } from '../../src/sidecar/peer-certificate.ts';
import { TestAuthority } from '../conformance/fleet.ts';

describe('authorizePeer', () => {
  let certificate: PeerCertificate;
  before(async () => {
    const { cert } = await (await TestAuthority.create('ca')).issue('alice', { subject: { commonName: 'alice', organizations: ['Shop'] }, dnsNames: ['alice.test'], uris: ['spiffe://shop/alice'] });
    certificate = readPeerCertificate(new X509Certificate(cert));
  });
  const verified = (): Peer => ({ kind: 'verified', certificate, tenant: 'customer' });
  const judge = (peer: Peer, clientAuth: 'Required' | 'Optional' | 'OptionalNoCA' | 'None' | undefined, clients?: ClientMatch[]) => {
    const verdict = authorizePeer(peer, { ...(clientAuth === undefined ? {} : { clientAuth }), routes: [clients === undefined ? {} : { clients }] });
    return verdict.kind === 'allow' ? 'allow' : verdict.reason;
  };

  const MATCHES: Readonly<Record<string, readonly [ClientMatch | ((of: PeerCertificate) => ClientMatch), boolean]>> = {
    'its tenant': [{ tenant: 'customer' }, true],
    'another tenant': [{ tenant: 'partner' }, false],
    'its common name': [{ commonName: 'alice' }, true],
    'a common name in other case': [{ commonName: 'Alice' }, false],
    'its subject': [{ subject: 'CN=alice,O=Shop' }, true],
    'its subject in another order': [{ subject: 'O=Shop,CN=alice' }, false],
    'its DNS name in other case': [{ dnsName: 'ALICE.test' }, true],
    'a DNS name that only ends alike': [{ dnsName: 'lice.test' }, false],
    'its URI': [{ uri: 'spiffe://shop/alice' }, true],
    'a longer URI': [{ uri: 'spiffe://shop/alice/x' }, false],
    'its key': [({ publicKeySHA256 }) => ({ publicKeySHA256 }), true],
    'its hash': [({ certificateSHA256 }) => ({ certificateSHA256 }), true],
    'another hash': [{ certificateSHA256: '0'.repeat(64) }, false],
    'all of several fields': [{ tenant: 'customer', commonName: 'alice' }, true],
    'only one of several fields': [{ tenant: 'customer', commonName: 'bob' }, false],
    'no field at all': [{}, false],
    'a field nobody knows': [{ mood: 'good' } as ClientMatch, false],
  };
  for (const [sentence, [rule, isAllowed]] of Object.entries(MATCHES)) {
    it(`${isAllowed ? 'allows' : 'denies'} a client by ${sentence}`, () => {
      assert.equal(judge(verified(), 'Required', [typeof rule === 'function' ? rule(certificate) : rule]), isAllowed ? 'allow' : 'no_route');
    });
  }

  it('needs one entry of several', () => assert.equal(judge(verified(), 'Required', [{ commonName: 'bob' }, { commonName: 'alice' }]), 'allow'));
  it('lets nobody in by an empty list', () => assert.equal(judge(verified(), 'Required', []), 'no_route'));

  const ANONYMOUS: Peer = { kind: 'anonymous' };
  const failed = (error: string): Peer => ({ kind: 'unverified', certificate, error });
  it('wants a certificate where it is required', () => assert.equal(judge(ANONYMOUS, 'Required'), 'no_certificate'));
  it('does without one elsewhere', () => {
    for (const clientAuth of ['Optional', 'OptionalNoCA', 'None', undefined] as const) assert.equal(judge(ANONYMOUS, clientAuth), 'allow', clientAuth);
  });
  it('refuses a certificate that is not verified, also where none is required', () => {
    for (const clientAuth of ['Required', 'Optional'] as const) assert.equal(judge(failed('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), clientAuth), 'bad_certificate');
  });
  it('takes one of an unknown signer under OptionalNoCA, but no expired or revoked one', () => {
    assert.equal(judge(failed('DEPTH_ZERO_SELF_SIGNED_CERT'), 'OptionalNoCA'), 'allow');
    for (const error of ['CERT_HAS_EXPIRED', 'CERT_REVOKED', 'CERT_SIGNATURE_FAILURE']) assert.equal(judge(failed(error), 'OptionalNoCA'), 'bad_certificate', error);
  });
  it('never matches a client entry with a certificate that is not verified', () => {
    assert.equal(judge(failed('DEPTH_ZERO_SELF_SIGNED_CERT'), 'OptionalNoCA', [{ commonName: 'alice' }]), 'no_route');
    assert.equal(judge(ANONYMOUS, 'Optional', [{ commonName: 'alice' }]), 'no_route');
  });
});
