// lanes.ts - runs the test files in lanes side by side and ends with one report, in the words of node:test.
//
// The files of a lane run one after the other, because they share what the lane is for: integration tests a Lease of
// the operator, e2e tests the deployed operator and the node. Lanes share nothing but the machine; two lanes that need
// a cluster need one each, or they are one lane.
//
//   node hack/test/lanes.ts [KUBECONFIG=PATH:]FILE,FILE... [...]
import { run } from 'node:test';
import type { TestsStream } from 'node:test';
import { spec } from 'node:test/reporters';

/** A test that hangs is a failure, and not a run without end. */
const FILE_TIMEOUT_MS = 600_000;

interface TestEvent {
  readonly type: string;
  readonly data: { readonly name?: string; readonly nesting?: number; readonly file?: string; readonly message?: string };
}

/** Of the event test:summary; @types/node lacks `failed`. */
interface Summary {
  readonly counts: Readonly<Record<(typeof COUNTS)[number], number>>;
  readonly duration_ms: number;
  readonly file: string | undefined;
  readonly success: boolean;
}

const COUNTS = ['tests', 'suites', 'passed', 'failed', 'cancelled', 'skipped', 'todo', 'topLevel'] as const;

function startLane(argument: string): TestsStream {
  const [, kubeconfig, list = ''] = /^(?:KUBECONFIG=([^:]+):)?(.+)$/.exec(argument) ?? [];
  const env = kubeconfig === undefined ? process.env : { ...process.env, KUBECONFIG: kubeconfig };
  return run({ files: list.split(','), concurrency: 1, timeout: FILE_TIMEOUT_MS, env });
}

/** Gives the events of a lane file by file, so that those of two lanes do not mix, and its totals in the end. */
async function collect(lane: TestsStream, report: (event: TestEvent) => void): Promise<Summary> {
  const pending: TestEvent[] = [];
  const flush = (): void => {
    for (const event of pending.splice(0)) report(event);
  };
  for await (const event of lane as AsyncIterable<TestEvent>) {
    const { type, data } = event;
    if (type === 'test:summary') {
      flush();
      if (data.file === undefined) return data as unknown as Summary;
    } else if (!isTotal(event)) {
      pending.push(event);
    }
  }
  throw new Error('a lane ended without its totals');
}

/** A lane's own plan and totals, which the sum of all replaces. */
function isTotal({ type, data }: TestEvent): boolean {
  return data.file === undefined && (type === 'test:plan' || type === 'test:diagnostic');
}

function total(summaries: readonly Summary[], durationMs: number): Summary {
  const counts = Object.fromEntries(COUNTS.map((name) => [name, summaries.reduce((sum, summary) => sum + summary.counts[name], 0)])) as Summary['counts'];
  return { counts, duration_ms: durationMs, file: undefined, success: summaries.every(({ success }) => success) };
}

const startedAt = performance.now();
const reporter = new spec();
reporter.pipe(process.stdout);
const report = (event: TestEvent): void => void reporter.write(event);
const summary = total(await Promise.all(process.argv.slice(2).map(async (argument) => await collect(startLane(argument), report))), performance.now() - startedAt);
const { tests, suites, passed, failed, cancelled, skipped, todo } = summary.counts;
for (const [name, value] of Object.entries({ tests, suites, pass: passed, fail: failed, cancelled, skipped, todo, duration_ms: summary.duration_ms })) {
  report({ type: 'test:diagnostic', data: { nesting: 0, message: `${name} ${value}` } });
}
report({ type: 'test:summary', data: summary as TestEvent['data'] });
reporter.end();
process.exitCode = summary.success ? 0 : 1;
