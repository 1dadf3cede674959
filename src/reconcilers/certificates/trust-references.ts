// Which objects of others a TenantCertificate refers to, as keys `Kind/namespace/name` or `Tenant/name`.
import type { TenantCertificate, TrustSource } from '../../api/tenant-certificate.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';

export function trustReferences({ metadata, spec }: TenantCertificate): string[] {
  const namespace = metadata.namespace ?? '';
  const sources: TrustSource[] = [
    ...(spec.proxy?.listeners ?? []).flatMap(({ tls }) => tls?.trust ?? []),
    ...(spec.proxy?.upstreams ?? []).flatMap(({ tls }) => tls?.trust ?? []),
  ];
  const pairs = (spec.proxy?.listeners ?? []).flatMap(({ tls }) => (tls?.certificate === undefined ? [] : [`Secret/${namespace}/${tls.certificate.name}`]));
  return [...new Set([...sources.flatMap((source) => referenceKey(namespace, source) ?? []), ...pairs])];
}

export function referenceKey(namespace: string, { kind, name = '' }: TrustSource): string | undefined {
  if (kind === 'System') return undefined;
  return kind === 'Tenant' ? `Tenant/${name}` : `${kind}/${namespace}/${name}`;
}

type Readers = Pick<ReconcilerContext, 'authorities' | 'referencedSecrets' | 'referencedConfigMaps'>;

/** Whether all of them have been looked up, found or not; asking begins to follow them all, and whoever asked is woken. */
export function areReferencesRead({ authorities, referencedSecrets, referencedConfigMaps }: Readers, certificate: TenantCertificate): boolean {
  const states = trustReferences(certificate).map((key) => {
    const [kind, namespace = '', name = ''] = key.split('/');
    if (kind === 'Tenant') return authorities.get(key) !== undefined;
    return (kind === 'Secret' ? referencedSecrets : referencedConfigMaps).get({ namespace, name }).state !== 'unknown';
  });
  return !states.includes(false);
}
