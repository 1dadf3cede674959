import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { auditPod } from '../../src/injection/audit-pod.ts';
import { decideInjection } from '../../src/injection/decide-injection.ts';
import { aContext, aPod, injected } from './builders.ts';

describe('auditPod', () => {
  const gone = aContext({ certificate: undefined });
  const newer = aContext({ images: { nginx: 'registry.example/nginx:1.31', node: 'x' } });
  const optedOut = aContext({ namespace: { name: 'shop', labels: { 'tenant-mtls.dev/inject': 'false' } } });
  const cases = {
    'a pod that was missed': [aPod(), aContext(), 'Missing'],
    'a pod that asked and would be refused': [aPod(), gone, 'Missing'],
    'a pod injected as it would be now': [injected(aPod()), aContext(), 'Current'],
    'a pod with an older sidecar': [injected(aPod()), newer, 'Outdated'],
    'a pod whose certificate is gone': [injected(aPod()), gone, 'Outdated'],
    'a pod that opted out since': [injected(aPod()), optedOut, 'Unwanted'],
    'a pod that opted out': [aPod(), optedOut, 'None'],
  } as const;
  for (const [sentence, [pod, context, expected]] of Object.entries(cases)) {
    it(`finds ${sentence} ${expected}`, () => assert.equal(auditPod(pod, decideInjection(pod, context)), expected));
  }
});
