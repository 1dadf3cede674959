// Reads what a kit is made of, with the rights of whoever asks. One rule: each read that fails says whose right or which object is missing.
import type { ConfigMap, Secret } from '../../api/object-meta.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import { CRL_BUNDLE_KEY } from '../../issuance/crl-state.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isForbidden, isNotFound } from '../../kube/api-error.ts';
import type { ObjectRef } from '../../kube/object.ts';
import { resources } from '../../kube/resources.ts';
import type { Resource } from '../../kube/resources.ts';
import { KitRefused } from './kit-refused.ts';
import { secretNameOf } from './read-material.ts';
import type { KitObjects } from './read-material.ts';

type Client = Pick<ApiClient, 'get'>;

interface Namespaced extends ObjectRef {
  readonly namespace: string;
}

/** It stands in comments of configuration files. */
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** `warn` is told of what may be missing in the kit. Throws KitRefused. */
export async function gatherKit(client: Client, { namespace, name }: Namespaced, warn: (message: string) => void): Promise<KitObjects> {
  if (!NAMESPACE.test(namespace)) throw new KitRefused('the namespace of the context is no name of a namespace');
  const certificate = await read<TenantCertificate>(client, resources.TenantCertificate, { namespace, name });
  const secretName = secretNameOf(certificate);
  const secret = await read<Secret>(client, resources.Secret, { namespace, name: secretName });
  const configMap = await attempt<ConfigMap>(client, resources.ConfigMap, { namespace, name: `${name}-proxy` }, warn);
  const { kind, name: issuer } = certificate.spec.issuer;
  const crls = kind === 'Secret' ? await attempt<Secret>(client, resources.Secret, { namespace, name: `${issuer}-crl` }, warn) : undefined;
  return { namespace, name, certificate, secret, crlTexts: [...crlsOf(configMap), Buffer.from(crls?.data?.[CRL_BUNDLE_KEY] ?? '', 'base64').toString()] };
}

function crlsOf(configMap: ConfigMap | undefined): string[] {
  return Object.entries(configMap?.data ?? {}).flatMap(([key, text]) => (/^trust-\d+\.crl$/.test(key) ? [text] : []));
}

async function read<T>(client: Client, resource: Resource, ref: Namespaced): Promise<T> {
  try {
    return await client.get<T>(resource, ref);
  } catch (error) {
    if (isNotFound(error)) throw new KitRefused(`namespace ${ref.namespace} has no ${resource.kind} ${ref.name}`);
    if (isForbidden(error)) throw new KitRefused(`you may not get ${resource.plural} ${ref.name} in namespace ${ref.namespace}, which a kit is made of: ask for that right, or somebody who has it for the kit`);
    throw error;
  }
}

/** What not everybody has, and not everybody may read. */
async function attempt<T>(client: Client, resource: Resource, ref: Namespaced, warn: (message: string) => void): Promise<T | undefined> {
  try {
    return await client.get<T>(resource, ref);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (!isForbidden(error)) throw error;
    warn(`you may not get ${resource.plural} ${ref.name} in namespace ${ref.namespace}: a CRL that stands there is not in the kit`);
    return undefined;
  }
}
