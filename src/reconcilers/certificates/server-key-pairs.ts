// Key pairs of other Secrets that listeners present. They are mounted from there; only their hashes are taken down, for the manifest.
import type { Refusal } from '../../api/conditions.ts';
import type { ProxyModel } from '../../proxy-model/model.ts';
import { certificateMatchesKey, inspectCertificate, sha256Hex } from '../../pki/inspect-certificate.ts';
import { PrivateKeyError, readPrivateKey } from '../../pki/private-key.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { TrustPending } from './trust-material.ts';

const PATH = /^certs\/(.+)\.crt$/;
const OWN = 'tls';

/** SHA-256 by path of every such file, or what is wrong with one of them. */
export function serverKeyPairs({ referencedSecrets }: ReconcilerContext, namespace: string, { listeners }: ProxyModel): Record<string, string> | Refusal {
  const names = new Set(listeners.flatMap(({ tls }) => PATH.exec(tls?.certificate ?? '')?.[1] ?? []));
  names.delete(OWN);
  const hashes: Record<string, string> = {};
  for (const name of names) {
    const reference = referencedSecrets.get({ namespace, name });
    if (reference.state === 'unknown') throw new TrustPending(`Secret ${name}`);
    const data = reference.state === 'present' ? (reference.object.data ?? {}) : {};
    const [certificate, key] = [data['tls.crt'], data['tls.key']].map((value) => Buffer.from(value ?? '', 'base64'));
    if (!certificate?.length || !key?.length) return { reason: 'ServerCertificateMissing', message: `Secret ${namespace}/${name} does not exist, or lacks tls.crt or tls.key` };
    const fault = judge(certificate.toString(), key.toString());
    if (fault !== undefined) return { reason: 'ServerCertificateMalformed', message: `Secret ${namespace}/${name}: ${fault}` };
    hashes[`certs/${name}.crt`] = sha256Hex(certificate);
    hashes[`certs/${name}.key`] = sha256Hex(key);
  }
  return hashes;
}

function judge(certificatePem: string, keyPem: string): string | undefined {
  const certificate = inspectCertificate(certificatePem);
  if (certificate === undefined) return 'tls.crt holds no readable certificate';
  try {
    return certificateMatchesKey(certificate, readPrivateKey(keyPem)) ? undefined : 'tls.key does not belong to tls.crt';
  } catch (error) {
    if (error instanceof PrivateKeyError) return `tls.key: ${error.message}`;
    throw error;
  }
}
