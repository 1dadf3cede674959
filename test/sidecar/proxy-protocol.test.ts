import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Connection } from '../../src/sidecar/connection.ts';
import { proxyProtocolHeader } from '../../src/sidecar/proxy-protocol.ts';

const header = (addresses: Partial<Connection>) =>
  proxyProtocolHeader({ remotePort: 1, localPort: 2, peer: { kind: 'anonymous' }, ...addresses } as Connection)?.toString('hex');

describe('proxyProtocolHeader', () => {
  it('writes IPv4 addresses', () => {
    assert.equal(header({ remoteAddress: '10.0.0.1', localAddress: '10.0.0.2' }), '0d0a0d0a000d0a515549540a2111000c0a0000010a00000200010002');
  });

  it('writes IPv6 addresses, shortened ones too', () => {
    assert.equal(
      header({ remoteAddress: 'fd00::1', localAddress: '::1' }),
      `0d0a0d0a000d0a515549540a21210024fd00${'0'.repeat(26)}01${'0'.repeat(30)}0100010002`,
    );
  });

  const verified = (commonName: string, raw: Buffer) => ({
    remoteAddress: '10.0.0.1', localAddress: '10.0.0.2', tls: { version: 'TLSv1.3', cipher: 'x' }, peer: { kind: 'verified', certificate: { x509: { raw }, subject: { commonName } } },
  }) as unknown as Partial<Connection>;

  it('leaves out a certificate that does not fit, and gives up where the name does not fit either', () => {
    const whole = Buffer.alloc(65_000, 1);
    assert.ok(header(verified('alice', whole))?.includes(whole.toString('hex')));
    assert.equal(header(verified('alice', Buffer.alloc(65_536))), header(verified('alice', Buffer.alloc(65_500))));
    assert.equal(header(verified('a'.repeat(70_000), Buffer.alloc(1))), undefined);
  });

  it('says nothing of addresses of two families', () => {
    assert.equal(header({ remoteAddress: 'fd00::1', localAddress: '10.0.0.1' }), '0d0a0d0a000d0a515549540a21000000');
  });
});
