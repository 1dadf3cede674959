import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { loopbackPorts, portsBeyondLoopback } from '../../src/sidecar/plaintext-check.ts';

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   2: 0500000A:1F92 0600000A:D431 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   3: 0200007F:1F93 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
`;
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1F94 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000000000000000000000000000:1F95 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:1F96 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
`;

describe('portsBeyondLoopback', () => {
  it('finds listening ports of all addresses only', () => assert.deepEqual([...portsBeyondLoopback([TCP, TCP6])], [0x1f91, 0x1f95]));

  it('agrees with the kernel', { skip: process.platform !== 'linux' }, async () => {
    const [everywhere, loopback] = [createServer().listen(0, '0.0.0.0'), createServer().listen(0, '127.0.0.1')];
    await Promise.all([once(everywhere, 'listening'), once(loopback, 'listening')]);
    const found = portsBeyondLoopback([readFileSync('/proc/net/tcp', 'latin1')]);
    const portOf = (server: typeof everywhere) => (server.address() as AddressInfo).port;
    assert.deepEqual([found.has(portOf(everywhere)), found.has(portOf(loopback))], [true, false]);
    everywhere.close();
    loopback.close();
  });
});

describe('loopbackPorts', () => {
  it('takes each loopback port of the upstreams once', () => {
    const at = (...hosts: string[]) => ({ addresses: hosts.map((host, index) => ({ host, port: 8080 + index })) });
    const upstreams = [at('127.0.0.1', 'localhost'), at('127.0.0.5'), at('10.0.0.1', '10.0.0.1', '10.0.0.1', '::1')];
    assert.deepEqual(loopbackPorts({ upstreams } as unknown as Parameters<typeof loopbackPorts>[0]), [8080, 8081, 8083]);
  });
});
