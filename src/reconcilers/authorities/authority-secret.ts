// The Secret of a Tenant's authority in the operator's namespace: the newest pair as a CA Secret, and those before it for as long as they
// retire. One rule: it never carries the label by which caches select, because it holds keys.
import type { Refusal } from '../../api/conditions.ts';
import { LABEL, OWN_ANNOTATION } from '../../api/names.ts';
import type { Secret } from '../../api/object-meta.ts';
import type { Issuer } from '../../pki/issuer.ts';
import { isRefusal, readCaSecret, readPair } from './read-ca-secret.ts';

/** At most 80 characters. */
export function authoritySecretName(tenant: string): string {
  return `tenant-${tenant}-authority`;
}

/** What it was made for, as `planSuccessor` wants to know it. */
export interface Made {
  readonly requestHash: string;
  readonly renewToken: string | undefined;
  readonly issuerSHA256: string;
}

export interface TenantKeys {
  readonly made: Made;
  readonly observed: Issuer;
  readonly earlier: readonly Issuer[];
}

export function readAuthoritySecret(secret: Secret, tenant: string): TenantKeys | Refusal {
  const { annotations = {}, name, namespace } = secret.metadata;
  if (annotations[OWN_ANNOTATION.authority] !== `Tenant/${tenant}`) {
    return { reason: 'SecretNotOwned', message: `Secret ${namespace}/${name} exists and was not written for Tenant ${tenant}; it is left alone` };
  }
  const observed = readCaSecret(secret);
  if (isRefusal(observed)) return observed;
  const made = { requestHash: annotations[OWN_ANNOTATION.requestHash] ?? '', renewToken: annotations[OWN_ANNOTATION.renewed], issuerSHA256: annotations[OWN_ANNOTATION.issuerHash] ?? '' };
  return { made, observed, earlier: readEarlier(secret) };
}

/** One that cannot be read is one that cannot sign: its anchor is in the bundles all the same. */
function readEarlier(secret: Secret): Issuer[] {
  return earlierHashes(secret).flatMap((sha256) => {
    const issuer = readPair(secret, { certificate: `${sha256}.crt`, key: `${sha256}.key` }, secret.metadata.name);
    return isRefusal(issuer) ? [] : [issuer];
  });
}

function earlierHashes({ data = {} }: Secret): string[] {
  return Object.keys(data).flatMap((key) => /^([0-9a-f]{64})\.crt$/.exec(key)?.[1] ?? []);
}

export interface NewPair {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** `before` keeps its pair under its hash; the name of the observed one is `replacedSHA256`. */
export function authoritySecret({ tenant, namespace, made }: { tenant: string; namespace: string; made: Made }, pair: NewPair, before: { readonly secret: Secret; readonly replacedSHA256: string } | undefined): Secret {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: {
      name: authoritySecretName(tenant),
      namespace,
      labels: { [LABEL.tenant]: tenant },
      annotations: {
        [OWN_ANNOTATION.authority]: `Tenant/${tenant}`,
        [OWN_ANNOTATION.requestHash]: made.requestHash,
        [OWN_ANNOTATION.issuerHash]: made.issuerSHA256,
        ...(made.renewToken === undefined ? {} : { [OWN_ANNOTATION.renewed]: made.renewToken }),
      },
      ...(before?.secret.metadata.resourceVersion === undefined ? {} : { resourceVersion: before.secret.metadata.resourceVersion }),
    },
    data: { ...(before === undefined ? {} : retired(before)), 'tls.crt': base64(pair.certificatePem), 'tls.key': base64(pair.keyPem) },
  };
}

function retired({ secret: { data = {} }, replacedSHA256 }: { readonly secret: Secret; readonly replacedSHA256: string }): Record<string, string> {
  const { 'tls.crt': certificate = '', 'tls.key': key = '', ...earlier } = data;
  return { ...earlier, [`${replacedSHA256}.crt`]: certificate, [`${replacedSHA256}.key`]: key };
}

/** The Secret without the keys of those that have retired; undefined when there is nothing to take out. */
export function withoutRetired(secret: Secret, inUse: ReadonlySet<string>): Secret | undefined {
  const gone = earlierHashes(secret).filter((sha256) => !inUse.has(sha256));
  if (gone.length === 0) return undefined;
  const drop = new Set(gone.flatMap((sha256) => [`${sha256}.crt`, `${sha256}.key`]));
  return { ...secret, data: Object.fromEntries(Object.entries(secret.data ?? {}).filter(([key]) => !drop.has(key))) };
}
