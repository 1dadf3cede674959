// `doctor`: is the operator installed and does it work; and if not, what to do. Reads only, apart from one pod created in a dry run.
import { OPTIONS } from '../config.ts';
import { CONNECTION_FLAGS } from './cluster-connection.ts';
import type { CommandIo } from './command-io.ts';
import { CHECKS } from './doctor-checks.ts';
import type { CheckResult } from './doctor-checks.ts';
import { describeError } from '../errors.ts';
import { OUTPUT_FLAG, formatOutput, parseOutput } from './output.ts';
import { readArguments, refusePositionals } from './read-arguments.ts';

export const DOCTOR_FLAGS = {
  'operator-namespace': { type: 'string', value: 'NAMESPACE', help: `namespace of the operator (default ${OPTIONS.namespace.fallback})` },
  context: CONNECTION_FLAGS.context,
  kubeconfig: CONNECTION_FLAGS.kubeconfig,
  ...OUTPUT_FLAG,
} as const;

/** Exit code 1: something is wrong. A check that could not be made is told as a problem with its error. */
export async function doctor(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, DOCTOR_FLAGS);
  refusePositionals(positionals);
  const output = parseOutput(values.output);
  const { client } = io.connect(values);
  const namespace = values['operator-namespace'] ?? OPTIONS.namespace.fallback;
  const results = await diagnose(client, namespace);
  io.stdout.write(formatOutput(results, output, reportChecks));
  return results.some(({ outcome }) => outcome === 'problem') ? 1 : 0;
}

export async function diagnose(client: Parameters<(typeof CHECKS)[number]['run']>[0], operatorNamespace: string): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { name, run } of CHECKS) {
    try {
      results.push({ check: name, ...(await run(client, operatorNamespace)) });
    } catch (error) {
      results.push({ check: name, outcome: 'problem', detail: describeError(error), remedy: 'see that the cluster can be reached and that you may read this' });
    }
  }
  return results;
}

export function reportChecks(results: readonly CheckResult[]): string {
  return results.map(({ check, outcome, detail, remedy }) => `${outcome.padEnd(8)}${check}: ${detail}\n${remedy === undefined ? '' : `        -> ${remedy}\n`}`).join('');
}
