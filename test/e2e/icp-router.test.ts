// The router of IBM Cloud Private in front of a real Prometheus, once per engine; and Prometheus with queries bound to the client's name.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods, certificateReady, credentialsOf, get, readyPod } from '../support/e2e.ts';
import type { Answer, Credentials } from '../support/e2e.ts';
import { startExample } from '../support/examples.ts';
import type { Example } from '../support/examples.ts';

describe('the ICP router', { skip: cannotRunPods() }, () => {
  let example: Example;
  let customers: Record<'customer1' | 'customer2', Credentials>;
  const hosts: Record<string, string> = {};

  before(async () => {
    example = await startExample('icp-router');
    const { cluster, namespace } = example;
    for (const name of ['customer1', 'customer2', 'prometheus', 'prometheus-tenants']) await certificateReady(cluster, namespace, name);
    customers = { customer1: await credentialsOf(cluster, namespace, 'customer1-tls'), customer2: await credentialsOf(cluster, namespace, 'customer2-tls') };
    for (const name of ['prometheus', 'prometheus-node', 'prometheus-tenants']) hosts[name] = (await readyPod(cluster, namespace, `app=${name}`)).status.podIP;
  });
  after(async () => await example.cluster.close());

  type Options = Parameters<typeof get>[0];
  const ask = async (name: string, path: string, options: Partial<Options> = {}): Promise<Answer> =>
    await get({ host: hosts[name] ?? '', path, servername: `${name}.${example.namespace}.svc`, ...customers.customer1, ...options });
  const seriesOf = (text: string) => [...text.matchAll(/^up\{.*\bcustomer="(\w+)"/gm)].map(([, customer]) => customer);

  for (const [engine, name] of [['nginx', 'prometheus'], ['node', 'prometheus-node']] as const) {
    describe(`engine ${engine}`, () => {
      it('serves Prometheus, which lives under /prometheus, at /', async () => {
        await eventually(async () => assert.match((await ask(name, '/-/ready')).body, /Prometheus.* is Ready/), { timeoutMs: 30_000 });
      });

      it('serves /federate', async () => {
        const path = `/federate?${new URLSearchParams({ 'match[]': 'up' })}`;
        const answer = await eventually(async () => {
          const { status, body } = await ask(name, path);
          assert.deepEqual([status, seriesOf(body).sort()], [200, ['customer1', 'customer2']]);
          return body;
        }, { timeoutMs: 30_000 });
        assert.match(answer, /^# TYPE up untyped/m);
      });

      it('serves /api/v1/series', async () => {
        const { body } = await ask(name, `/api/v1/series?${new URLSearchParams({ 'match[]': 'up{job="customers"}' })}`);
        const { status, data } = JSON.parse(body) as { status: string; data: { __name__: string }[] };
        assert.deepEqual([status, data.map(({ __name__ }) => __name__)], ['success', ['up', 'up']]);
      });

      for (const query of ['match[]=helm_release_info', 'match%5B%5D=helm_release_info', 'start=0&match%5b%5d=helm_release_info']) {
        it(`answers ${query} itself`, async () => {
          const { status, headers, body } = await ask(name, `/api/v1/series?${query}`);
          assert.deepEqual([status, headers['content-type'], body], [200, 'application/json', '{"status":"success","data":[{"__name__":"helm_release_info","release":"monitoring"}]}']);
        });
      }

      it('keeps Host and appends to X-Forwarded-For', async () => {
        const { body } = await ask(name, '/headers', { headers: { Host: 'monitoring.example', 'X-Forwarded-For': '192.0.2.1' } });
        const { headers } = JSON.parse(body) as { headers: Record<string, string> };
        assert.equal(headers['host'], 'monitoring.example');
        assert.match(headers['x-forwarded-for'] ?? '', /^192\.0\.2\.1, [\d.]+$/);
      });

      it('has its own metrics read by Prometheus', async () => {
        await eventually(async () => {
          const { body } = await ask(name, `/api/v1/query?${new URLSearchParams({ query: '{job="sidecar",__name__=~"up|tenant_mtls_requests_total|tenant_mtls_certificate_not_after_seconds"}' })}`);
          const { data: { result } } = JSON.parse(body) as { data: { result: { metric: { __name__: string }; value: [number, string] }[] } };
          const values = Object.fromEntries(result.map(({ metric, value }) => [metric.__name__, Number(value[1])]));
          assert.equal(values['up'], 1);
          assert.ok((values['tenant_mtls_requests_total'] ?? 0) > 0, JSON.stringify(values));
          assert.ok((values['tenant_mtls_certificate_not_after_seconds'] ?? 0) > Date.now() / 1000);
        }, { timeoutMs: 30_000, intervalMs: 300 });
      });

      it('answers 400 without a certificate', async () => {
        const { ca } = customers.customer1;
        assert.equal((await get({ host: hosts[name] ?? '', path: '/', ca, servername: `${name}.${example.namespace}.svc` })).status, 400);
      });

      it('offers the ciphers of its list and no others', async () => {
        const { status } = await ask(name, '/-/healthy', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' });
        assert.equal(status, 200);
        await assert.rejects(ask(name, '/-/healthy', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' }), /handshake failure/);
      });
    });
  }

  for (const customer of ['customer1', 'customer2'] as const) {
    it(`shows ${customer} the series with its own name, whatever it asks for`, async () => {
      const query = new URLSearchParams([['match[]', '{customer="customer1"}'], ['match[]', '{customer="customer2"}']]);
      await eventually(async () => {
        const { body } = await ask('prometheus-tenants', `/federate?${query}`, customers[customer]);
        assert.deepEqual(seriesOf(body), [customer]);
      }, { timeoutMs: 30_000 });
      const { body } = await ask('prometheus-tenants', `/api/v1/series?${query}`, customers[customer]);
      const { data } = JSON.parse(body) as { data: { customer: string }[] };
      assert.deepEqual([...new Set(data.map((series) => series.customer))], [customer]);
    });
  }

  it('shows customers nothing else of Prometheus', async () => {
    assert.equal((await ask('prometheus-tenants', '/api/v1/query?query=up')).status, 503);
  });
});
