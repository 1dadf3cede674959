import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createSecureContext, createServer } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { dial } from '../../src/sidecar/dial.ts';
import { Fleet } from '../conformance/fleet.ts';

describe('dial', () => {
  let fleet: Fleet;
  const servers: ReturnType<typeof createServer>[] = [];
  before(async () => {
    fleet = await Fleet.create(); // its server proves 127.0.0.1 and server.test
  });
  after(() => servers.forEach((server) => server.close()));

  /** Which address was dialled, or why not. */
  const outcome = async (host: string, serverName: string): Promise<string> => {
    const server = createServer({ cert: fleet.server.cert, key: fleet.server.key }, (socket) => socket.on('error', () => {}).end(socket.localAddress ?? '')).listen(0, '0.0.0.0');
    servers.push(server);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = dial({ host, port, timeoutMs: 3000, tls: { secureContext: createSecureContext({ ca: fleet.customer.pem }), serverName, alpn: [] } });
    try {
      const [address] = (await once(socket, 'data')) as [Buffer];
      return String(address);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? '';
    } finally {
      socket.destroy();
    }
  };

  it('goes to the address whatever name is to be proven', async () => {
    assert.equal(await outcome('127.0.0.2', 'server.test'), '127.0.0.2');
    assert.equal(await outcome('127.0.0.2', '127.0.0.1'), '127.0.0.2');
  });

  it('wants the name proven, not the address', async () => {
    assert.equal(await outcome('127.0.0.1', 'other.test'), 'ERR_TLS_CERT_ALTNAME_INVALID');
    assert.equal(await outcome('127.0.0.1', '127.0.0.2'), 'ERR_TLS_CERT_ALTNAME_INVALID');
    assert.equal(await outcome('127.0.0.2', '127.0.0.2'), 'ERR_TLS_CERT_ALTNAME_INVALID');
  });
});
