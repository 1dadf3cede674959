// A CA Secret -> an authority that signs: read, judged, its anchor stored. What is wrong is said to every certificate that needs it.
import type { RefuseReason } from '../api/conditions.ts';
import type { Secret } from '../api/object-meta.ts';
import { readIssuer } from '../pki/issuer.ts';
import type { IssuerFailure } from '../pki/issuer.ts';
import { storedAnchor } from './anchor-store.ts';
import type { AuthorityState } from './authority.ts';
import type { ReconcilerContext } from './reconciler-context.ts';

const REASONS: Readonly<Record<IssuerFailure, RefuseReason>> = {
  CertificateMalformed: 'IssuerMalformed',
  KeyMalformed: 'IssuerMalformed',
  KeyUnsupported: 'IssuerMalformed',
  KeyEncrypted: 'IssuerKeyEncrypted',
  KeyMismatch: 'IssuerKeyMismatch',
  NotACA: 'IssuerNotCA',
};

/** Publishes the state of authority `Secret/<namespace>/<name>`; while the Secret is not known yet, nothing. */
export async function reconcileSecretAuthority(context: ReconcilerContext, key: string): Promise<void> {
  const [, namespace = '', name = ''] = key.split('/');
  const reference = context.referencedSecrets.get({ namespace, name });
  if (reference.state === 'unknown') return;
  context.authorities.publish(key, reference.state === 'absent' ? refused('IssuerNotFound', `Secret ${namespace}/${name} does not exist`) : await judge(context, { namespace, name }, reference.object));
}

async function judge(context: ReconcilerContext, ca: { namespace: string; name: string }, secret: Secret): Promise<AuthorityState> {
  const name = `Secret ${ca.namespace}/${ca.name}`;
  const missing = ['tls.crt', 'tls.key'].filter((key) => (secret.data?.[key] ?? '') === '');
  if (missing.length > 0) return refused('IssuerMalformed', `${name} has no ${missing.join(' and no ')}`);
  const text = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
  const result = readIssuer({ certificatePem: text('tls.crt'), keyPem: text('tls.key') });
  if (!result.ok) return refused(REASONS[result.reason], `${name}: ${result.message}`);
  const anchor = await storedAnchor(context, ca, result.issuer);
  return { kind: 'ready', authority: { name, issuer: result.issuer, anchors: [anchor], crls: [] } };
}

function refused(reason: RefuseReason, message: string): AuthorityState {
  return { kind: 'refused', refusal: { reason, message } };
}
