import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { load } from 'js-yaml';
import { explain } from '../../src/cli/explain.ts';
import { UsageError } from '../../src/errors.ts';
import { aCertificate, aContainer, aPod, injected } from '../injection/builders.ts';
import { captureIo } from './inject-io.ts';

const withCertificate = { certificate: () => Promise.resolve(aCertificate()) };

describe('explain', () => {
  it('says that a pod of the cluster would be injected', async () => {
    const io = captureIo({ cluster: { ...withCertificate, object: (kind, namespace, name) => Promise.resolve(`${kind}/${namespace}/${name}` === 'Pod/shop/hello' ? aPod() : undefined) } });
    assert.equal(await explain(['hello'], io), 0);
    assert.equal(io.out(), [
      'NAMESPACE   OBJECT      SIDECAR   DECISION   REASON   MESSAGE',
      'shop        pod/hello   Missing   inject              TenantCertificate hello, engine nginx',
      '',
    ].join('\n'));
  });

  it('names every reason, with what to do, for a Deployment', async () => {
    const pod = aPod({ hostNetwork: true, containers: [aContainer({ ports: [] })] });
    const deployment = { metadata: { name: 'hello', namespace: 'shop' }, spec: { template: pod } };
    const io = captureIo({ cluster: { ...withCertificate, object: (kind) => Promise.resolve(kind === 'Deployment' ? deployment : undefined) } });
    assert.equal(await explain(['deploy/hello'], io), 1);
    assert.match(io.out(), /shop +deployment\/hello +None +refuse +HostNetwork +the pod uses the network of its node; remove/);
    assert.match(io.out(), /shop +deployment\/hello +None +refuse +AppPortMissing +no container/);
  });

  for (const output of ['json', 'yaml'] as const) {
    it(`prints the same report as ${output}`, async () => {
      const io = captureIo({ stdin: JSON.stringify(aPod({ hostNetwork: true })), cluster: withCertificate });
      assert.equal(await explain(['-f', '-', '-o', output], io), 1);
      const reports = (output === 'json' ? JSON.parse(io.out()) : load(io.out())) as { decision: string; reasons: { reason: string }[] }[];
      assert.deepEqual(reports.map(({ decision, reasons }) => `${decision}: ${reasons.map(({ reason }) => reason).join()}`), ['refused: HostNetwork']);
    });
  }

  it('finds the sidecar of another image than the operator\'s outdated', async () => {
    const object = () => Promise.resolve(injected(aPod()));
    const current = captureIo({ cluster: { ...withCertificate, object } });
    assert.equal(await explain(['hello'], current), 0);
    assert.match(current.out(), /pod\/hello +Current +inject/);
    const outdated = captureIo({ cluster: { ...withCertificate, object, operatorImages: () => Promise.resolve({ nginx: 'registry.example/nginx:1.31' }) } });
    assert.equal(await explain(['hello'], outdated), 0);
    assert.match(outdated.out(), /pod\/hello +Outdated +inject/);
  });

  const wrong = { 'nothing to explain': [], 'an unknown kind': ['service/hello'], 'an absent pod': ['gone'], 'an unknown output': ['-f', '-', '-o', 'xml'], 'an unknown flag': ['--what'] };
  for (const [sentence, args] of Object.entries(wrong)) {
    it(`refuses ${sentence}`, async () => {
      await assert.rejects(explain(args, captureIo()), UsageError);
    });
  }
});
