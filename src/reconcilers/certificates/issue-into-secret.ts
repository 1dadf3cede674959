// Signs what is due and stores it. One rule: the Secret is written once, with a pair that matches and was verified.
import type { Refusal } from '../../api/conditions.ts';
import type { Secret } from '../../api/object-meta.ts';
import { resources } from '../../kube/resources.ts';
import { readPrivateKey } from '../../pki/private-key.ts';
import type { PrivateKey } from '../../pki/private-key.ts';
import type { Authority } from '../authorities/authority.ts';
import type { CertificateRun } from './certificate-run.ts';
import { revisionOf } from './certificate-status.ts';
import { newSecret, signCertificate } from './new-secret.ts';
import { pruneSecret } from '../owned-secret.ts';
import type { OwnedSecret } from '../owned-secret.ts';
import { applyOwned, createOwned } from '../owned-writes.ts';

export type Stored = { readonly kind: 'stored' | 'found'; readonly secret: OwnedSecret } | { readonly kind: 'refused'; readonly refusal: Refusal };

/** `found`: ours was there, though we did not know it; nothing was written, and it is to be judged again. */
export async function issueIntoSecret(run: CertificateRun, secret: OwnedSecret | undefined, authority: Authority | undefined): Promise<Stored> {
  const { context, desired, signal } = run;
  const key = await keptKey(run, secret);
  const certificate = await signCertificate({ request: desired.request, issuer: authority?.issuer, anchor: authority?.anchor, key }, context);
  if ('reason' in certificate) return { kind: 'refused', refusal: certificate };
  const revision = Math.max(revisionOf(secret), run.certificate.status?.revision ?? 0) + 1;
  const content = newSecret(run, { certificate, anchorsPem: anchorsPem(authority) ?? certificate.issued.pem }, revision);
  const target = { client: context.client, resource: resources.Secret, signal };
  const written = secret === undefined ? await createOwned<Secret>(target, content) : { kind: 'written' as const, object: await applyOwned<Secret>(target, content, secret.metadata) };
  if (written.kind === 'refused') return written;
  const next = pruneSecret(written.object);
  context.caches.secrets.observe(next);
  return { kind: written.kind === 'found' ? 'found' : 'stored', secret: next };
}

/** Undefined: a root is its own anchor. */
function anchorsPem(authority: Authority | undefined): string | undefined {
  return authority?.anchors.map(({ pem }) => pem).join('');
}

/** With rotationPolicy Never the key is read back, the only time that we read one of ours; a key that does not fit the spec is not kept. */
async function keptKey({ context, desired, namespace, signal }: CertificateRun, secret: OwnedSecret | undefined): Promise<PrivateKey | undefined> {
  if (desired.keyRotation === 'Always' || secret?.stored.state !== 'Read' || !secret.stored.keyMatches) return undefined;
  const { data = {} } = await context.client.get<Secret>(resources.Secret, { namespace, name: desired.secret.name }, { signal });
  const key = readPrivateKey(Buffer.from(data['tls.key'] ?? '', 'base64').toString());
  const { algorithm, size } = key.description;
  const fits = algorithm === desired.request.key.algorithm && (desired.request.key.algorithm === 'Ed25519' || desired.request.key.size === size);
  return fits ? key : undefined;
}
