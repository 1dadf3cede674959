// docs/reference/sidecar.md: what each engine can do, and the names of its headers, metrics and log fields, from the tables of src/proxy-model.
import { ACCESS_LOG_FIELDS } from '../../src/proxy-model/access-log.ts';
import { capabilityTable } from '../../src/proxy-model/capabilities.ts';
import { IDENTITY_HEADER } from '../../src/proxy-model/identity-headers.ts';
import { SIDECAR_METRICS } from '../../src/proxy-model/sidecar-metrics.ts';

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const mark = (engines: readonly string[], engine: string) => (engines.includes(engine) ? 'yes' : 'no');

export function sidecarReference(): string {
  const metrics = Object.values(SIDECAR_METRICS).map(({ name, type, labels, help, engines }) => [`\`${name}${labels.length === 0 ? '' : `{${labels.join(', ')}}`}\``, type, help, mark(engines, 'nginx'), mark(engines, 'node')]);
  const fields = ACCESS_LOG_FIELDS.map(({ name, protocols, description, engines }) => [`\`${name}\``, protocols.join(', '), description, mark(engines, 'nginx'), mark(engines, 'node')]);
  return [
    '# Sidecar reference', '', 'Generated from src/proxy-model by `make generate`.', '',
    '## Engines', '', 'A field that the chosen engine cannot serve is refused with reason `NotSupportedByEngine`.', '', capabilityTable(),
    '## Headers towards the upstream', '', 'Each is taken from what the client sent and set anew, or left out where there is nothing to say.', '',
    ...Object.values(IDENTITY_HEADER).map((name) => `- \`${name}\``), '',
    '## Metrics', '', 'Served at `:15643/metrics`. A metric that an engine does not know is absent.', '', table(['metric', 'type', 'meaning', 'nginx', 'node'], metrics), '',
    '## Access log', '', 'One JSON object to a line on stdout (`spec.proxy.accessLog`).', '', table(['field', 'protocols', 'meaning', 'nginx', 'node'], fields), '',
  ].join('\n');
}
