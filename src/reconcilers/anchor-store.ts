// The anchor of a CA, kept in a Secret beside it: an ECDSA twin made anew would be another certificate at every start.
// (A Secret, not a ConfigMap, for one reason: whoever may change a trust anchor decides whom pods believe.)
import { LABEL, MANAGED_BY } from '../api/names.ts';
import type { Secret } from '../api/object-meta.ts';
import { resources } from '../kube/resources.ts';
import { makeAnchor } from '../pki/anchor.ts';
import { inspectCertificate } from '../pki/inspect-certificate.ts';
import type { Issuer } from '../pki/issuer.ts';
import type { StoredAnchor } from './authority.ts';
import { pruneSecret } from './owned-secret.ts';
import type { OwnedSecret } from './owned-secret.ts';
import type { ReconcilerContext } from './reconciler-context.ts';

export function anchorSecretName(caName: string): string {
  return `${caName}-anchors`;
}

export interface CaReference {
  readonly namespace: string;
  readonly name: string;
}

/** The stored anchor of this issuer; made and stored when there is none. A root is its own. */
export async function storedAnchor({ client, caches }: ReconcilerContext, ca: CaReference, issuer: Issuer): Promise<StoredAnchor> {
  if (issuer.isSelfSigned) return describeAnchor((await makeAnchor(issuer)).pem);
  const name = anchorSecretName(ca.name);
  const key = dataKey(issuer);
  const known = readAnchor(caches.secrets.get(`${ca.namespace}/${name}`), key);
  if (known !== undefined) return known;
  const { pem } = await makeAnchor(issuer);
  const body: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: ca.namespace, labels: { [LABEL.managedBy]: MANAGED_BY } },
    data: { [key]: Buffer.from(pem).toString('base64') },
  };
  const written = pruneSecret(await client.applyServerSide<Secret>(resources.Secret, body));
  caches.secrets.observe(written);
  return describeAnchor(pem);
}

const dataKey = (issuer: Issuer) => `${issuer.sha256}.crt`;

function readAnchor(secret: OwnedSecret | undefined, key: string): StoredAnchor | undefined {
  const value = secret?.data?.[key];
  return value === undefined ? undefined : describeAnchor(Buffer.from(value, 'base64').toString());
}

export function describeAnchor(pem: string): StoredAnchor {
  const certificate = inspectCertificate(pem);
  if (certificate === undefined) throw new Error('a stored anchor is not a certificate');
  return { pem, sha256: certificate.sha256, subject: certificate.subject };
}
