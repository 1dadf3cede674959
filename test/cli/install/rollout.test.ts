import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeRollout, waitForRollout } from '../../../src/cli/install/rollout.ts';
import type { Deployment, Pod } from '../../../src/cli/install/rollout.ts';
import type { ApiClient } from '../../../src/kube/api-client.ts';

const aDeployment = (status: Deployment['status'] = {}): Deployment => ({ metadata: { generation: 2 }, spec: { replicas: 2 }, status: { observedGeneration: 2, ...status } });
const waiting = (reason: string, message?: string): Pod => ({ status: { containerStatuses: [{ state: { waiting: { reason, ...(message === undefined ? {} : { message }) } } }] } });

describe('describeRollout', () => {
  const told: Record<string, [Deployment, Pod[], string]> = {
    'that nobody has seen the change yet': [{ ...aDeployment({ observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2 }) }, [], 'waiting for the Deployment to be noticed'],
    'how many are ready': [aDeployment({ replicas: 2, updatedReplicas: 2, readyReplicas: 1 }), [], '1 of 2 replicas ready, 2 of the new version'],
    'that old replicas are still there': [aDeployment({ replicas: 3, updatedReplicas: 2, readyReplicas: 2 }), [], '2 of 2 replicas ready, 2 of the new version'],
    'why pods do not start, each reason once': [aDeployment({ replicas: 2 }), [waiting('ImagePullBackOff'), waiting('ImagePullBackOff'), waiting('ErrImagePull'), waiting('ContainerCreating')], '0 of 2 replicas ready, 0 of the new version; ErrImagePull; ImagePullBackOff'],
    'that no node takes them': [aDeployment(), [{ status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes' }] } }], '0 of 2 replicas ready, 0 of the new version; Unschedulable'],
  };
  for (const [name, [deployment, pods, text]] of Object.entries(told)) it(`tells ${name}`, () => {
    const { state, text: said } = describeRollout(deployment, pods);
    assert.deepEqual([state, said], ['going', text]);
  });

  it('is done when all are ready and new', () => {
    assert.deepEqual(describeRollout(aDeployment({ replicas: 2, updatedReplicas: 2, readyReplicas: 2 }), []), { state: 'done', text: '2 of 2 replicas ready', stuck: new Map() });
  });
});

describe('waitForRollout', () => {
  const clientOf = (pods: Pod[], ...states: Deployment[]) => {
    const [last] = states.slice(-1);
    return { get: async () => await Promise.resolve(states.shift() ?? last), list: async () => await Promise.resolve({ items: pods, resourceVersion: '' }) } as unknown as ApiClient;
  };
  const done = aDeployment({ replicas: 2, updatedReplicas: 2, readyReplicas: 2 });

  it('tells each state and each reason once, until it is done', async () => {
    const said: string[] = [];
    await waitForRollout(clientOf([waiting('ErrImagePull', 'no such\u001b[2J image')], aDeployment(), aDeployment(), done), { timeoutMs: 10_000, say: (line) => said.push(line) });
    assert.deepEqual(said, ['operator: 0 of 2 replicas ready, 0 of the new version; ErrImagePull\n', '  ErrImagePull: no such [2J image\n', 'operator: 2 of 2 replicas ready\n']);
  });

  it('gives up when the time is over, with the last state', async () => {
    await assert.rejects(waitForRollout(clientOf([], aDeployment()), { timeoutMs: 1, say: () => undefined }), /did not become ready within 0\.001 s \(0 of 2 replicas ready, 0 of the new version\); see kubectl -n tenant-mtls-system describe pods/);
  });
});
