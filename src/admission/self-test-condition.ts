// The result of the self-test as a condition of the operator's own Deployment, where `kubectl describe` shows it and `kubectl wait` waits
// for it (docs/adr/0009-self-test.md). One rule: only this condition is ours, and nothing depends on its being written.
import { WEBHOOK_CONDITION } from '../api/names.ts';
import { describeError } from '../errors.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isNotFound } from '../kube/api-error.ts';
import type { Logger } from '../kube/logger.ts';
import type { KubeObject } from '../kube/object.ts';
import { apiVersionOf, resources } from '../kube/resources.ts';
import type { SelfTestOutcome, SelfTestResult } from './self-test.ts';

export interface SelfTestConditionOptions {
  readonly client: Pick<ApiClient, 'get' | 'applyServerSide'>;
  readonly log: Logger;
  /** The operator's. */
  readonly deployment: { readonly namespace: string; readonly name: string };
  readonly now: () => number;
}

interface WithConditions extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly lastTransitionTime?: string }[] };
}

const STATUS: Readonly<Record<SelfTestOutcome, 'True' | 'False' | 'Unknown'>> = { Answered: 'True', NotCalled: 'False', Unreachable: 'False', Unknown: 'Unknown' };
const ANSWERED = 'a pod that was created with dryRun was refused by this webhook, as it must be';
const LONGEST_MESSAGE = 1024;

export class SelfTestCondition {
  readonly #options: SelfTestConditionOptions;
  #written = '';

  constructor(options: SelfTestConditionOptions) {
    this.#options = options;
  }

  /** Writes what has changed. Never rejects: it is tried again with the next result. */
  async tell({ outcome, message }: SelfTestResult): Promise<void> {
    const said = JSON.stringify([outcome, message]);
    if (said === this.#written) return;
    const { log, deployment: { name } } = this.#options;
    try {
      await this.#write(STATUS[outcome], outcome, outcome === 'Answered' ? ANSWERED : message);
      this.#written = said;
    } catch (error) {
      if (isNotFound(error)) log.debug({ name }, 'no Deployment to show the result of the self-test');
      else log.warn({ name, error: describeError(error) }, 'result of the self-test not shown');
    }
  }

  /** For a replica that is not the leader: what it has written may be overtaken by what the leader writes. */
  forget(): void {
    this.#written = '';
  }

  async #write(status: string, reason: string, message: string): Promise<void> {
    const { client, deployment, now } = this.#options;
    const { status: current } = await client.get<WithConditions>(resources.Deployment, deployment);
    const before = current?.conditions?.find(({ type }) => type === WEBHOOK_CONDITION);
    const time = new Date(now()).toISOString().replace(/\.\d{3}Z$/, 'Z');
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime ?? time : time;
    const condition = { type: WEBHOOK_CONDITION, status, reason, message: message.slice(0, LONGEST_MESSAGE), lastUpdateTime: time, lastTransitionTime };
    const object = { apiVersion: apiVersionOf(resources.Deployment), kind: 'Deployment', metadata: deployment, status: { conditions: [condition] } };
    await client.applyServerSide(resources.Deployment, object, { subresource: 'status' });
  }
}
