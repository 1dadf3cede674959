// A worker process that makes load, seen from the bench: an order in, its outcome and what the server spent meanwhile out.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Target } from './connection.ts';
import type { FromWorker, Order, Outcome } from './load-worker.ts';
import { treeSeconds } from './process-tree.ts';

export interface Measured extends Outcome {
  /** CPU seconds of the server. */
  readonly cpu: number;
}

export class Load implements AsyncDisposable {
  readonly #worker: ChildProcess = fork(new URL('load-worker.ts', import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });

  /** `pid`: the server whose CPU time is read when the load begins and when it has ended. */
  async run(order: Order, target: Target, pid: number): Promise<Measured> {
    this.#worker.send({ order, target });
    await this.#hear('begun');
    const before = treeSeconds(pid);
    const { outcome } = await this.#hear('done');
    return { ...outcome, cpu: treeSeconds(pid) - before };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#worker.disconnect();
    if (this.#worker.exitCode === null) await once(this.#worker, 'exit');
  }

  async #hear<K extends FromWorker['kind']>(_kind: K): Promise<Extract<FromWorker, { kind: K }>> {
    const [message] = (await once(this.#worker, 'message')) as [FromWorker];
    if (message.kind === 'broken') throw new Error(message.message);
    return message as Extract<FromWorker, { kind: K }>;
  }
}
