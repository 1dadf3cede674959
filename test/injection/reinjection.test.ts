// Pods that come back changed: edited by their authors, copied by kubectl, altered by other webhooks, or made by an older version of this program.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideInjection } from '../../src/injection/decide-injection.ts';
import { injectSidecar, sidecarTemplateHash } from '../../src/injection/inject-sidecar.ts';
import type { Container, Pod } from '../../src/injection/pod.ts';
import { uninject } from '../../src/injection/uninject.ts';
import { aCertificate, aContainer, aContext, aPod, injected, reasonsOf } from './builders.ts';

const TEMPLATE_HASH = 'tenant-mtls.dev/template-sha256';
const REWRITE = { annotations: { 'tenant-mtls.dev/rewrite-probes': 'true' } };
const LIVENESS = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 5 };

const sidecarOf = (pod: Pod): Container => {
  const [first] = pod.spec?.initContainers ?? [];
  assert.equal(first?.name, 'tls-sidecar');
  return first;
};

const editSidecar = (pod: Pod, edit: (sidecar: Container) => Container): Pod => ({
  ...pod,
  spec: { ...(pod.spec ?? { containers: [] }), initContainers: (pod.spec?.initContainers ?? []).map((each) => (each.name === 'tls-sidecar' ? edit(each) : each)) },
});

const editApp = (pod: Pod, edit: (app: Container) => Container): Pod => ({ ...pod, spec: { ...pod.spec, containers: (pod.spec?.containers ?? []).map(edit) } });

describe('injecting again', () => {
  it('brings an older sidecar up to date: image, listeners and hash', () => {
    const before = injected(aPod());
    const context = aContext({ images: { nginx: 'registry.example/nginx:1.31', node: 'x' }, certificate: aCertificate({ secretName: 'other-tls' }) });
    const after = injected(before, context);
    assert.equal(sidecarOf(after).image, 'registry.example/nginx:1.31');
    assert.match(JSON.stringify(after.spec?.volumes), /other-tls/);
    assert.notEqual(after.metadata?.annotations?.[TEMPLATE_HASH], before.metadata?.annotations?.[TEMPLATE_HASH]);
    assert.deepEqual(after, injected(aPod(), context));
  });

  it('keeps what others have added to our container, and takes back what they changed of ours', () => {
    const edited = editSidecar(injected(aPod()), (sidecar) => ({
      ...sidecar, image: 'evil', resizePolicy: [], env: [{ name: 'TZ', value: 'UTC' }, { name: 'TENANT_MTLS_APP_PORT', value: '1' }],
      volumeMounts: [...(sidecar.volumeMounts ?? []), { name: 'token', mountPath: '/token' }], resources: { ...sidecar.resources, limits: { memory: '1Gi', cpu: '2' } },
    } as Container));
    const again = sidecarOf(injected(edited));
    const fresh = sidecarOf(injected(aPod()));
    assert.deepEqual(again, { ...fresh, resizePolicy: [], env: [...(fresh.env ?? []), { name: 'TZ', value: 'UTC' }], volumeMounts: [...(fresh.volumeMounts ?? []), { name: 'token', mountPath: '/token' }], resources: { ...fresh.resources, limits: { memory: '128Mi', cpu: '2' } } });
  });

  it('keeps nothing of a container that pretends to be ours but could tell it what to run', () => {
    const pretended = editSidecar(injected(aPod()), (sidecar) => ({ ...sidecar, args: ['--unsafe-no-manifest'], envFrom: [{ configMapRef: { name: 'theirs' } }] }));
    assert.deepEqual(injected(pretended), injected(aPod()));
  });

  it('takes the API token back that an older sidecar was given', () => {
    const token = { name: 'kube-api-access-x', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true };
    const older = editSidecar(injected(aPod()), (sidecar) => ({ ...sidecar, volumeMounts: [...(sidecar.volumeMounts ?? []).slice(0, 2), token] }));
    assert.deepEqual(sidecarOf(injected(older)), sidecarOf(injected(aPod())));
  });

  it('moves our container to the front when another webhook went before it', () => {
    const pod = injected(aPod());
    const moved = { ...pod, spec: { containers: [], ...pod.spec, initContainers: [{ name: 'istio-init', image: 'x' }, ...(pod.spec?.initContainers ?? [])] } };
    assert.deepEqual(injected(moved).spec?.initContainers?.map(({ name }) => name), ['tls-sidecar', 'istio-init']);
  });

  it('leaves an equal amount in the API server\'s notation', () => {
    const pod = aPod({}, { annotations: { 'tenant-mtls.dev/cpu-request': '0.5' } });
    const canonical = editSidecar(injected(pod), (sidecar) => ({ ...sidecar, resources: { ...sidecar.resources, requests: { ...sidecar.resources?.requests, cpu: '500m' } } }));
    assert.deepEqual(injected(canonical), canonical);
  });

  it('lets an author\'s new probe win over the kept original', () => {
    const pod = injected(aPod({ containers: [aContainer({ livenessProbe: LIVENESS })] }, REWRITE));
    const edited = editApp(pod, (app) => ({ ...app, livenessProbe: { tcpSocket: { port: 8080 } } }));
    assert.deepEqual(injected(edited).metadata?.annotations?.['tenant-mtls.dev/original-probes'], '{"app/livenessProbe":{"tcpSocket":{"port":8080}}}');
    assert.deepEqual(uninject(injected(edited)).spec?.containers[0]?.livenessProbe, { tcpSocket: { port: 8080 } });
  });

  it('keeps an author\'s new timing of a rewritten probe', () => {
    const pod = injected(aPod({ containers: [aContainer({ livenessProbe: LIVENESS })] }, REWRITE));
    const edited = editApp(pod, (app) => ({ ...app, livenessProbe: { ...app.livenessProbe, periodSeconds: 60 } }));
    assert.deepEqual(uninject(injected(edited)).spec?.containers[0]?.livenessProbe, { ...LIVENESS, periodSeconds: 60 });
  });

  it('restores the probes when the annotation goes', () => {
    const { 'tenant-mtls.dev/rewrite-probes': _, ...annotations } = injected(aPod({ containers: [aContainer({ livenessProbe: LIVENESS })] }, REWRITE)).metadata?.annotations ?? {};
    const pod = injected(aPod({ containers: [aContainer({ livenessProbe: LIVENESS })] }, REWRITE));
    const again = injected({ ...pod, metadata: { ...pod.metadata, annotations } });
    assert.deepEqual(again.spec?.containers[0]?.livenessProbe, LIVENESS);
    assert.equal(again.metadata?.annotations?.['tenant-mtls.dev/original-probes'], undefined);
    assert.ok(!JSON.stringify(sidecarOf(again).env).includes('TENANT_MTLS_PROBES'));
  });

  it('works on a copy made by kubectl debug, which has no probes and no labels', () => {
    const pod = injected(aPod({ containers: [aContainer({ livenessProbe: LIVENESS })] }, REWRITE));
    const { labels: _, ...metadata } = pod.metadata ?? {};
    const copy = editApp({ ...pod, metadata }, ({ livenessProbe: _probe, ...app }) => app);
    assert.deepEqual(reasonsOf(copy), []);
    assert.equal(injected(copy).metadata?.labels?.['tenant-mtls.dev/certificate'], 'hello');
    assert.equal(injected(copy).spec?.containers[0]?.livenessProbe, undefined);
  });
});

describe('the paths of rewritten probes', () => {
  const probed = aPod({ containers: [aContainer({ livenessProbe: LIVENESS, lifecycle: { preStop: { httpGet: { path: '/stop', port: 8080 } } } })] }, REWRITE);
  const withToken = (digit: string) => aContext({ newProbeToken: () => digit.repeat(32) });
  const pathsOf = (pod: Pod) => [pod.spec?.containers[0]?.livenessProbe?.httpGet?.path, pod.spec?.containers[0]?.lifecycle?.preStop?.httpGet?.path];
  const routesOf = (pod: Pod): unknown => (JSON.parse(sidecarOf(pod).env?.find(({ name }) => name === 'TENANT_MTLS_PROBES')?.value ?? '') as { path: string }[]).map(({ path }) => path);

  it('cannot be guessed: each pod has a token of its own', () => {
    for (const digit of ['a', '7']) {
      const pod = injected(probed, withToken(digit));
      assert.deepEqual(pathsOf(pod), [`/probes/${digit.repeat(32)}/app/livenessProbe`, `/probes/${digit.repeat(32)}/app/preStop`]);
      assert.deepEqual(routesOf(pod), pathsOf(pod));
    }
  });

  it('stay when the pod is injected again, byte for byte, and for a container that is added later', () => {
    const once = injected(probed, withToken('a'));
    assert.equal(JSON.stringify(injected(once, withToken('b'))), JSON.stringify(once));
    const more = { ...once, spec: { ...once.spec, containers: [...(once.spec?.containers ?? []), { name: 'late', livenessProbe: LIVENESS }] } };
    assert.equal(injected(more, withToken('b')).spec?.containers[1]?.livenessProbe?.httpGet?.path, `/probes/${'a'.repeat(32)}/late/livenessProbe`);
  });

  it('are undone exactly, whatever the token is', () => {
    assert.equal(JSON.stringify(uninject(injected(probed, withToken('f')))), JSON.stringify(probed));
  });

  it('are made anew where the token that the pod brings along is none', () => {
    const edited = editSidecar(injected(probed, withToken('a')), (sidecar) => ({ ...sidecar, env: [{ name: 'TENANT_MTLS_PROBES', value: '[{"path":"/probes/../app/preStop"}]' }] }));
    assert.deepEqual(routesOf(injected(edited, withToken('b'))), [`/probes/${'b'.repeat(32)}/app/livenessProbe`, `/probes/${'b'.repeat(32)}/app/preStop`]);
  });
});

describe('what counts as ours', () => {
  const before = injected(aPod());
  it('is not what an annotation says', () => {
    const pretending = aPod({}, { annotations: before.metadata?.annotations ?? {} });
    assert.equal(uninject(pretending), pretending);
    assert.ok(sidecarOf(injected(pretending)) !== undefined);
  });

  const notOurs: Record<string, Partial<Container>> = {
    'a plain init container of our name': { restartPolicy: 'Never' },
    'a sidecar of our name that does not mount our volume': { volumeMounts: [] },
  };
  for (const [sentence, change] of Object.entries(notOurs)) {
    it(`is not ${sentence}`, () => assert.ok(reasonsOf(editSidecar(before, (sidecar) => ({ ...sidecar, ...change }))).includes('SidecarNameTaken')));
  }
});

describe('sidecarTemplateHash', () => {
  it('is what a current pod carries', () => {
    const injection = decideInjection(aPod(), aContext());
    assert.ok(injection.outcome === 'inject');
    assert.equal(injectSidecar(aPod(), injection.sidecar).metadata?.annotations?.[TEMPLATE_HASH], sidecarTemplateHash(injection.sidecar));
  });
});
