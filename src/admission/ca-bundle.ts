// The caBundle of the registration, read and written. One rule: only caBundle fields change, each guarded by the name of its
// webhook, so that everything else of the registration stays its author's.
import type { JsonPatchOperation } from '../kube/api-client.ts';
import type { KubeObject } from '../kube/object.ts';
import { inspectCertificate } from '../pki/inspect-certificate.ts';
import type { StoredAuthority } from './plan-serving-authority.ts';

export interface Registration extends KubeObject {
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig?: { readonly caBundle?: string } }[];
}

export interface BundledAuthority extends StoredAuthority {
  readonly certificate: string;
}

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The authorities each webhook trusts; what is no certificate is left out. */
export function readBundles(registration: Registration): BundledAuthority[][] {
  return (registration.webhooks ?? []).map(({ clientConfig }) => {
    const pem = Buffer.from(clientConfig?.caBundle ?? '', 'base64').toString('utf8');
    return [...pem.matchAll(BLOCK)].flatMap(([block]) => {
      const certificate = inspectCertificate(block);
      if (certificate === undefined) return [];
      const { sha256, notBefore, notAfter } = certificate;
      return [{ sha256, notBefore, notAfter, certificate: `${block}\n` }];
    });
  });
}

export function patchBundles(registration: Registration, certificates: readonly string[]): JsonPatchOperation[] {
  const value = Buffer.from(certificates.map((pem) => `${pem.trimEnd()}\n`).join('')).toString('base64');
  return (registration.webhooks ?? []).flatMap(({ name }, index) => [
    { op: 'test', path: `/webhooks/${index}/name`, value: name },
    { op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value },
  ]);
}
