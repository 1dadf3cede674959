// Kits of a real cluster: the program of somebody outside talks to a sidecar in the cluster, accepts a client of the cluster, and follows
// renewal and revocation when its kit is made again.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ConfigMap } from '../../src/api/object-meta.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { KitWorld, headersIn, missing } from '../cli/kit/kit-world.ts';
import { freePort } from '../conformance/free-port.ts';
import { eventually, kubeConfigPath, tokenFor } from '../support/cluster.ts';
import { applyYaml, cannotRunPods, certificateReady } from '../support/e2e.ts';
import { e2eNamespace } from '../support/e2e-namespace.ts';
import type { E2eNamespace } from '../support/e2e-namespace.ts';
import { aPod, hello } from '../support/pods.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const withoutHaproxy = missing('haproxy', 'haproxy');
const withoutStunnel = missing('stunnel', 'stunnel4');

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Summary {
  readonly serialNumber: string;
  readonly notAfter: string;
  readonly crlsEnd?: string;
  readonly files: readonly string[];
}

describe('kubectl tenant-mtls kit', { skip: cannotRunPods() || missing('curl', 'curl') }, () => {
  let shop: E2eNamespace;
  let folder: string;
  let address: string;
  const world = new KitWorld();

  const run = async (args: readonly string[], kubeconfig = kubeConfigPath()): Promise<Result> => await new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: folder, env: { ...process.env, KUBECONFIG: kubeconfig } }, (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }));
  });
  const kit = async (name: string, tool: string, ...more: string[]) => await run(['kit', name, '-n', shop.name, '--for', tool, ...more]);
  const client = async (tool: string, directory: string) => {
    const { code, stderr } = await kit('hello-client', tool, '--out', directory, '--address', address, '--server-name', `hello.${shop.name}.svc`);
    assert.equal(code, 0, stderr);
    return join(folder, directory);
  };
  const edge = async (): Promise<Summary> => {
    const { code, stdout, stderr } = await kit('hello', 'haproxy', '--out', 'edge', '-o', 'json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Summary;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenant-mtls-kit-'));
    shop = await e2eNamespace('kit');
    await shop.create(resources.Pod, aPod({ name: 'hello', annotations: { 'tenant-mtls.dev/certificate': 'hello' }, containers: [hello()] }));
    const pod = await shop.readyPod('hello');
    await shop.answers(pod, '/date');
    address = `${pod.status.podIP}:8443`;
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
    await shop?.cluster.close();
  });

  it('writes files for their owner, and prints names and no key', async () => {
    const { code, stdout, stderr } = await kit('hello-client', 'curl');
    assert.deepEqual([code, stderr], [0, '']);
    const { status } = await shop.read<TenantCertificate>(resources.TenantCertificate, 'hello-client');
    assert.match(stdout, new RegExp(`^\\S+/hello-client-kit: curl kit of TenantCertificate ${shop.name}/hello-client, serial number ${status?.serialNumber}, expires .*Z\n  README.txt\n  ca.crt\n  curl.conf\n  kit.json\n  tls.crt\n  tls.key\n`));
    assert.doesNotMatch(stdout, /BEGIN/);
    const directory = join(folder, 'hello-client-kit');
    const mode = async (file: string) => ((await stat(join(directory, file))).mode & 0o777).toString(8);
    assert.deepEqual([await mode('.'), await mode('tls.key')], ['700', '600']);
  });

  it('lets curl talk to the sidecar', async () => {
    const { code, output } = await world.run('curl', ['-sSi', '-K', join(await client('curl', 'curl'), 'curl.conf'), `https://hello.${shop.name}.svc/date`]);
    assert.equal(code, 0, output);
    assert.match(output, /^HTTP\/\S+ 200/);
  });

  it('lets openssl talk to the sidecar by the line in its README', async () => {
    const readme = await readFile(join(await client('openssl', 'openssl'), 'README.txt'), 'utf8');
    const line = readme.split('\n').find((each) => each.startsWith('openssl s_client')) ?? '';
    const { output } = await world.run('sh', ['-c', `${line} -quiet`], `GET /date HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n\r\n`);
    assert.match(output, /HTTP\/1\.1 200/);
  });

  for (const [tool, file, skip] of [['haproxy', 'haproxy-client.cfg', withoutHaproxy], ['stunnel', 'stunnel-client.conf', withoutStunnel]] as const) {
    it(`lets ${tool} carry plain HTTP to the sidecar`, { skip }, async () => {
      const port = await freePort();
      const configuration = world.withPorts(await client(tool, tool), file, { '127.0.0.1:18080': `127.0.0.1:${port}` });
      await world.start(tool, [...(tool === 'haproxy' ? ['-db', '-f'] : []), configuration], port);
      const { output } = await world.run('curl', ['-sSi', `http://127.0.0.1:${port}/date`]);
      assert.match(output, /^HTTP\/1\.1 200/);
    });
  }

  it('gives the renewed certificate when it is made again', async () => {
    const before = await edge();
    await run(['renew', 'hello', '-n', shop.name]);
    await eventually(async () => assert.notEqual((await edge()).serialNumber, before.serialNumber), { timeoutMs: 30_000, intervalMs: 500 });
  });

  it('lets HAProxy outside accept the clients of the cluster, until they are revoked', { skip: withoutHaproxy }, async () => {
    const { admin } = shop.cluster;
    await admin.mergePatch(resources.TenantCertificate, { namespace: shop.name, name: 'shop-ca' }, { metadata: { annotations: { 'tenant-mtls.dev/crl': 'true' } } });
    const crlsEnd = await eventually(async () => (await edge()).crlsEnd ?? assert.fail('no CRL yet'), { timeoutMs: 30_000, intervalMs: 500 });
    assert.ok(Date.parse(crlsEnd) > Date.now());

    const app = createServer((request, response) => response.end(JSON.stringify(request.headers)));
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    try {
      const start = async (): Promise<number> => {
        const port = await freePort();
        const configuration = world.withPorts(join(folder, 'edge'), 'haproxy-edge.cfg', { ':8443': `127.0.0.1:${port}`, '127.0.0.1:8080': `127.0.0.1:${(app.address() as AddressInfo).port}` });
        await world.start('haproxy', ['-db', '-f', configuration], port);
        return port;
      };
      const ask = async (port: number) => await world.run('curl', ['-sS', '-K', join(folder, 'to-edge/curl.conf'), '--connect-to', `::127.0.0.1:${port}`, `https://hello.${shop.name}.svc/`]);
      assert.equal((await kit('hello-client', 'curl', '--out', 'to-edge')).code, 0);
      assert.ok((await readdir(join(folder, 'to-edge'))).includes('ca.crl'));
      const accepted = await ask(await start());
      assert.equal(headersIn(accepted.output)['x-ssl-client-cn'], 'hello-client', accepted.output);

      await run(['revoke', 'hello-client', '-n', shop.name]);
      await eventually(async () => {
        await edge();
        const refused = await ask(await start());
        assert.notEqual(refused.code, 0, refused.output);
        assert.doesNotMatch(refused.output, /x-ssl-client/);
      }, { timeoutMs: 30_000, intervalMs: 1000 });
    } finally {
      app.closeAllConnections();
      app.close();
    }
  });

  it('refuses a certificate that is revoked, with the reason', async () => {
    const { code, stderr } = await kit('hello-client', 'curl', '--out', 'revoked');
    assert.equal(code, 1);
    assert.match(stderr, /^tenant-mtls: TenantCertificate \S+\/hello-client is not ready: Revoked: /);
  });

  it('says so when there is no such certificate', async () => {
    const { code, stderr } = await kit('nobody', 'curl');
    assert.deepEqual([code, stderr], [1, `tenant-mtls: namespace ${shop.name} has no TenantCertificate nobody\n`]);
  });

  it('hands out no authority', async () => {
    const { code, stderr } = await kit('shop-ca', 'openssl');
    assert.equal(code, 1);
    assert.match(stderr, /shop-ca is an authority: its key signs certificates and belongs into no kit\n$/);
  });

  it('leaves the Secret of somebody else alone', async () => {
    await shop.create(resources.Secret, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'theirs' }, stringData: { 'tls.key': 'theirs' } } as KubeObject);
    await applyYaml(shop.cluster, shop.name, `{apiVersion: tenant-mtls.dev/v1alpha1, kind: TenantCertificate, metadata: {name: theirs}, spec: {issuer: {kind: Secret, name: shop-ca}, commonName: x, secretName: theirs}}`);
    await eventually(async () => assert.match((await kit('theirs', 'openssl')).stderr, /theirs is not ready: SecretNotOwned: /), { timeoutMs: 20_000, intervalMs: 300 });
  });

  describe('for somebody with few rights', () => {
    let kubeconfig: string;
    const grant = async (name: string, kinds: readonly string[]) => {
      const metadata = { name, namespace: shop.name };
      const group = 'rbac.authorization.k8s.io';
      await shop.create(resources.Role, { apiVersion: `${group}/v1`, kind: 'Role', metadata, rules: [{ apiGroups: ['', 'tenant-mtls.dev'], resources: kinds, verbs: ['get'] }] } as KubeObject);
      await shop.create(resources.RoleBinding, { apiVersion: `${group}/v1`, kind: 'RoleBinding', metadata, roleRef: { apiGroup: group, kind: 'Role', name }, subjects: [{ kind: 'ServiceAccount', name: 'visitor', namespace: shop.name }] } as KubeObject);
    };
    before(async () => {
      await shop.create(resources.ServiceAccount, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'visitor' } });
      const { server, caData } = shop.cluster.kubeConfig.getCurrentCluster() ?? {};
      kubeconfig = join(folder, 'visitor');
      await writeFile(kubeconfig, JSON.stringify({
        apiVersion: 'v1', kind: 'Config', 'current-context': 'c', contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: shop.name } }],
        clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': caData } }], users: [{ name: 'u', user: { token: await tokenFor(shop.cluster, shop.name, 'visitor') } }],
      }));
      await chmod(kubeconfig, 0o600);
    });
    const asVisitor = async () => await run(['kit', 'hello', '--for', 'openssl', '--out', 'visitor-kit', '-o', 'json'], kubeconfig);

    it('names each right that lacks', async () => {
      assert.match((await asVisitor()).stderr, new RegExp(`^tenant-mtls: you may not get tenantcertificates hello in namespace ${shop.name}, which a kit is made of`));
      await grant('see', ['tenantcertificates']);
      await eventually(async () => assert.match((await asVisitor()).stderr, new RegExp(`^tenant-mtls: you may not get secrets hello-tls in namespace ${shop.name}, which a kit is made of`)));
    });

    it('makes a kit of what may be read, and says what may be missing', async () => {
      await grant('take', ['secrets']);
      const { status } = await certificateReady(shop.cluster, shop.name, 'hello');
      await eventually(async () => {
        const { code, stdout, stderr } = await asVisitor();
        assert.equal(code, 0, stderr);
        assert.equal((JSON.parse(stdout) as Summary).serialNumber, status?.serialNumber);
        assert.equal(stderr, `warning: you may not get configmaps hello-proxy in namespace ${shop.name}: a CRL that stands there is not in the kit\n`);
      });
      await shop.read<ConfigMap>(resources.ConfigMap, 'hello-proxy');
    });
  });
});
