// A namespace that no watch has told of yet has no labels that could be judged: "not labelled" would then mean "allowed" to a selector that
// excludes. Rule: it is read before anything is decided for it.
import type { Namespace } from '../../api/object-meta.ts';
import { isNotFound } from '../../kube/api-error.ts';
import { resources } from '../../kube/resources.ts';
import type { CertificateRun } from './certificate-run.ts';

/** False: there is none, or it is not to be known yet; the watch wakes whoever waits for it. */
export async function isNamespaceKnown({ certificate, context: { caches, client }, namespace, signal }: CertificateRun): Promise<boolean> {
  // Only Tenants choose by labels.
  if (certificate.spec.issuer.kind !== 'Tenant' || caches.namespaces.get(namespace) !== undefined) return true;
  try {
    caches.namespaces.observe(await client.get<Namespace>(resources.Namespace, { name: namespace }, { signal }));
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return caches.namespaces.get(namespace) !== undefined;
}
