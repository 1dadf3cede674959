// A TLS proxy before two servers that believe it as KES does, once per engine and with every clientAuth that the setup knows.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import type { RequestOptions } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods, certificateReady, credentialsOf, get, kubectl, podsOf, readyPod } from '../support/e2e.ts';
import type { Credentials } from '../support/e2e.ts';
import { isReady, startExample } from '../support/examples.ts';
import type { Example } from '../support/examples.ts';

const PORT = { OptionalNoCA: 8443, Optional: 8444, Required: 8445 } as const;
const CLIENTS = ['kes-client', 'other-client', 'other-ca'] as const;
type ClientName = (typeof CLIENTS)[number];

interface Seen {
  readonly server: string;
  readonly identity: string;
  readonly subject: string;
  readonly protocol: string;
  readonly received: number;
}

describe('a TLS proxy before KES', { skip: cannotRunPods() }, () => {
  let example: Example;
  const clients = {} as Record<ClientName, Credentials>;
  const hosts: Record<string, string> = {};

  before(async () => {
    example = await startExample('kes');
    const { cluster, namespace } = example;
    for (const name of ['kes', 'kes-proxy', ...CLIENTS]) await certificateReady(cluster, namespace, name);
    for (const name of CLIENTS) clients[name] = await credentialsOf(cluster, namespace, name.endsWith('-ca') ? name : `${name}-tls`);
    for (const name of ['kes-proxy', 'kes-proxy-node']) hosts[name] = (await readyPod(cluster, namespace, `app=${name}`)).status.podIP;
    await eventually(async () => {
      const pods = await podsOf(cluster, namespace, 'app=kes');
      assert.equal(pods.filter(isReady).length, 2);
      hosts['kes'] = pods[0]?.status.podIP ?? '';
    }, { timeoutMs: 90_000, intervalMs: 300 });
  });
  after(async () => await example.cluster.close());

  const options = (proxy: string, clientAuth: keyof typeof PORT, client?: ClientName) => ({
    host: hosts[proxy] ?? '', port: PORT[clientAuth], servername: `kes-proxy.${example.namespace}.svc`, ca: clients['kes-client'].ca,
    ...(client === undefined ? {} : { cert: clients[client].cert, key: clients[client].key }),
  });
  const ask = async (proxy: string, clientAuth: keyof typeof PORT, client?: ClientName, more: { readonly path?: string; readonly headers?: NonNullable<RequestOptions['headers']> } = {}) =>
    await get({ ...options(proxy, clientAuth, client), path: '/v1/identity/self/describe', ...more });
  const identityOf = ({ cert }: Credentials) => createHash('sha256').update(new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' })).digest('hex');

  const outcomes: readonly (readonly [keyof typeof PORT, ClientName | undefined, number, RegExp])[] = [
    ['OptionalNoCA', 'kes-client', 200, /CN=my-app/],
    ['OptionalNoCA', 'other-client', 200, /CN=other-app/],
    // That nobody knows its CA is no fault here; that it may not be a client's certificate is.
    ['OptionalNoCA', 'other-ca', 400, /The SSL certificate error/],
    ['OptionalNoCA', undefined, 403, /the proxy forwarded none/],
    ['Optional', 'kes-client', 200, /CN=my-app/],
    ['Optional', 'other-client', 400, /The SSL certificate error/],
    ['Optional', undefined, 403, /the proxy forwarded none/],
    ['Required', 'kes-client', 200, /CN=my-app/],
    ['Required', 'other-client', 400, /The SSL certificate error/],
    ['Required', undefined, 400, /No required SSL certificate was sent/],
  ];

  for (const [engine, proxy] of [['nginx', 'kes-proxy'], ['node', 'kes-proxy-node']] as const) {
    describe(`engine ${engine}`, () => {
      before(async () => await eventually(async () => assert.equal((await ask(proxy, 'Required', 'kes-client')).status, 200), { timeoutMs: 40_000, intervalMs: 500 }));

      for (const [clientAuth, client, status, text] of outcomes) {
        it(`answers ${status} to ${client ?? 'a client without a certificate'} with clientAuth ${clientAuth}`, async () => {
          const answer = await ask(proxy, clientAuth, client);
          assert.equal(answer.status, status);
          assert.match(answer.body, text);
        });
      }

      it('passes the identity on that KES would compute, over TLS 1.3', async () => {
        const { identity, protocol } = JSON.parse((await ask(proxy, 'OptionalNoCA', 'kes-client')).body) as Seen;
        assert.deepEqual([identity, protocol], [identityOf(clients['kes-client']), 'TLSv1.3']);
      });

      it('passes on one certificate, whatever the client has put into the header', async () => {
        const headers = { 'X-Tls-Client-Cert': [encodeURIComponent(clients['other-client'].cert), 'second'], 'x_tls_client_cert': 'third' };
        for (const clientAuth of ['OptionalNoCA', 'Required'] as const) {
          assert.match((await ask(proxy, clientAuth, 'kes-client', { headers })).body, /CN=my-app/);
        }
        assert.match((await ask(proxy, 'OptionalNoCA', undefined, { headers })).body, /the proxy forwarded none/);
      });

      it('balances two servers', async () => {
        await eventually(async () => {
          const servers = new Set<string>();
          for (let count = 0; count < 20; count++) servers.add((JSON.parse((await ask(proxy, 'Required', 'kes-client')).body) as Seen).server);
          assert.deepEqual([...servers].sort(), ['kes-0', 'kes-1']);
        }, { timeoutMs: 60_000, intervalMs: 500 });
      });

      it('takes a body of 20 MB', async () => {
        const body = await new Promise<string>((resolve, reject) => {
          const outgoing = request({ ...options(proxy, 'Required', 'kes-client'), method: 'POST', path: '/v1/key/import/big', agent: false }, (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('error', reject).on('end', () => resolve(text));
          });
          outgoing.on('error', reject).end(Buffer.alloc(20_000_000));
        });
        assert.equal((JSON.parse(body) as Seen).received, 20_000_000);
      });

      it('buffers no answer: the audit log of KES comes while it is written', async () => {
        const first = await new Promise<string>((resolve, reject) => {
          const outgoing = request({ ...options(proxy, 'Required', 'kes-client'), path: '/v1/log/audit', agent: false, timeout: 5000 }, (response) => {
            response.setEncoding('utf8').once('data', (chunk: string) => {
              resolve(chunk);
              outgoing.destroy();
            }).on('error', () => {});
          });
          outgoing.on('timeout', () => outgoing.destroy(new Error('timeout'))).on('error', reject).end();
        });
        assert.match(first, /CN=my-app/);
      });

      it('speaks HTTP/2 with clients', async () => {
        const { host, port, ...tls } = options(proxy, 'Required', 'kes-client');
        const session = connectHttp2(`https://${host}:${port}`, tls);
        const body = await new Promise<string>((resolve, reject) => {
          let text = '';
          session.on('error', reject);
          session.request({ ':path': '/v1/identity/self/describe', ':authority': 'kes.example' }).setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('error', reject).on('end', () => resolve(text)).end();
        });
        session.close();
        assert.match(body, /CN=my-app/);
      });

      it('logs every request with the client\'s subject', async () => {
        await ask(proxy, 'Required', 'kes-client', { path: '/v1/audited' });
        await eventually(async () => {
          const lines = (await kubectl('-n', example.namespace, 'logs', `deploy/${proxy}`, '-c', 'tls-sidecar')).split('\n');
          const line = JSON.parse(lines.find((text) => text.includes('/v1/audited')) ?? 'null') as Record<string, unknown> | null;
          assert.deepEqual([line?.['listener'], line?.['status'], line?.['verify'], line?.['subject']], ['required', 200, 'SUCCESS', 'CN=my-app']);
        });
      });
    });
  }

  describe('KES itself', () => {
    const askDirectly = async (speaker: Credentials, ...forwarded: string[]) => await get({
      host: hosts['kes'] ?? '', port: 7373, servername: `kes.${example.namespace}.svc`, ...speaker, path: '/', headers: { 'X-Tls-Client-Cert': forwarded },
    });
    const escaped = (client: ClientName) => encodeURIComponent(clients[client].cert);

    it('believes nobody but the proxy: a client cannot speak for another', async () => {
      assert.match((await askDirectly(clients['kes-client'], escaped('other-client'))).body, /CN=my-app/);
    });

    const refused: Readonly<Record<string, readonly [() => string[], RegExp]>> = {
      'two headers': [() => [escaped('kes-client'), escaped('other-client')], /too many/],
      'two certificates in one header': [() => [escaped('kes-client') + escaped('other-client')], /not exactly one/],
      'a CA\'s certificate': [() => [escaped('other-ca')], /is a CA's/],
    };
    for (const [what, [headers, message]] of Object.entries(refused)) {
      it(`refuses ${what} even from the proxy`, async () => {
        const proxy = await credentialsOf(example.cluster, example.namespace, 'kes-proxy-tls');
        assert.match((await askDirectly(proxy, ...headers())).body, message);
      });
    }
  });
});
