// docs/reference/operator.md: flags, metrics and reasons of the operator, from the code that uses them.
import { ISSUE_REASONS, REFUSE_REASONS } from '../../src/api/conditions.ts';
import { OPTIONS } from '../../src/config.ts';
import { finding, REFUSAL_REASONS, SKIP_REASONS } from '../../src/injection/reasons.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

const row = (...cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
const code = (text: string) => `\`${text}\``;

interface Described {
  readonly flag: string;
  readonly env?: string;
  readonly fallback: string;
  readonly help: string;
}

function flags(): string[] {
  const options: readonly Described[] = Object.values(OPTIONS);
  return ['## Flags', '', row('flag', 'environment', 'default', 'meaning'), row('---', '---', '---', '---'),
    ...options.map(({ flag, env, fallback, help }) => row(code(`--${flag}`), env === undefined ? '' : code(env), fallback === '' ? '' : code(fallback), help)), ''];
}

async function metrics(): Promise<string[]> {
  const all = await createMetrics().registry.getMetricsAsJSON();
  const ours = all.filter(({ name }) => name.startsWith('tenant_mtls_'));
  return ['## Metrics', '', 'Besides those of the process (`process_`, `nodejs_`).', '', row('metric', 'type', 'meaning'), row('---', '---', '---'),
    ...ours.map(({ name, type, help }) => row(code(name), String(type), help)), ''];
}

function reasons(): string[] {
  return ['## Reasons', '', `Why a certificate is issued: ${ISSUE_REASONS.map(code).join(', ')}.`, '',
    `Why it is not (condition \`Ready\`): ${REFUSE_REASONS.map(code).join(', ')}; what to do about each is in the [runbook](../runbook.md).`, '',
    row('reason of a pod', 'outcome', 'what to do'), row('---', '---', '---'),
    ...SKIP_REASONS.map((reason) => row(code(reason), 'left as it is', finding(reason, '').remedy)),
    ...REFUSAL_REASONS.map((reason) => row(code(reason), 'refused', finding(reason, '').remedy)), ''];
}

export async function operatorReference(): Promise<string> {
  return ['# Operator reference', '', 'Generated from the code by `make generate`.', '', ...flags(), ...(await metrics()), ...reasons()].join('\n');
}
