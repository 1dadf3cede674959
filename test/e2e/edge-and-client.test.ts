// HAProxy and our sidecar on either side of the wire, Apache behind both, and the PKI of seven certificates.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods, certificateReady, credentialsOf, get, readyPod } from '../support/e2e.ts';
import { startExample, switchEngine } from '../support/examples.ts';
import type { Example } from '../support/examples.ts';

describe('edge and client proxies', { skip: cannotRunPods() }, () => {
  let example: Example;
  const hosts: Record<string, string> = {};

  before(async () => {
    example = await startExample('edge-and-client', 'seven-certificates/certificates.yaml');
    const { cluster, namespace } = example;
    for (const name of ['app', 'customer1', 'customer2', 'customer1-client', 'customer1-unknown']) await certificateReady(cluster, namespace, name);
    await readyPod(cluster, namespace, 'app=customer1');
    await readyPod(cluster, namespace, 'app=customer2', 'plain');
    hosts['haproxy-edge'] = (await readyPod(cluster, namespace, 'app=haproxy-edge', 'plain')).status.podIP;
  });
  after(async () => await example.cluster.close());

  const curl = async (client: string, url: string, ...args: string[]) => await example.exec(`deploy/${client}`, 'curl', '-sSi', '--max-time', '5', ...args, url);
  const ways = [
    { client: 'customer1', port: 8080, how: 'our sidecar to HAProxy' },
    { client: 'customer1', port: 8081, how: 'our sidecar to our sidecar' },
    { client: 'customer2', port: 8080, how: 'HAProxy to our sidecar' },
  ] as const;

  for (const engine of ['nginx', 'node']) {
    describe(`our sidecars with engine ${engine}`, () => {
      before(async () => {
        if (engine === 'node') await switchEngine(example, engine, ['edge', 'customer1']);
        hosts['edge'] = (await readyPod(example.cluster, example.namespace, 'app=edge')).status.podIP;
      });

      for (const { client, port, how } of ways) {
        it(`takes ${client}'s plain request from ${how}, and Apache knows who it is`, async () => {
          const answer = await eventually(async () => {
            const text = await curl(client, `http://127.0.0.1:${port}/`, '-H', 'X-SSL-Client-CN: admin');
            assert.match(text, /^HTTP\/1\.1 200 /);
            return text;
          }, { timeoutMs: 30_000, intervalMs: 300 });
          assert.match(answer, /It works!/);
          assert.match(answer, new RegExp(`^seen-client-cn: ${client}\\.example\\r$`, 'im'));
        });
      }

      it('forwards the whole certificate from our edge', async () => {
        assert.match(await curl('customer2', 'http://127.0.0.1:8080/'), /^seen-client-certificate: -----BEGIN%20CERTIFICATE-----%0A/im);
      });

      for (const edge of ['edge', 'haproxy-edge']) {
        const ask = async (secret: string) => {
          const { ca } = await credentialsOf(example.cluster, example.namespace, 'app-tls');
          const { cert, key } = await credentialsOf(example.cluster, example.namespace, secret);
          return await get({ host: hosts[edge] ?? '', path: '/', servername: 'app.company.example', ca, cert, key });
        };

        it(`answers a client with TLS of its own at ${edge}`, async () => {
          for (const customer of ['customer1', 'customer2']) {
            const { status, headers, body } = await ask(customer);
            assert.deepEqual([status, headers['seen-client-cn'], body], [200, `${customer}.example`, 'It works!\n']);
          }
        });

        it(`answers 503 to a common name that ${edge} does not know`, async () => {
          assert.equal((await ask('customer1-unknown-tls')).status, 503);
        });

        it(`does not let the server's own certificate in at ${edge}: it is of another CA`, async () => {
          const outcome = await ask('app-tls').then(({ status }) => String(status), (error: Error) => error.message);
          assert.match(outcome, /^400$|alert/);
        });
      }
    });
  }
});
