import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { load, loadAll } from 'js-yaml';
import { injectFiles } from '../../src/cli/inject.ts';
import { uninjectFiles } from '../../src/cli/uninject.ts';
import { UsageError } from '../../src/errors.ts';
import { carryAnnotations, templateOf } from '../../src/injection/carry-annotations.ts';
import type { Workload } from '../../src/injection/carry-annotations.ts';
import type { Pod } from '../../src/injection/pod.ts';
import { aCertificate, injected } from '../injection/builders.ts';
import { captureIo } from './inject-io.ts';

const CERTIFICATE = `apiVersion: tenant-mtls.dev/v1alpha1
kind: TenantCertificate
metadata: {name: hello, namespace: shop}
spec: {issuer: {kind: Secret, name: shop-ca}, commonName: hello.shop.example, isCA: false}
`;
const DEPLOYMENT = `# The hello app.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: hello
  namespace: shop
  annotations: {tenant-mtls.dev/certificate: hello}
spec:
  template:
    spec:
      containers:
      - name: app
        image: registry.example/hello:1
        ports: [{containerPort: 8080}]
`;
const FOREIGN = `apiVersion:   v1   # odd   spacing
kind: ConfigMap
metadata: {name: other}
data: {answer: yes, mode: 0440}
`;
const POD = `apiVersion: v1
kind: Pod
metadata:
  name: hello
  namespace: shop
  annotations: {tenant-mtls.dev/certificate: hello}
spec: {containers: [{name: app, image: x, ports: [{containerPort: 8080}]}]}
`;

async function inject(text: string, args: readonly string[] = ['--offline']) {
  const io = captureIo({ stdin: text });
  return { code: await injectFiles(['-f', '-', ...args], io), out: io.out(), err: io.err() };
}

describe('injectFiles', () => {
  it('injects a Pod as the webhook does', async () => {
    const { code, out } = await inject(`${CERTIFICATE}---\n${POD}`);
    assert.equal(code, 0);
    assert.deepEqual(loadAll(out)[1], JSON.parse(JSON.stringify(injected(load(POD) as Pod))));
  });

  it('injects the template of a Deployment as the webhook does with its pods, and keeps the comment on top', async () => {
    const { out, err } = await inject(`${CERTIFICATE}---\n${DEPLOYMENT}`);
    const carried = carryAnnotations(load(DEPLOYMENT) as Workload);
    assert.deepEqual(templateOf(loadAll(out)[1] as Workload), JSON.parse(JSON.stringify(injected(templateOf(carried) ?? {}))));
    assert.match(out, /---\n# The hello app\.\n/);
    assert.equal(err, 'deployment/hello: injected (TenantCertificate hello, engine nginx)\n');
  });

  it('leaves every other document as it is, byte for byte', async () => {
    const { out } = await inject(`${FOREIGN}---\n${CERTIFICATE}--- # not ours either\n{{ template: "not YAML" }\n---\n${DEPLOYMENT}`);
    assert.ok(out.startsWith(`${FOREIGN}---\n${CERTIFICATE}--- # not ours either\n{{ template: "not YAML" }\n---\n`));
  });

  it('writes what has not opted in unchanged', async () => {
    const plain = DEPLOYMENT.replace(/  annotations:.*\n/, '');
    const { code, out, err } = await inject(plain);
    assert.deepEqual({ code, out }, { code: 0, out: plain });
    assert.match(err, /deployment\/hello: skipped\n {2}NotOptedIn/);
  });

  it('injects the items of a List', async () => {
    const items = [load(POD), { kind: 'Service', metadata: { name: 'hello' } }];
    const { out } = await inject(`${CERTIFICATE}---\n${JSON.stringify({ apiVersion: 'v1', kind: 'List', items })}`);
    const list = loadAll(out)[1] as { items: unknown[] };
    assert.deepEqual(list.items, [JSON.parse(JSON.stringify(injected(load(POD) as Pod))), items[1]]);
  });

  it('keeps JSON JSON', async () => {
    const io = captureIo({ stdin: JSON.stringify(load(POD)), cluster: { certificate: () => Promise.resolve(aCertificate()) } });
    assert.equal(await injectFiles(['-f', '-'], io), 0);
    assert.deepEqual(JSON.parse(io.out()), JSON.parse(JSON.stringify(injected(load(POD) as Pod))));
  });

  it('writes nothing and says why when something that asked cannot be injected', async () => {
    const { code, out, err } = await inject(`${DEPLOYMENT}---\n${POD}`);
    assert.deepEqual({ code, out }, { code: 1, out: '' });
    assert.match(err, /deployment\/hello: refused\n {2}CertificateNotFound: namespace shop has no TenantCertificate hello\n {4}-> create/);
  });

  it('asks the cluster for certificate, namespace and version', async () => {
    const asked: string[] = [];
    const io = captureIo({
      stdin: POD.replace('  namespace: shop\n', ''),
      cluster: {
        certificate: (namespace, name) => { asked.push(`${namespace}/${name}`); return Promise.resolve(aCertificate()); },
        namespaceLabels: (namespace) => { asked.push(namespace); return Promise.resolve({}); },
        kubernetesVersion: () => Promise.resolve('v1.28.0'),
      },
    });
    assert.equal(await injectFiles(['-f', '-'], io), 1);
    assert.deepEqual(asked, ['shop/hello', 'shop']);
    assert.match(io.err(), /KubernetesTooOld/);
  });

  it('is idempotent on its own output', async () => {
    const once = await inject(`${CERTIFICATE}---\n${DEPLOYMENT}---\n${POD}`);
    assert.equal((await inject(once.out)).out, once.out);
  });

  const traps = {
    'an octal mode': ['0440', 'octal'], 'a bare yes': ['yes', 'true or false'], 'a bare on': ['on', 'true or false'],
    'a bare n': ['n', 'true or false'], 'underscores': ['1_000', 'underscores'], 'a number that does not fit': ['12345678901234567890', 'quote it'],
  };
  for (const [sentence, [scalar = '', message = '']] of Object.entries(traps)) {
    it(`refuses ${sentence} in a document that it would write`, async () => {
      const text = `${CERTIFICATE}---\n${POD.replace('image: x', `image: ${scalar}`)}`;
      await assert.rejects(inject(text), (error: unknown) => error instanceof UsageError && error.message.includes('stdin, document 2') && error.message.includes(message));
    });
  }

  it('refuses aliases that multiply', async () => {
    const bomb = `a: &a [x]\n${Array.from({ length: 101 }, (_, index) => `b${index}: *a`).join('\n')}\n`;
    await assert.rejects(inject(`${POD}${bomb}`), UsageError);
  });

  it('never quotes the file when it is no YAML', async () => {
    await assert.rejects(inject('kind: Pod\nsecret: "hunter2\n'), (error: unknown) => error instanceof UsageError && !error.message.includes('hunter2'));
  });

  it('needs a file', async () => {
    await assert.rejects(injectFiles([], captureIo()), UsageError);
    await assert.rejects(injectFiles(['-f', '/does/not/exist', 'stray'], captureIo()), UsageError);
  });
});

describe('injectFiles of a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'inject-'));
  after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'below'));
  writeFileSync(join(folder, 'a.yaml'), POD);
  writeFileSync(join(folder, 'b.yml'), CERTIFICATE);
  writeFileSync(join(folder, 'notes.txt'), 'kind: Pod');
  writeFileSync(join(folder, 'below', 'c.json'), JSON.stringify(load(POD)));

  it('takes its manifests by name, and those below it only when asked', async () => {
    const flat = captureIo();
    assert.equal(await injectFiles(['--offline', '-f', folder], flat), 0);
    assert.equal(loadAll(flat.out()).length, 2);
    const recursive = captureIo();
    assert.equal(await injectFiles(['--offline', '-R', '-f', folder], recursive), 0);
    assert.equal(loadAll(recursive.out()).length, 3);
  });
});

describe('uninjectFiles', () => {
  it('gives the objects of before, and leaves other documents as they are', async () => {
    const before = `${FOREIGN}---\n${CERTIFICATE}---\n${DEPLOYMENT}---\n${POD}`;
    const { out } = await inject(before);
    const io = captureIo({ stdin: out });
    assert.equal(await uninjectFiles(['-f', '-'], io), 0);
    assert.deepEqual(loadAll(io.out()), loadAll(before));
    assert.ok(io.out().startsWith(`${FOREIGN}---\n${CERTIFICATE}`));
  });

  it('leaves what is not injected as it is, byte for byte', async () => {
    const io = captureIo({ stdin: `${POD}---\n${FOREIGN}` });
    await uninjectFiles(['-f', '-'], io);
    assert.equal(io.out(), `${POD}---\n${FOREIGN}`);
  });
});
