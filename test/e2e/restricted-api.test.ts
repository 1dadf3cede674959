// An API behind a gateway: private client CA, public server certificate, redirect, and a verified server that admits the gateway only.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { resources } from '../../src/kube/resources.ts';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods, certificateReady, credentialsOf, get, readyPod } from '../support/e2e.ts';
import type { Answer } from '../support/e2e.ts';
import { startExample, switchEngine } from '../support/examples.ts';
import type { Example } from '../support/examples.ts';

describe('the restricted API', { skip: cannotRunPods() }, () => {
  let example: Example;
  let gateway: string;
  let apiserver: string;

  before(async () => {
    example = await startExample('restricted-api', 'client-certificates/certificates.yaml');
    const { cluster, namespace } = example;
    for (const name of ['scanner', 'public', 'printer', 'apiserver', 'gateway']) await certificateReady(cluster, namespace, name);
    await readyPod(cluster, namespace, 'app=gateway');
    apiserver = (await readyPod(cluster, namespace, 'app=apiserver', 'plain')).status.podIP;
    const { spec } = await cluster.admin.get<{ kind: string; apiVersion: string; metadata: object; spec: { clusterIP: string } }>(resources.Service, { namespace, name: 'gateway' });
    gateway = spec.clusterIP;
  });
  after(async () => await example.cluster.close());

  const secret = async (name: string) => await credentialsOf(example.cluster, example.namespace, name);

  /** As the client of `secretName`, or without a certificate. */
  const ask = async (path: string, secretName?: string): Promise<Answer> => {
    const { ca } = await secret('public-tls');
    const { cert, key } = secretName === undefined ? {} : await secret(secretName);
    return await get({ host: gateway, port: 443, path, ca, servername: 'api.acme.example', ...(cert === undefined ? {} : { cert, key }) });
  };

  const refused = {
    'a client without a certificate': undefined,
    'a client of another intermediate under the same root': 'printer-tls',
    'a client of the gateway\'s own issuer': 'gateway-tls',
    'a server of the public CA': 'public-tls',
  };

  for (const engine of ['nginx', 'node']) {
    describe(`with engine ${engine}`, () => {
      before(async () => {
        if (engine === 'node') await switchEngine(example, engine, ['gateway']);
      });

      it('redirects from port 80 to 443', async () => {
        const { status, location } = await eventually(async () => await new Promise<{ status?: number | undefined; location?: string | undefined }>((resolve, reject) => {
          const outgoing = request({ host: gateway, path: '/items?shelf=1', headers: { Host: 'api.acme.example' }, timeout: 3000 }, (response) => {
            response.resume();
            resolve({ status: response.statusCode, location: response.headers.location });
          });
          outgoing.on('timeout', () => outgoing.destroy(new Error('timeout'))).on('error', reject).end();
        }));
        assert.deepEqual([status, location], [301, 'https://api.acme.example/items?shelf=1']);
      });

      it('shows the public certificate and lets the scanner in', async () => {
        const { status, body, serverSerial } = await eventually(async () => {
          const answer = await ask('/', 'scanner-tls');
          assert.equal(answer.status, 200);
          return answer;
        }, { timeoutMs: 20_000, intervalMs: 300 });
        const { status: issued } = await certificateReady(example.cluster, example.namespace, 'public');
        assert.deepEqual([status, body, serverSerial], [200, 'scanned\n', issued?.serialNumber]);
      });

      it('proves itself to the API server, and tells who the client is', async () => {
        const { headers } = await ask('/', 'scanner-tls');
        assert.deepEqual([headers['seen-proxy'], headers['seen-client']], ['gateway.acme.example', 'CN=scanner,O=warehouse']);
      });

      for (const [who, secretName] of Object.entries(refused)) {
        it(`refuses ${who}`, async () => assert.equal((await ask('/', secretName)).status, 400));
      }

      it('advertises the intermediate and not the root', async () => {
        const text = await new Promise<string>((resolve) => {
          const args = ['s_client', '-connect', `${gateway}:443`, '-servername', 'api.acme.example', '-nameopt', 'RFC2253'];
          execFile('openssl', args, { timeout: 5000 }, (_error, stdout) => resolve(stdout)).stdin?.end();
        });
        const [, names = ''] = /Acceptable client certificate CA names\n([\s\S]*?)\n(?:Requested|Client Certificate Types|Peer)/.exec(text) ?? [];
        assert.deepEqual(names.split('\n').map((name) => /CN ?= ?([^,]+)/.exec(name)?.[1]), ['acme-intermediate-ca']);
      });

      it('does not talk to a server that its trust does not know', async () => {
        assert.equal((await ask('/by-system-cas', 'scanner-tls')).status, 502);
      });
    });
  }

  it('cannot be walked around: the API server takes nobody but the gateway', async () => {
    const { ca, cert, key } = await secret('scanner-tls');
    const { ca: backend } = await secret('apiserver-tls');
    const direct = async (client: object) => await get({ host: apiserver, path: '/', servername: 'apiserver.acme.example', ca: backend, ...client });
    await assert.rejects(direct({}), /certificate required|handshake failure/);
    await assert.rejects(direct({ cert, key: key, ca: [backend, ca] }), /unknown ca/);
  });
});
