// A Secret whose certificate is right but whose labels, owner or anchors are not: put back without issuing anything.
import type { Refusal } from '../../api/conditions.ts';
import { OWN_ANNOTATION } from '../../api/names.ts';
import type { Secret } from '../../api/object-meta.ts';
import type { Authority } from '../authorities/authority.ts';
import { resources } from '../../kube/resources.ts';
import { secretMetadata } from './new-secret.ts';
import type { SecretOwner } from './new-secret.ts';
import { applyOwned, findOwned } from '../owned-writes.ts';
import { pruneSecret } from '../owned-secret.ts';
import type { OwnedSecret } from '../owned-secret.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { hasMetadata } from './write-config-map.ts';
import { sha256Hex } from '../../pki/inspect-certificate.ts';

interface Repair extends SecretOwner {
  readonly context: ReconcilerContext;
  readonly signal: AbortSignal;
}

const OURS = [OWN_ANNOTATION.requestHash, OWN_ANNOTATION.certificateHash, OWN_ANNOTATION.issuerHash, OWN_ANNOTATION.revision, OWN_ANNOTATION.renewed] as const;

/** The Secret as it is afterwards. */
export async function repairSecret(repair: Repair, secret: OwnedSecret | undefined, authority: Authority | undefined): Promise<OwnedSecret | Refusal> {
  if (secret === undefined) throw new Error('there is no Secret to keep');
  const anchors = authority?.anchors.map(({ pem }) => pem).join('');
  const wanted = secretMetadata(repair, keptAnnotations(secret));
  if (isAsWanted(secret, wanted, anchors)) return secret;
  const { context, signal } = repair;
  const target = { client: context.client, resource: resources.Secret, signal };
  const found = await findOwned<Secret>(target, { metadata: wanted });
  if (found === undefined) throw new Error(`Secret ${wanted.namespace}/${wanted.name} vanished while it was repaired`);
  if (found.kind === 'refused') return found.refusal;
  const { data: held = {} } = found.object;
  // A root is its own anchor.
  const data = { ...held, 'ca.crt': anchors === undefined ? (held['tls.crt'] ?? '') : Buffer.from(anchors).toString('base64') };
  const applied = pruneSecret(await applyOwned<Secret>(target, { apiVersion: 'v1', kind: 'Secret', metadata: wanted, type: 'kubernetes.io/tls', data }, found.object.metadata));
  context.caches.secrets.observe(applied);
  context.log.info({ secret: `${wanted.namespace}/${wanted.name}` }, 'secret put right');
  return applied;
}

function keptAnnotations({ metadata: { annotations = {} } }: OwnedSecret): Record<string, string> {
  return Object.fromEntries(OURS.flatMap((key) => (annotations[key] === undefined ? [] : [[key, annotations[key]]])));
}

function isAsWanted(secret: OwnedSecret, wanted: Secret['metadata'], anchors: string | undefined): boolean {
  return hasMetadata(secret.metadata, wanted) && secret.files['caCerts/ca.crt'] === (anchors === undefined ? secret.files['certs/tls.crt'] : sha256Hex(Buffer.from(anchors)));
}
