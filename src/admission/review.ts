// AdmissionReview in and out (admission.k8s.io/v1). One rule: what comes in is not trusted until `parseReview` has returned it,
// and whatever carried a uid gets an answer that carries the same uid.
import { writeJson } from '../injection/built-sidecar.ts';
import { writeJsonPatch } from '../injection/json-patch.ts';
import type { PatchOperation } from '../injection/json-patch.ts';
import type { Report } from '../injection/report.ts';
import type { KubeObject } from '../kube/object.ts';

const API_VERSION = 'admission.k8s.io/v1';
const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;

export type Operation = (typeof OPERATIONS)[number];

export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  /** Empty for the object itself. */
  readonly subResource: string;
  readonly operation: Operation;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  /** Empty where the API server makes the name up later (generateName). */
  readonly name: string;
  /** Nothing may be left behind by a dry run: no Event, no note. */
  readonly dryRun: boolean;
  readonly username: string;
  /** The object as it would be stored; absent for DELETE. */
  readonly object?: KubeObject;
  readonly oldObject?: KubeObject;
}

export type ParsedReview =
  | { readonly outcome: 'parsed'; readonly request: AdmissionRequest }
  | { readonly outcome: 'malformed'; readonly message: string };

/** How a review ended; `reasons` are from closed sets and become labels of a metric. */
export type Verdict = {
  readonly outcome: 'mutated' | 'unchanged' | 'refused' | 'failed';
  readonly reasons: readonly string[];
  /** Where a pod was decided about. */
  readonly report?: Report;
  readonly warnings?: readonly string[];
} & (
  | { readonly allowed: true; readonly patch?: readonly PatchOperation[] }
  | { readonly allowed: false; readonly code: number; readonly message: string }
);

export interface AdmissionReviewAnswer {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: 'AdmissionReview';
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
    readonly patchType?: 'JSONPatch';
    /** Base64. */
    readonly patch?: string;
    readonly warnings?: readonly string[];
  };
}

/** Takes any JSON value. Fields that are not ours to judge pass through as they are. */
export function parseReview(body: unknown): ParsedReview {
  if (!isRecord(body)) return malformed('the body is no JSON object');
  if (body['kind'] !== 'AdmissionReview') return malformed('kind must be AdmissionReview');
  if (body['apiVersion'] !== API_VERSION) return malformed(`apiVersion must be ${API_VERSION}: register the webhook with admissionReviewVersions: [v1]`);
  const request = body['request'];
  if (!isRecord(request)) return malformed('request is missing');
  return parseRequest(request);
}

function parseRequest(request: Readonly<Record<string, unknown>>): ParsedReview {
  const uid = text(request['uid']);
  if (uid === '' || uid.length > 128) return malformed('request.uid must have 1 to 128 characters');
  const operation = OPERATIONS.find((known) => known === request['operation']);
  if (operation === undefined) return malformed(`request.operation must be one of ${OPERATIONS.join(', ')}`);
  const kind = isRecord(request['kind']) ? request['kind'] : {};
  const object = parseObject(request['object']);
  const oldObject = parseObject(request['oldObject']);
  if (object === 'malformed' || oldObject === 'malformed') return malformed('request.object and request.oldObject must be objects with metadata');
  return {
    outcome: 'parsed',
    request: {
      uid,
      kind: { group: text(kind['group']), version: text(kind['version']), kind: text(kind['kind']) },
      subResource: text(request['subResource']),
      operation,
      namespace: text(request['namespace']),
      name: text(request['name']),
      dryRun: request['dryRun'] === true,
      username: isRecord(request['userInfo']) ? text(request['userInfo']['username']) : '',
      ...(object && { object }),
      ...(oldObject && { oldObject }),
    },
  };
}

function parseObject(value: unknown): KubeObject | undefined | 'malformed' {
  if (value === undefined || value === null) return undefined;
  return isRecord(value) && isRecord(value['metadata'] ?? {}) ? value : 'malformed';
}

function malformed(message: string): ParsedReview {
  return { outcome: 'malformed', message };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Names end in log lines: what is longer than any name is cut. */
const LONGEST_NAME = 512;

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, LONGEST_NAME) : '';
}

/** The AdmissionReview to send back. An empty patch is no patch: the API server would log one as a mutation. */
export function answerReview(uid: string, verdict: Verdict): AdmissionReviewAnswer {
  const warnings = verdict.warnings === undefined || verdict.warnings.length === 0 ? {} : { warnings: verdict.warnings.map(printable) };
  const response = verdict.allowed
    ? { uid, allowed: true, ...encodePatch(verdict.patch), ...warnings }
    : { uid, allowed: false, status: describeRefusal(verdict.code, verdict.message), ...warnings };
  return { apiVersion: API_VERSION, kind: 'AdmissionReview', response };
}

/** The answer as JSON. A patch of several kilobytes is not looked through again for characters to escape: base64 has none. */
export function writeAnswer({ response: { patch, ...response }, ...review }: AdmissionReviewAnswer): string {
  const text = JSON.stringify({ ...review, response });
  return patch === undefined ? text : `${text.slice(0, -2)},"patch":"${patch}"}}`;
}

function encodePatch(patch: readonly PatchOperation[] = []): { patchType?: 'JSONPatch'; patch?: string } {
  return patch.length === 0 ? {} : { patchType: 'JSONPatch', patch: Buffer.from(writeJsonPatch(patch, writeJson)).toString('base64') };
}

function describeRefusal(code: number, message: string): { code: number; reason: string; message: string } {
  return { code, reason: code === 500 ? 'InternalError' : 'Forbidden', message };
}

/** Warnings travel in an HTTP header: the API server drops those with control characters and cuts them after 256. */
const LONGEST_WARNING = 256;

function printable(warning: string): string {
  const clean = warning.replaceAll(/\p{C}+/gu, ' ').trim();
  return clean.length <= LONGEST_WARNING ? clean : `${clean.slice(0, LONGEST_WARNING - 1)}…`;
}
