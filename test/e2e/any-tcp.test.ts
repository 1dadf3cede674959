// Redis, a protocol the sidecar knows nothing of, through terminate, encrypt and bridge: each engine as client against each as server.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods, certificateReady, credentialsOf, kubectl, readyPod } from '../support/e2e.ts';
import { startExample } from '../support/examples.ts';
import type { Example } from '../support/examples.ts';

const ENGINES = ['nginx', 'node'] as const;
const SERVER = { nginx: { app: 'redis', plain: '6379', bridge: '6381' }, node: { app: 'redis-node', plain: '6380', bridge: '6382' } } as const;
const CLIENT = { nginx: 'redis-client', node: 'redis-client-node' } as const;

describe('Redis over mutual TLS', { skip: cannotRunPods() }, () => {
  let example: Example;
  const hosts: Record<string, string> = {};

  before(async () => {
    example = await startExample('any-tcp');
    const { cluster, namespace } = example;
    for (const name of ['redis', 'redis-identified', 'redis-client', 'stranger']) await certificateReady(cluster, namespace, name);
    for (const name of ['redis', 'redis-node', 'redis-identified', 'redis-client', 'redis-client-node']) hosts[name] = (await readyPod(cluster, namespace, `app=${name}`)).status.podIP;
  });
  after(async () => await example.cluster.close());

  const redis = async (client: string, ...args: string[]) => (await example.exec(`deploy/${client}`, 'redis-cli', ...args)).trim();

  /** What the server sends after PING, until the connection ends or has answered. */
  const pingFromOutside = async (app: string, options: ConnectionOptions): Promise<string> => await new Promise((resolve) => {
    let text = '';
    const socket = connectTls({ host: hosts[app] ?? '', port: 6380, servername: `${app}.${example.namespace}.svc`, ...options });
    socket.setTimeout(5000, () => socket.destroy());
    socket.on('error', () => {}).on('close', () => resolve(text)).setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      socket.end();
    });
    socket.write('PING\r\n');
  });

  for (const client of ENGINES) {
    for (const server of ENGINES) {
      const { plain, bridge } = SERVER[server];

      it(`is spoken by a plain client through engine ${client} to engine ${server}`, async () => {
        await eventually(async () => assert.equal(await redis(CLIENT[client], '-p', plain, 'ping'), 'PONG'), { timeoutMs: 20_000, intervalMs: 300 });
        const value = 'v'.repeat(100_000);
        assert.equal(await redis(CLIENT[client], '-p', plain, 'set', `from-${client}`, value), 'OK');
        assert.equal(await redis(CLIENT[client], '-p', plain, 'get', `from-${client}`), value);
      });

      it(`is spoken by a client with one-way TLS through engine ${client}, bridging to engine ${server}`, async () => {
        const tls = ['--tls', '--cacert', '/ca/ca.crt', '--sni', 'localhost'];
        assert.equal(await redis(CLIENT[client], '-p', bridge, ...tls, 'ping'), 'PONG');
        assert.equal(await redis(CLIENT[client], '-p', bridge, ...tls, 'strlen', `from-${client}`), '100000');
      });
    }
  }

  for (const server of ENGINES) {
    const { app } = SERVER[server];
    const credentials = async (name: string) => await credentialsOf(example.cluster, example.namespace, `${name}-tls`);

    it(`is terminated by engine ${server} for a client with a certificate`, async () => {
      assert.equal(await pingFromOutside(app, await credentials('redis-client')), '+PONG\r\n');
    });

    it(`is closed by engine ${server} for a client without one`, async () => {
      const { ca } = await credentials('redis-client');
      assert.equal(await pingFromOutside(app, { ca }), '');
    });

    it(`is closed by engine ${server} for a client that no route names`, async () => {
      assert.equal(await pingFromOutside(app, await credentials('stranger')), '');
    });
  }

  it('comes with a PROXY protocol header that HAProxy reads: address, name asked for, subject and certificate of the client', async () => {
    const { cluster, namespace } = example;
    const credentials = await credentialsOf(cluster, namespace, 'stranger-tls');
    assert.equal(await eventually(async () => {
      const answer = await pingFromOutside('redis-identified', credentials);
      assert.notEqual(answer, '');
      return answer;
    }), '+PONG\r\n');
    assert.equal(await pingFromOutside('redis-identified', { ...credentials, servername: 'elsewhere.example', checkServerIdentity: () => undefined }), '');
    const line = await eventually(async () => {
      const found = (await kubectl('-n', namespace, 'logs', 'deploy/redis-identified', '-c', 'haproxy')).split('\n').find((text) => text.includes(`asked for redis-identified.${namespace}.svc`));
      return found ?? assert.fail('not logged yet');
    });
    const [, client = '', tlv = ''] = /client (\S+) asked for \S+ with (\S+)/.exec(line) ?? [];
    assert.equal(isIP(client), 4);
    assert.notEqual(client, '127.0.0.1');
    const information = Buffer.from(tlv, 'hex');
    assert.ok(information.includes('stranger'), 'the common name');
    assert.ok(information.includes(new X509Certificate(credentials.cert).raw), 'the certificate');
  });

  it('is recommended to run on engine node', async () => {
    const { status } = await certificateReady(example.cluster, example.namespace, 'redis');
    assert.match(status?.conditions?.find(({ type }) => type === 'EngineAdvice')?.message ?? '', /engine: node keeps them/);
  });
});
