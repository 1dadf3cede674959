// Three kinds of clients, all of them curl, reach one edge with certificates of their own; edges come and go meanwhile.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isNotFound } from '../../src/kube/api-error.ts';
import { resources } from '../../src/kube/resources.ts';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods, certificateReady, podsOf, readyPod } from '../support/e2e.ts';
import { isReady, startExample, switchEngine } from '../support/examples.ts';
import type { Example } from '../support/examples.ts';

describe('three kinds of clients', { skip: cannotRunPods() }, () => {
  let example: Example;

  before(async () => {
    example = await startExample('three-clients');
    const { cluster, namespace } = example;
    for (const name of ['edge', 'native-client', 'plain-client', 'one-way-client']) await certificateReady(cluster, namespace, name);
    await eventually(async () => assert.equal((await readyEdges()).length, 2), { timeoutMs: 90_000, intervalMs: 300 });
    await readyPod(cluster, namespace, 'app=native-client', 'plain');
    for (const name of ['plain-client', 'one-way-client']) await readyPod(cluster, namespace, `app=${name}`);
  });
  after(async () => await example.cluster.close());

  const readyEdges = async () => (await podsOf(example.cluster, example.namespace, 'app=edge')).filter(isReady);
  const curl = async (client: string, ...args: string[]) => await example.exec(`deploy/${client}`, 'curl', '-sS', '--max-time', '10', ...args);
  const certificate = ['--cacert', '/certs/ca.crt', '--cert', '/certs/tls.crt', '--key', '/certs/tls.key'];
  const clients: Record<string, { readonly how: string; readonly args: () => string[] }> = {
    'native-client': { how: 'with its certificate', args: () => [...certificate, `https://edge.${example.namespace}.svc:8443/hello`] },
    'plain-client': { how: 'in plaintext to its own sidecar', args: () => ['http://127.0.0.1:8080/hello'] },
    'one-way-client': { how: 'with TLS but no certificate to its own sidecar', args: () => ['--cacert', '/certs/ca.crt', 'https://localhost:8443/hello'] },
  };

  const codes = async (client: string, args: string[], count: number): Promise<string[]> => {
    const answers = await curl(client, ...args.flatMap((arg) => (arg.includes('://') ? [`${arg}/[1-${count}]`] : [arg])), '-o', '/dev/null', '-w', '%{http_code}\n');
    return [...new Set(answers.trim().split('\n'))];
  };

  for (const engine of ['nginx', 'node']) {
    describe(`with engine ${engine}`, () => {
      before(async () => {
        if (engine === 'node') await switchEngine(example, engine, ['plain-client', 'one-way-client', 'edge']);
      });

      for (const [client, { how, args }] of Object.entries(clients)) {
        it(`knows the ${client}, which speaks ${how}`, async () => {
          // The cluster's name service remembers for a while that the edge had no pods.
          await eventually(async () => {
            const { headers } = JSON.parse(await curl(client, '--fail', ...args())) as { headers: Record<string, string> };
            assert.deepEqual([headers['x-ssl-client-verify'], headers['x-ssl-client-cn']], ['SUCCESS', client]);
          }, { timeoutMs: 40_000, intervalMs: 500 });
        });
      }

      it('refuses the clients that have no certificate when they come without their sidecar', async () => {
        const status = await curl('one-way-client', '--cacert', '/certs/ca.crt', '-o', '/dev/null', '-w', '%{http_code}', `https://edge.${example.namespace}.svc:8443/hello`);
        assert.equal(status, '400');
      });

      it('loses no request to an address that is dead', async () => {
        assert.deepEqual(await codes('plain-client', clients['plain-client']?.args() ?? [], 50), ['200']);
        assert.deepEqual(await codes('one-way-client', clients['one-way-client']?.args() ?? [], 50), ['200']);
      });

      it('loses no request while one of two edges goes away and another comes', async () => {
        const { admin } = example.cluster;
        const [edge] = await readyEdges();
        const ref = { namespace: example.namespace, name: edge?.metadata.name ?? '' };
        await admin.delete(resources.Pod, ref);
        const seen: string[] = [];
        await eventually(async () => {
          seen.push(...(await codes('plain-client', clients['plain-client']?.args() ?? [], 100)));
          await assert.rejects(admin.get(resources.Pod, ref), isNotFound);
        }, { timeoutMs: 90_000, intervalMs: 200 });
        assert.equal((await readyEdges()).length, 2);
        seen.push(...(await codes('plain-client', clients['plain-client']?.args() ?? [], 100)));
        assert.deepEqual([...new Set(seen)], ['200']);
      });
    });
  }
});
