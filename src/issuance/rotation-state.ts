// How far the replacement of an authority has got, as it is kept in the Secret `<ca>-anchors` beside the anchors' PEM.
import { parseInstant, writeInstant } from './instant.ts';

/** The key of the Secret. */
export const ROTATION_STATE_KEY = 'rotation.json';

export const ROTATION_PHASES = ['Stable', 'Prepared', 'Distributed', 'Reissued'] as const;
export type RotationPhase = (typeof ROTATION_PHASES)[number];

/** A CA certificate and the anchor that was made for it. */
export interface AuthorityIdentity {
  /** Of the CA certificate. */
  readonly sha256: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface RotationState {
  readonly phase: RotationPhase;
  readonly since: Date;
  /** The newest authority: it signs, or will. */
  readonly active: AuthorityIdentity;
  /** Those that have signed certificates that may still be in use, oldest first: they stay in every bundle. */
  readonly retiring: readonly AuthorityIdentity[];
}

export function writeRotationState({ phase, since, active, retiring }: RotationState): string {
  return `${JSON.stringify({ version: 1, phase, since: writeInstant(since), active: writeIdentity(active), retiring: retiring.map(writeIdentity) }, null, 1)}\n`;
}

/** Undefined when it is malformed. Starting anew is then safe only where no replacement is under way; whoever reads it says so and stops. */
export function readRotationState(text: string): RotationState | undefined {
  const { version, phase, since, active, retiring } = parseRecord(text);
  const known = ROTATION_PHASES.find((each) => each === phase);
  const [sinceTime, activeIdentity] = [readTime(since), readIdentity(active)];
  const identities = Array.isArray(retiring) ? retiring.map(readIdentity) : [undefined];
  const complete = identities.filter((identity) => identity !== undefined);
  if (version !== 1 || known === undefined || sinceTime === undefined || complete.length !== identities.length) return undefined;
  return activeIdentity && { phase: known, since: sinceTime, active: activeIdentity, retiring: complete };
}

function writeIdentity({ sha256, notBefore, notAfter }: AuthorityIdentity): Record<string, string> {
  return { sha256, notBefore: writeInstant(notBefore), notAfter: writeInstant(notAfter) };
}

function readIdentity(value: unknown): AuthorityIdentity | undefined {
  const { sha256, notBefore, notAfter } = asRecord(value);
  const [from, to] = [readTime(notBefore), readTime(notAfter)];
  return typeof sha256 === 'string' && from !== undefined && to !== undefined ? { sha256, notBefore: from, notAfter: to } : undefined;
}

function readTime(value: unknown): Date | undefined {
  return typeof value === 'string' ? parseInstant(value) : undefined;
}

function parseRecord(text: string): Record<string, unknown> {
  try {
    return asRecord(JSON.parse(text));
  } catch {
    return {};
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
