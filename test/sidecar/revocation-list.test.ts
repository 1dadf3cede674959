// CRLs made by the openssl command line.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { pemBlocks } from '../../src/sidecar/load-trust.ts';
import { readRevocationList } from '../../src/sidecar/revocation-list.ts';
import { TestAuthority } from '../conformance/fleet.ts';
import { TestCa } from '../support/test-ca.ts';

const derOf = (pem: string) => pemBlocks(Buffer.from(pem), 'X509 CRL')[0] ?? Buffer.alloc(0);

describe('readRevocationList', () => {
  it('reads what openssl has written', () => {
    using ca = new TestCa('/O=Shop/CN=ca');
    const [good, bad] = [ca.issue('/CN=good'), ca.issue('/CN=bad')];
    const empty = readRevocationList(derOf(ca.crl()));
    assert.equal(empty.revokedSerials.size, 0);
    ca.revoke(bad);
    const crl = readRevocationList(derOf(ca.crl()));
    assert.deepEqual([...crl.revokedSerials], [new X509Certificate(bad.certificate).serialNumber]);
    assert.ok(!crl.revokedSerials.has(new X509Certificate(good.certificate).serialNumber));
    assert.ok(crl.isSignedBy(new X509Certificate(ca.certificate)));
    assert.ok(Math.abs((crl.nextUpdateMs ?? 0) - crl.thisUpdateMs - 2 * 86_400_000) < 2000);
  });

  it('knows a signature of another key', async () => {
    const [one, other] = [await TestAuthority.create('ca'), await TestAuthority.create('ca')];
    assert.ok(!readRevocationList(derOf(await one.crl())).isSignedBy(new X509Certificate(other.pem)));
  });

  it('refuses what is cut off anywhere', async () => {
    const der = derOf(await (await TestAuthority.create('ca')).crl());
    for (let length = 0; length < der.length; length += 1) assert.throws(() => readRevocationList(der.subarray(0, length)), RangeError, `${length} bytes`);
  });

  it('believes nothing that was changed in any single byte', async () => {
    const authority = await TestAuthority.create('ca');
    authority.revoke(await authority.issue('x'));
    const der = derOf(await authority.crl());
    const issuer = new X509Certificate(authority.pem);
    const { isSignedBy: _, ...content } = readRevocationList(der);
    for (let index = 0; index < der.length; index += 1) {
      const changed = Buffer.from(der);
      changed[index] = (changed[index] ?? 0) ^ 0xff;
      try {
        const { isSignedBy, ...read } = readRevocationList(changed);
        if (isSignedBy(issuer)) assert.deepEqual(read, content, `byte ${index}`); // outside of what is signed
      } catch (error) {
        assert.ok(error instanceof RangeError, `byte ${index}: ${String(error)}`);
      }
    }
  });
});
