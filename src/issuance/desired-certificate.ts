// What a TenantCertificate asks for, with every default resolved: the one place that knows the defaults of the identity.
import type { RevocationReason, TenantCertificate, TenantCertificateSpec, Usage } from '../api/tenant-certificate.ts';
import type { IssuerReference } from '../api/tenant-certificate.ts';
import { parseDurationMs } from '../api/duration.ts';
import { RENEW_ANNOTATION } from '../api/names.ts';
import { AUTHORITY_DURATION, LEAF_DURATION } from '../api/closed-sets.ts';

const LEAF_USAGES: readonly Usage[] = ['server auth', 'client auth'];

export type KeyRequest =
  | { readonly algorithm: 'ECDSA'; readonly size: 256 | 384 | 521 }
  | { readonly algorithm: 'RSA'; readonly size: 2048 | 3072 | 4096 }
  | { readonly algorithm: 'Ed25519' };

export interface SubjectRequest {
  readonly commonName?: string;
  readonly organizations: readonly string[];
  readonly organizationalUnits: readonly string[];
  readonly countries: readonly string[];
  readonly provinces: readonly string[];
  readonly localities: readonly string[];
}

/** Everything that is signed, and nothing else: what policy judges and what the request hash covers. */
export interface CertificateRequest {
  readonly issuer: IssuerReference;
  readonly subject: SubjectRequest;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly isCA: boolean;
  readonly usages: readonly Usage[];
  readonly durationMs: number;
  readonly key: KeyRequest;
}

export interface DesiredSecret {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly deletionPolicy: 'Delete' | 'Retain';
}

export interface DesiredCertificate {
  readonly request: CertificateRequest;
  /** Undefined: a third of the lifetime that was really issued. */
  readonly renewBeforeMs: number | undefined;
  readonly keyRotation: 'Always' | 'Never';
  readonly secret: DesiredSecret;
  /** Present: nothing is issued again. */
  readonly revoked: RevocationReason | undefined;
  /** The value of the renew annotation; a new one asks for a new certificate. */
  readonly renewToken: string | undefined;
}

export function desireCertificate({ metadata, spec }: TenantCertificate): DesiredCertificate {
  return {
    request: resolveRequest(spec),
    renewBeforeMs: spec.renewBefore === undefined ? undefined : parseDurationMs(spec.renewBefore),
    keyRotation: spec.privateKey?.rotationPolicy ?? 'Always',
    secret: resolveSecret(metadata.name, spec),
    revoked: spec.revoked && (spec.revoked.reason ?? 'unspecified'),
    renewToken: metadata.annotations?.[RENEW_ANNOTATION],
  };
}

function resolveSecret(certificateName: string, { secretName, secretTemplate, deletionPolicy, isCA }: TenantCertificateSpec): DesiredSecret {
  return {
    name: secretName ?? `${certificateName}-tls`,
    labels: secretTemplate?.labels ?? {},
    annotations: secretTemplate?.annotations ?? {},
    deletionPolicy: deletionPolicy ?? (isCA ? 'Retain' : 'Delete'),
  };
}

function resolveRequest(spec: TenantCertificateSpec): CertificateRequest {
  const isCA = spec.isCA ?? false;
  return {
    issuer: spec.issuer,
    subject: resolveSubject(spec),
    dnsNames: spec.dnsNames ?? [],
    ipAddresses: spec.ipAddresses ?? [],
    uris: spec.uris ?? [],
    emailAddresses: spec.emailAddresses ?? [],
    isCA,
    usages: spec.usages ?? (isCA ? [] : LEAF_USAGES),
    durationMs: parseDurationMs(spec.duration ?? (isCA ? AUTHORITY_DURATION : LEAF_DURATION)),
    key: resolveKey(spec.privateKey),
  };
}

function resolveSubject({ commonName, subject = {} }: TenantCertificateSpec): SubjectRequest {
  return {
    ...(commonName === undefined ? {} : { commonName }),
    organizations: subject.organizations ?? [],
    organizationalUnits: subject.organizationalUnits ?? [],
    countries: subject.countries ?? [],
    provinces: subject.provinces ?? [],
    localities: subject.localities ?? [],
  };
}

/** Sizes were checked by the CRD's rules; the cast repeats what they promise. */
export function resolveKey(key: Partial<TenantCertificateSpec['privateKey']> | undefined): KeyRequest {
  if (key?.algorithm === 'Ed25519') return { algorithm: 'Ed25519' };
  if (key?.algorithm === 'RSA') return { algorithm: 'RSA', size: (key.size ?? 2048) as 2048 | 3072 | 4096 };
  return { algorithm: 'ECDSA', size: (key?.size ?? 256) as 256 | 384 | 521 };
}
