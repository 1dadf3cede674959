// Both engines on equal models with several lanes: a lane is a listener of each engine with an app of its own, for one case at a time.
import type { ProxyModel } from '../../../src/proxy-model/model.ts';
import { aListener, aListenerTls, aModel, aRoute, anUpstream } from '../../support/proxy-models.ts';
import { freePort } from '../../support/nginx-sidecar.ts';
import type { Engine, RunningEngine } from '../engine.ts';
import { trustOf, type Fleet } from '../fleet.ts';
import { toPort } from '../setups.ts';
import { RecordingApp } from './recording-app.ts';

export interface Side {
  readonly port: number;
  readonly app: RecordingApp;
}

export interface Lane {
  readonly nginx: Side;
  readonly node: Side;
}

export class EnginePair implements AsyncDisposable {
  readonly lanes: readonly Lane[];
  readonly #stack: AsyncDisposableStack;

  private constructor(lanes: readonly Lane[], stack: AsyncDisposableStack) {
    this.lanes = lanes;
    this.#stack = stack;
  }

  static async start({ nginx, node }: { readonly nginx: Engine; readonly node: Engine }, fleet: Fleet, laneCount: number): Promise<EnginePair> {
    const stack = new AsyncDisposableStack();
    const [nginxSides, nodeSides] = await Promise.all([startSides(nginx, fleet, { laneCount, stack }), startSides(node, fleet, { laneCount, stack })]);
    return new EnginePair(nginxSides.flatMap((side, index) => (nodeSides[index] === undefined ? [] : [{ nginx: side, node: nodeSides[index] }])), stack);
  }

  /** All cases, each on the next free lane. */
  async forEach<T>(cases: readonly T[], action: (lane: Lane, one: T) => Promise<void>): Promise<void> {
    const left = [...cases];
    await Promise.all(this.lanes.map(async (lane) => {
      for (let one = left.shift(); one !== undefined; one = left.shift()) await action(lane, one);
    }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

async function startSides(engine: Engine, fleet: Fleet, { laneCount, stack }: { laneCount: number; stack: AsyncDisposableStack }): Promise<Side[]> {
  const apps = await Promise.all(Array.from({ length: laneCount }, () => RecordingApp.start()));
  for (const app of apps) stack.use(app);
  const trust = trustOf(0, [[fleet.customer, 'customer']]);
  const model = await aModelWithLanes(apps, trust.model);
  const running: RunningEngine = stack.use(await engine.start({ model, files: { ...fleet.serverFiles, ...trust.files } }));
  return apps.map((app, index) => ({ app, port: running.port(`lane-${index}`) }));
}

async function aModelWithLanes(apps: readonly RecordingApp[], trust: ReturnType<typeof trustOf>['model']): Promise<ProxyModel> {
  const upstreams = apps.map(({ port }, index) => anUpstream({ name: `app-${index}`, addresses: toPort(port) }));
  const listeners = await Promise.all(upstreams.map(async ({ name }, index) =>
    aListener({ name: `lane-${index}`, port: await freePort(), portFromPod: false, bind: '127.0.0.1', tls: aListenerTls({ trust }), routes: [aRoute({ target: { kind: 'upstream', upstream: name } })] })));
  return aModel({ engine: 'node', listeners, upstreams, accessLog: 'Off' });
}
