import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { CONFIG_FILES } from '../../src/api/names.ts';
import { renderNginx } from '../../src/nginx/render-nginx.ts';
import type { ProxyModel } from '../../src/proxy-model/model.ts';
import { manifestOf, withManifest } from '../support/mounted-set.ts';
import type { Files } from '../support/mounted-set.ts';
import { NginxSidecar, eventually } from '../support/nginx-sidecar.ts';
import { nginxRoot } from '../support/nginx-root.ts';
import { aModel } from '../support/proxy-models.ts';
import { TestCa } from '../support/test-ca.ts';
import type { KeyPair } from '../support/test-ca.ts';

const root = nginxRoot();
const skip = 'missing' in root ? root.missing : false;

function sha256(text: string | undefined): string {
  return createHash('sha256').update(text ?? '').digest('hex');
}

function filesOf(model: ProxyModel, server: KeyPair, trust: Files): Files {
  const rendered = Object.fromEntries(renderNginx(model).map(({ path, content }) => [path, content]));
  return { ...rendered, 'certs/tls.crt': server.certificate, 'certs/tls.key': server.key, ...trust };
}

describe('the nginx sidecar', { skip, concurrency: 2 }, () => {
  const ca = new TestCa('/O=Shop/CN=shop-ca');
  const server = ca.issue('/CN=hello.shop.example');
  const alice = ca.issue('/O=Customer/CN=alice.shop.example');
  const good = withManifest(filesOf(aModel(), server, { 'caCerts/trust-0.crt': ca.certificate }));
  const as = ({ certificate, key }: KeyPair) => ({ cert: certificate, key });
  const seen: IncomingHttpHeaders[] = [];
  const app = createServer((request, response) => {
    seen.push(request.headers);
    const answer = () => response.end(JSON.stringify(request.headers));
    if (request.url === '/slow') setTimeout(answer, 1000);
    else if (request.url === '/endless') return;
    else answer();
  });
  let appPort = 0;

  before(async () => {
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    appPort = (app.address() as { port: number }).port;
  });
  after(() => {
    app.closeAllConnections();
    app.close();
    ca[Symbol.dispose]();
  });

  async function started(files: Files = good, environment: Record<string, string> = {}): Promise<NginxSidecar> {
    const sidecar = await NginxSidecar.prepare((root as { directory: string }).directory, appPort);
    sidecar.mounted.swap(files);
    sidecar.start(environment);
    return sidecar;
  }

  it('answers a client with a certificate and gives 400 to one without', async () => {
    await using sidecar = await started();
    const status = await sidecar.reaches(({ state }) => state === 'current');
    assert.equal(status.manifestSHA256, sha256(good[CONFIG_FILES.manifest]));
    assert.deepEqual(status.manifest, JSON.parse(good[CONFIG_FILES.manifest] ?? ''));
    assert.equal((await sidecar.get('/date')).status, 400);
    const reply = await sidecar.get('/date', as(alice));
    assert.equal(reply.status, 200);
    assert.equal((await sidecar.ask('/healthz'))?.status, 200);
  });

  it('tells the app who the client is, whatever the client says itself', async () => {
    await using sidecar = await started();
    await sidecar.reaches(({ state }) => state === 'current');
    const spoofed = {
      'X-SSL-Client-CN': 'mallory', 'x-ssl-client-dn': 'CN=mallory', 'X-SSL-CLIENT-VERIFY': 'SUCCESS', x_ssl_client_cn: 'mallory', 'X-SSL-Client-SHA256': '00',
      'X-Forwarded-Client-Cert': 'By=mallory', 'X-Tls-Client-Cert': 'mallory', 'X-SSL-Client-Serial': '00', 'X-Forwarded-For': '192.0.2.1', Host: 'hello.example',
    };
    const { body } = await sidecar.get('/', { ...as(alice), headers: spoofed });
    const headers = JSON.parse(body) as IncomingHttpHeaders;
    assert.equal(headers['x-ssl-client-cn'], 'alice.shop.example');
    assert.equal(headers['x-ssl-client-dn'], 'CN=alice.shop.example,O=Customer');
    assert.equal(headers['x-ssl-client-verify'], 'SUCCESS');
    assert.equal(decodeURIComponent(String(headers['x-tls-client-cert'])).trim(), alice.certificate.trim());
    assert.equal(headers['x-forwarded-for'], '192.0.2.1, 127.0.0.1');
    assert.equal(headers.host, 'hello.example');
    assert.ok(!body.includes('mallory') && !('x-ssl-client-sha256' in headers) && !('x-forwarded-client-cert' in headers));
  });

  it('loads a new set within two seconds of the swap', async () => {
    await using sidecar = await started();
    await sidecar.reaches(({ state }) => state === 'current');
    const renewed = withManifest(filesOf(aModel(), ca.issue('/CN=hello.shop.example'), { 'caCerts/trust-0.crt': ca.certificate }), 2);
    sidecar.mounted.swap(renewed);
    const status = await sidecar.reaches(({ manifest }) => manifest.revision === 2, 2500);
    assert.equal(status.manifestSHA256, sha256(renewed[CONFIG_FILES.manifest]));
    assert.equal((await sidecar.get('/', as(alice))).status, 200);
  });

  const broken: Readonly<Record<string, { files: () => Files; message: RegExp }>> = {
    'a Secret that is newer than its ConfigMap': {
      files: () => ({ ...good, 'certs/tls.crt': alice.certificate, 'certs/tls.key': alice.key }),
      message: /differs from the manifest: certs\/tls\.crt certs\/tls\.key/,
    },
    'a set whose key does not match': { files: () => withManifest({ ...good, 'certs/tls.key': alice.key }, 2), message: /a key in the set is not the key of its certificate/ },
    'a certificate that is none': { files: () => withManifest({ ...good, 'certs/tls.crt': 'nonsense' }, 2), message: /nginx refuses the set: .*certs\/tls\.crt/ },
    'a CRL that has expired': {
      files: () => {
        const manifest = manifestOf(good, 2).replace(' "files"', ' "crlNextUpdate": 1000000000,\n "files"');
        return { ...good, [CONFIG_FILES.manifest]: manifest };
      },
      message: /CRL in the set has expired/,
    },
    'a set with a missing file': { files: () => Object.fromEntries(Object.entries(good).filter(([path]) => path !== 'caCerts/trust-0.crt')), message: /missing: caCerts\/trust-0\.crt/ },
    'a manifest that names a file elsewhere': {
      files: () => ({ ...good, [CONFIG_FILES.manifest]: `{\n "files": {\n  "certs/../../../etc/passwd": "${'0'.repeat(64)}"\n }\n}\n` }),
      message: /outside of the set/,
    },
    'a set for the other engine': {
      files: () => withManifest(Object.fromEntries(Object.entries(good).filter(([path]) => path !== CONFIG_FILES['nginx.conf'] && path !== CONFIG_FILES.manifest)), 2),
      message: /needs engine node/,
    },
  };
  for (const [name, { files, message }] of Object.entries(broken)) {
    it(`keeps the old set when it is shown ${name}, says so, and takes the next good one`, async () => {
      await using sidecar = await started();
      await sidecar.reaches(({ state }) => state === 'current');
      sidecar.mounted.swap(files());
      const status = await sidecar.reaches(({ state }) => state === 'pending');
      assert.match(status.message ?? '', message);
      assert.equal(status.manifestSHA256, sha256(good[CONFIG_FILES.manifest]));
      assert.equal((await sidecar.get('/', as(alice))).status, 200);
      sidecar.mounted.swap(withManifest(filesOf(aModel(), server, { 'caCerts/trust-0.crt': ca.certificate }), 3));
      await sidecar.reaches(({ manifest, state }) => state === 'current' && manifest.revision === 3);
    });
  }

  it('waits for a good set without answering /healthz, then serves', async () => {
    await using sidecar = await started({ ...good, 'certs/tls.key': alice.key });
    await eventually(() => (sidecar.log.includes('differs from the manifest') ? true : undefined), 'a line about the mismatch');
    assert.equal(await sidecar.ask('/healthz'), undefined);
    sidecar.mounted.swap(good);
    await sidecar.reaches(({ state }) => state === 'current');
  });

  it('serves the last good set after a restart in front of a bad one', async () => {
    await using sidecar = await started();
    await sidecar.reaches(({ state }) => state === 'current');
    sidecar.signal('SIGTERM');
    assert.equal(await sidecar.ended(), 0);
    sidecar.mounted.swap({ ...good, 'certs/tls.key': alice.key });
    sidecar.start();
    await sidecar.reaches(({ state }) => state === 'pending');
    assert.equal((await sidecar.get('/', as(alice))).status, 200);
  });

  it('finishes a request on TERM and ends with 0', async () => {
    await using sidecar = await started();
    await sidecar.reaches(({ state }) => state === 'current');
    const slow = sidecar.get('/slow', as(alice));
    await eventually(() => seen.length > 0 ? true : undefined, 'a request at the app');
    await new Promise((resolve) => setTimeout(resolve, 300));
    sidecar.signal('SIGTERM');
    assert.equal((await slow).status, 200);
    assert.equal(await sidecar.ended(), 0);
  });

  it('refuses a revoked client once the CRL has been loaded', async () => {
    const crlModel = aModel({ listeners: [{ ...aModel().listeners[0]!, tls: { ...aModel().listeners[0]!.tls!, trust: { certificates: 'caCerts/trust-0.crt', crls: 'caCerts/trust-0.crl', system: false, authorities: [] } } }] });
    const mallory = ca.issue('/CN=mallory');
    const set = (revision: number) => withManifest(filesOf(crlModel, server, { 'caCerts/trust-0.crt': ca.certificate, 'caCerts/trust-0.crl': ca.crl() }), revision);
    await using sidecar = await started(set(1));
    await sidecar.reaches(({ state }) => state === 'current');
    assert.equal((await sidecar.get('/', as(mallory))).status, 200);
    ca.revoke(mallory);
    sidecar.mounted.swap(set(2));
    await sidecar.reaches(({ manifest }) => manifest.revision === 2);
    assert.equal((await sidecar.get('/', as(mallory))).status, 400);
    assert.equal((await sidecar.get('/', as(alice))).status, 200);
  });

  it('says that the app can be reached without TLS, in status and metrics', async () => {
    const open = createServer((_, response) => response.end()).listen(0, '0.0.0.0');
    await once(open, 'listening');
    const { port } = open.address() as { port: number };
    await using sidecar = await started(good, { TENANT_MTLS_APP_PORT: String(port) });
    const { plaintextReachable } = await sidecar.reaches((status) => status.plaintextReachable.length > 0);
    open.close();
    assert.deepEqual(plaintextReachable, [port]);
  });

  it('serves metrics of the connections and of the loaded set', async () => {
    await using sidecar = await started();
    await sidecar.reaches(({ state }) => state === 'current');
    const metrics = await eventually(async () => {
      const reply = await sidecar.ask('/metrics');
      return reply?.status === 200 ? reply.body : undefined;
    }, 'metrics');
    assert.match(metrics, /^tenant_mtls_connections_open \d+$/m);
    assert.match(metrics, /^tenant_mtls_certificate_not_after_seconds 1900000000$/m);
    assert.match(metrics, /^tenant_mtls_reloads_total\{result="success"\} 1$/m);
    assert.match(metrics, new RegExp(`^tenant_mtls_plaintext_reachable\\{port="${appPort}"\\} 0$`, 'm'));
    assert.doesNotMatch(metrics, /crl_next_update/);
  });

  it('answers for the probes of an app on loopback with a status and nothing else', async () => {
    const route = (path: string, target: string) => ({ path, kind: 'HTTP', port: appPort, timeoutSeconds: 1, target });
    const routes = [route('/probes/app/livenessProbe', '/ok'), { ...route('/probes/app/readinessProbe', ''), kind: 'TCP' }, { ...route('/probes/app/startupProbe', '/'), port: 1 }, route('/probes/app/postStart', '/ok'), { ...route('/probes/app/preStop', '/'), port: 1 }];
    const { writeProbeRoutes } = await import('../../src/api/probes.ts');
    await using sidecar = await started(good, { TENANT_MTLS_PROBES: writeProbeRoutes(routes as Parameters<typeof writeProbeRoutes>[0]) });
    await sidecar.reaches(({ state }) => state === 'current');
    assert.deepEqual(await sidecar.ask('/probes/app/livenessProbe'), { status: 200, body: '' });
    assert.equal((await sidecar.ask('/probes/app/readinessProbe'))?.status, 200);
    assert.equal((await sidecar.ask('/probes/app/startupProbe'))?.status, 503);
    assert.equal((await sidecar.ask('/probes/app/postStart'))?.status, 200);
    assert.equal(await sidecar.ask('/probes/app/preStop'), undefined, 'a hook that fails gets no answer');
    assert.equal((await sidecar.ask('/probes/app/other'))?.status, 404);
  });

  it('ends at once on a second TERM', async () => {
    await using sidecar = await started();
    await sidecar.reaches(({ state }) => state === 'current');
    const slow = sidecar.get('/endless', as(alice)).catch(() => 'cut');
    await new Promise((resolve) => setTimeout(resolve, 200));
    sidecar.signal('SIGTERM');
    await eventually(() => (sidecar.log.includes('stopping') ? true : undefined), 'a line about stopping');
    sidecar.signal('SIGTERM');
    assert.equal(await slow, 'cut');
    assert.equal(await sidecar.ended(), 0);
  });

  it('ends with 1 when nginx has died, so that the container is restarted', async () => {
    await using sidecar = await started();
    await sidecar.reaches(({ state }) => state === 'current');
    // In a container the workers end with the container; here nobody else ends them.
    const workers = readFileSync(`/proc/${sidecar.nginxPid}/task/${sidecar.nginxPid}/children`, 'utf8').trim().split(' ').map(Number);
    process.kill(sidecar.nginxPid, 'SIGKILL');
    for (const worker of workers) process.kill(worker, 'SIGKILL');
    assert.equal(await sidecar.ended(), 1);
  });

  it('refuses a port that is no port, before anything of it reaches a directive', async () => {
    await using sidecar = await started(good, { TENANT_MTLS_APP_PORT: '80; }' });
    assert.equal(await sidecar.ended(), 1);
  });
});
