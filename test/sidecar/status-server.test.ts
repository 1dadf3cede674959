import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Server } from 'node:http';
import { startStatusServer } from '../../src/sidecar/status-server.ts';
import { eventually } from '../support/nginx-sidecar.ts';

describe('the status server', () => {
  let server: Server;
  let port = 0;
  before(async () => {
    server = await startStatusServer({ status: () => undefined, reason: () => 'nothing yet', metrics: () => '', forwardProbe: () => 'unknown' }, { port: 0, host: '127.0.0.1' });
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const idle = async (localAddress: string, count: number) => {
    const sockets = Array.from({ length: count }, () => connect({ host: '127.0.0.1', port, localAddress }).on('error', () => {}).resume());
    await Promise.all(sockets.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])));
    return sockets;
  };
  const ask = (localAddress: string) => new Promise<number | undefined>((resolve) => {
    get({ host: '127.0.0.1', port, path: '/healthz', localAddress, agent: false, timeout: 500 }, (response: IncomingMessage) => resolve(response.resume().statusCode)).on('error', () => resolve(undefined)).on('timeout', () => resolve(undefined));
  });
  const areClosed = (sockets: readonly Socket[]) => eventually(() => (sockets.every(({ closed }) => closed) ? true : undefined), 'idle connections are closed', 5000);

  it('answers others while one address holds as many connections as it can', async () => {
    const sockets = await idle('127.0.0.2', 600);
    assert.equal(await ask('127.0.0.1'), 503);
    await areClosed(sockets);
    assert.equal(await ask('127.0.0.2'), 503);
  });

  it('answers within seconds after many addresses have taken every place', async () => {
    const sockets = (await Promise.all(Array.from({ length: 9 }, (_, index) => idle(`127.0.0.${index + 2}`, 64)))).flat();
    assert.equal(await ask('127.0.0.1'), undefined);
    await eventually(async () => ((await ask('127.0.0.1')) === 503 ? true : undefined), 'an answer', 5000);
    await areClosed(sockets);
  });
});
