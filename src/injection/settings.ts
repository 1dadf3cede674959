// Reads the annotations of a pod. Values are of unknown origin and end in a pod's environment and in the sidecar's configuration,
// so each has one narrow form; anything else refuses the pod, quoted safely.
import { ANNOTATION, SIDECAR } from '../api/names.ts';
import { ENGINES } from '../api/closed-sets.ts';
import type { Engine } from '../api/tenant-certificate.ts';
import { annotationsOf } from './pod.ts';
import type { Pod } from './pod.ts';
import { parseQuantity } from './quantity.ts';
import { finding, quote } from './reasons.ts';
import type { Finding } from './reasons.ts';

/** What the annotations say; absent means not said. */
export interface Settings {
  certificate?: string;
  appPort?: number;
  port?: number;
  engine?: Engine;
  rewriteProbes?: boolean;
  inject?: boolean;
  cpuRequest?: string;
  cpuLimit?: string;
  memoryRequest?: string;
  memoryLimit?: string;
}

type Setting = keyof typeof ANNOTATION;

interface Format<T> {
  readonly expected: string;
  /** undefined: not of this form. */
  readonly parse: (text: string) => T | undefined;
}

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const flag: Format<boolean> = {
  expected: '"true" or "false"',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
};

const quantity = (example: string): Format<string> => ({
  expected: `a quantity such as "${example}"`,
  parse: (text) => (parseQuantity(text) === undefined ? undefined : text),
});

export const FORMATS: { readonly [S in Setting]: Format<NonNullable<Settings[S]>> } = {
  certificate: {
    expected: 'the name of a TenantCertificate: at most 63 lower-case letters, digits, "-" and "."',
    parse: (text) => (text.length <= 63 && NAME.test(text) ? text : undefined),
  },
  appPort: { expected: 'a port from 1 to 65535', parse: (text) => parsePort(text, 1) },
  port: {
    expected: `a port from 1024 to 65535 other than ${SIDECAR.statusPort}`,
    parse: (text) => { const port = parsePort(text, 1024); return port === SIDECAR.statusPort ? undefined : port; },
  },
  engine: { expected: 'nginx or node', parse: (text) => ENGINES.find((engine) => engine === text) },
  rewriteProbes: flag,
  inject: flag,
  cpuRequest: quantity('10m'),
  cpuLimit: quantity('500m'),
  memoryRequest: quantity('32Mi'),
  memoryLimit: quantity('128Mi'),
};

export interface ReadSettings {
  readonly settings: Settings;
  readonly findings: readonly Finding<'InvalidAnnotation'>[];
}

export function readSettings(pod: Pod): ReadSettings {
  const annotations = annotationsOf(pod);
  const settings: Record<string, unknown> = {};
  const findings: Finding<'InvalidAnnotation'>[] = [];
  for (const [setting, { expected, parse }] of Object.entries(FORMATS)) {
    const key = ANNOTATION[setting as Setting];
    const text = annotations[key];
    if (text === undefined) continue;
    const value = parse(text);
    if (value === undefined) findings.push(finding('InvalidAnnotation', `the annotation ${key} is ${quote(text)}; expected ${expected}`));
    else settings[setting] = value;
  }
  return { settings, findings };
}

function parsePort(text: string, lowest: number): number | undefined {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  return port >= lowest && port <= 65_535 ? port : undefined;
}
