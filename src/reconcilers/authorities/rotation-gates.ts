// What the API and the sidecars show of the replacement of an authority. One rule: what is not seen to be written is not written; only
// certificates that are refused for good (revoked, or forbidden by policy) hold nobody up, nor do faults of those who only trust it, and no
// other fault for longer than an hour.
import { performance } from 'node:perf_hooks';
import { OWN_ANNOTATION } from '../../api/names.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import type { RotationGates } from '../../issuance/plan-authority.ts';
import type { RotationPhase } from '../../issuance/rotation-state.ts';
import { sha256Hex } from '../../pki/inspect-certificate.ts';
import type { StoredAnchor } from './authority.ts';
import { certificateNameOf } from '../owned-secret.ts';
import type { OwnedSecret } from '../owned-secret.ts';
import { trustersOf } from '../certificates/trusted-authority.ts';
import { INDEX } from '../reconciler-context.ts';
import type { Caches } from '../reconciler-context.ts';

export interface GateFacts extends Pick<RotationGates, 'writtenEverywhere' | 'reissuedAll'> {
  /** Every sidecar says that it has loaded what is written. */
  readonly loadedEverywhere: boolean;
  /** Something was written that pods may have loaded: else there is nobody to wait for. */
  readonly inUse: boolean;
  /** `shop/hello`: whom the replacement waits for. */
  readonly behind: readonly string[];
}

export interface Measured {
  readonly anchors: readonly StoredAnchor[];
  /** Of the CA certificate that all certificates are to be signed by at last. */
  readonly activeSHA256: string;
  /** For how long the replacement has been in its present phase. */
  readonly phaseMs: number;
  /** SHA-256 of the manifest that all sidecars of a certificate (`namespace/name`) have loaded; undefined: some are behind. */
  readonly convergedManifest: (certificate: string) => string | undefined;
}

/** `authority`: its key. */
export function measureGates(caches: Caches, authority: string, { anchors, activeSHA256, phaseMs, convergedManifest }: Measured): GateFacts {
  const isPatient = phaseMs < PATIENCE_MS;
  const all = new Set(caches.certificates.by(INDEX.authority, authority));
  const issued = [...all].filter((certificate) => isServed(certificate) && (isPatient || isReady(certificate)));
  const trusting = holders(caches, authority, anchors).filter((certificate) => !all.has(certificate) && isServed(certificate) && isReady(certificate) && (isPatient || trustsAll(caches, certificate, anchors)));
  const caFile = sha256Hex(Buffer.from(anchors.map(({ pem }) => pem).join('')));
  const unwritten = [
    ...issued.filter((certificate) => (secretOf(caches, certificate)?.files['caCerts/ca.crt'] ?? caFile) !== caFile),
    ...[...issued, ...trusting].filter((certificate) => !trustsAll(caches, certificate, anchors)),
  ];
  const unsigned = issued.filter((certificate) => !isSignedBy(secretOf(caches, certificate), activeSHA256));
  const unloaded = [...issued, ...trusting].filter((certificate) => !isLoaded(caches, certificate, convergedManifest));
  const behind = [unwritten, unsigned, unloaded].find(({ length }) => length > 0) ?? [];
  return {
    writtenEverywhere: unwritten.length === 0,
    reissuedAll: unsigned.length === 0,
    loadedEverywhere: unloaded.length === 0,
    inUse: issued.some((certificate) => secretOf(caches, certificate) !== undefined) || trusting.length > 0,
    behind: [...new Set(behind.map(keyOf))],
  };
}

/** Their certificates are not to be used, so nothing is to be kept working for them. */
const LEFT_BEHIND: ReadonlySet<string> = new Set(['Revoked', 'PolicyViolation', 'NamespaceNotAllowed', 'NameCollision']);

function isServed({ metadata, status }: TenantCertificate): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return metadata.deletionTimestamp === undefined && !(ready?.status === 'False' && LEFT_BEHIND.has(ready.reason));
}

/**
 * Who trusts the authority (it, its CA Secret, the Secret of a certificate of it) and has one of the anchors in a bundle. Copies of the CA elsewhere,
 * such as the same CA in another namespace's Secret, are replaced by whoever keeps them, and wait for nobody here.
 */
function holders(caches: Caches, authority: string, anchors: readonly StoredAnchor[]): TenantCertificate[] {
  const certificates = [...trustersOf(caches, authority)].flatMap((key) => caches.certificates.get(key) ?? []);
  return certificates.filter((certificate) => trustedOf(caches, certificate, anchors).length > 0);
}

/** Whoever names a Tenant in `trust` must not be able to keep its old CA alive by a fault of their own. */
function isReady({ status }: TenantCertificate): boolean {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'False';
}

function keyOf({ metadata: { namespace, name } }: TenantCertificate): string {
  return `${namespace}/${name}`;
}

function secretOf({ secrets }: Caches, certificate: TenantCertificate): OwnedSecret | undefined {
  const { namespace, name } = certificate.metadata;
  const secret = secrets.get(`${namespace}/${certificate.spec.secretName ?? `${name}-tls`}`);
  return secret !== undefined && certificateNameOf(secret) === name ? secret : undefined;
}

/** A bundle of another authority (`trust`) may well lack these anchors: only bundles that have one of them must have all. */
function trustsAll(caches: Caches, certificate: TenantCertificate, anchors: readonly StoredAnchor[]): boolean {
  const present = trustedOf(caches, certificate, anchors).length;
  return present === 0 || present === anchors.length;
}

/** Those of the anchors that its bundles hold. */
function trustedOf({ configMaps }: Caches, certificate: TenantCertificate, anchors: readonly StoredAnchor[]): readonly StoredAnchor[] {
  const written = configMaps.get(`${keyOf(certificate)}-proxy`)?.trusts ?? [];
  return anchors.filter(({ sha256 }) => written.includes(sha256));
}

function isLoaded({ configMaps }: Caches, certificate: TenantCertificate, convergedManifest: Measured['convergedManifest']): boolean {
  const written = configMaps.get(`${keyOf(certificate)}-proxy`)?.metadata.annotations?.[OWN_ANNOTATION.manifestHash];
  return written === undefined || convergedManifest(keyOf(certificate)) === written;
}

/**
 * Neither sidecars that cannot be asked (a network policy, a node that is gone) nor one certificate with a fault must keep an old CA for ever;
 * a kubelet takes two minutes.
 */
const PATIENCE_MS = 3_600_000;

/** The gates as the plan wants them: what was written counts when it was loaded as well, or when it was written long ago. */
export function openGates({ writtenEverywhere, reissuedAll, loadedEverywhere }: GateFacts, phase: RotationPhase, writtenForMs: number): Pick<RotationGates, 'writtenEverywhere' | 'reissuedAll'> {
  const isLoaded = loadedEverywhere || writtenForMs >= PATIENCE_MS;
  switch (phase) {
    case 'Prepared': return { writtenEverywhere: writtenEverywhere && isLoaded, reissuedAll };
    case 'Reissued': return { writtenEverywhere, reissuedAll: reissuedAll && isLoaded };
    case 'Stable':
    case 'Distributed': return { writtenEverywhere, reissuedAll };
  }
}

function isSignedBy(secret: OwnedSecret | undefined, sha256: string): boolean {
  return secret === undefined || (secret.stored.state === 'Read' && secret.stored.issuerSHA256 === sha256);
}

/** For how long a gate has been open without a break; forgotten at each step and at a restart, which only makes it longer. */
export class GateClock {
  readonly #elapsedMs: () => number;
  readonly #open = new Map<string, { readonly phase: RotationPhase; readonly since: number }>();

  constructor(elapsedMs: () => number = () => performance.now()) {
    this.#elapsedMs = elapsedMs;
  }

  waitedMs(authority: string, phase: RotationPhase, isOpen: boolean): number {
    const now = this.#elapsedMs();
    if (!isOpen) {
      this.#open.delete(authority);
      return 0;
    }
    const before = this.#open.get(authority);
    if (before?.phase === phase) return now - before.since;
    this.#open.set(authority, { phase, since: now });
    return 0;
  }
}
