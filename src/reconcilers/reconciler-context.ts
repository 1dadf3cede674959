// What every reconciler is given: caches to read from, the client to write with, and the world (time, chance, log, Events) as parameters.
import type { RefuseReason } from '../api/conditions.ts';
import type { ConfigMap, Namespace, Secret } from '../api/object-meta.ts';
import type { TenantCertificate } from '../api/tenant-certificate.ts';
import type { Tenant } from '../api/tenant.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { Cache } from '../kube/cache.ts';
import type { EventNote } from '../kube/event-series.ts';
import type { Logger } from '../kube/logger.ts';
import type { KubeObject } from '../kube/object.ts';
import type { ReferencedObjects } from '../kube/referenced-objects.ts';
import type { Authorities } from './authorities/authority.ts';
import type { OwnedConfigMap } from './owned-config-map.ts';
import type { OwnedSecret } from './owned-secret.ts';
import type { Signer } from './certificates/new-secret.ts';
import type { GateClock } from './authorities/rotation-gates.ts';
import type { TenantCollisions } from './certificates/judge-policy.ts';

export interface Caches {
  readonly certificates: Cache<TenantCertificate>;
  readonly tenants: Cache<Tenant>;
  readonly secrets: Cache<OwnedSecret>;
  readonly configMaps: Cache<OwnedConfigMap>;
  /** Names and labels only. */
  readonly namespaces: Cache<Namespace>;
}

export interface IssuanceMetrics {
  issued(reason: string): void;
  refused(reason: RefuseReason): void;
  crlEnds(earliest: Date | undefined): void;
}

export interface ReconcilerContext extends Signer {
  readonly client: ApiClient;
  readonly caches: Caches;
  readonly authorities: Authorities;
  /** Secrets and ConfigMaps of others, by name: CA Secrets, trust sources, server certificates. */
  readonly referencedSecrets: ReferencedObjects<Secret>;
  readonly referencedConfigMaps: ReferencedObjects<ConfigMap>;
  /** What somebody else has under the name of a Secret of ours: that it is there, and nothing of it. */
  readonly occupiedSecrets: ReferencedObjects<Secret>;
  readonly recordEvent: (object: KubeObject, note: EventNote) => void;
  readonly log: Logger;
  readonly metrics: IssuanceMetrics;
  readonly random: () => number;
  /** The operator's own namespace, where tenants' keys are. */
  readonly namespace: string;
  readonly collisions: TenantCollisions;
  readonly gateClock: GateClock;
  /** SHA-256 of the manifest that all sidecars of a certificate (`namespace/name`) have loaded; undefined: some are behind. */
  readonly convergedManifest: (certificate: string) => string | undefined;
  /** Longer than pods take to load what was written; see `planAuthority`. */
  readonly rotationWaitMs: number;
}

/** Names of the caches' indexes. */
export const INDEX = {
  /** TenantCertificates by the key of their authority. */
  authority: 'authority',
  /** TenantCertificates by the CA certificates (SHA-256) that have signed for them: an object may have had another issuer. */
  signedBy: 'signedBy',
  /** TenantCertificates by namespace/secretName. */
  secretName: 'secretName',
  /** TenantCertificates by the objects their trust refers to: `Kind/namespace/name`. */
  trust: 'trust',
  /** State Secrets by the names in which the CRLs in them are signed. */
  crlIssuer: 'crlIssuer',
  /** Injected pods by namespace/name of their certificate. */
  certificate: 'certificate',
} as const;
