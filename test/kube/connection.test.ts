import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { Connection } from '../../src/kube/connection.ts';

const MINUTE = 60_000;

describe('Connection', () => {
  let directory: string;
  const path = (name: string): string => join(directory, name);
  before(() => (directory = mkdtempSync(join(tmpdir(), 'connection-'))));
  after(() => rmSync(directory, { recursive: true }));

  /** An exec plugin whose credential has always just expired: it is run whenever client-node is asked. */
  function writeToken(token: string): void {
    const credential = { kind: 'ExecCredential', status: { token, expirationTimestamp: '2020-01-01T00:00:00Z' } };
    writeFileSync(path('credential'), JSON.stringify(credential));
  }

  function aConnection(now: () => number, cluster: object = {}): Connection {
    const kubeConfig = new KubeConfig();
    writeFileSync(path('ca.crt'), 'a CA');
    writeToken('first');
    const exec = { command: 'cat', args: [path('credential')] };
    kubeConfig.loadFromClusterAndUser({ name: 'c', server: 'https://127.0.0.1:1', caFile: path('ca.crt'), skipTLSVerify: false, ...cluster }, { name: 'u', exec });
    return new Connection(kubeConfig, now);
  }

  it('logs in once a minute, not for every request', async () => {
    let now = 0;
    const connection = aConnection(() => now);
    await connection.route();
    writeToken('second');
    now = MINUTE - 1;
    assert.equal((await connection.route()).headers['authorization'], 'Bearer first');
    now = MINUTE;
    assert.equal((await connection.route()).headers['authorization'], 'Bearer second');
    await connection.close();
  });

  it('logs in at once when the credentials were refused', async () => {
    const connection = aConnection(() => 0);
    await connection.route();
    writeToken('second');
    connection.expire();
    assert.equal((await connection.route()).headers['authorization'], 'Bearer second');
    await connection.close();
  });

  it('logs in once for requests that begin at the same time', async () => {
    const connection = aConnection(() => 0);
    const routes = await Promise.all([connection.route(), connection.route(), connection.route()]);
    assert.equal(new Set(routes).size, 1);
    await connection.close();
  });

  it('keeps its pools while only the token changes, and replaces them when the CA does', async () => {
    const connection = aConnection(() => 0);
    const first = await connection.route();
    writeToken('second');
    connection.expire();
    const second = await connection.route();
    writeFileSync(path('ca.crt'), 'another CA');
    connection.expire();
    const third = await connection.route();
    assert.equal(second.calls, first.calls);
    assert.notEqual(third.calls, first.calls);
    assert.notEqual(third.watches, first.watches);
    await connection.close();
  });

  it('goes on when a credential could not be read at one time', async () => {
    const connection = aConnection(() => 0);
    rmSync(path('credential'));
    await assert.rejects(connection.route());
    writeToken('later');
    assert.equal((await connection.route()).headers['authorization'], 'Bearer later');
    await connection.close();
  });

  it('refuses a proxy that it cannot use', async () => {
    const connection = aConnection(() => 0, { proxyUrl: 'socks5://127.0.0.1:1' });
    await assert.rejects(connection.route(), /only HTTP proxies/);
  });
});
