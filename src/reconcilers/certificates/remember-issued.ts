// A certificate that is stored and not in the status (which could not be written, or was lost) is written down before it is issued over or
// let go: a serial that is forgotten cannot be revoked. Rule: only what its issuer signed, for the key beside it, is believed; else whoever
// may write a Secret could have somebody else's serial revoked.
import { X509Certificate } from 'node:crypto';
import type { Secret } from '../../api/object-meta.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import { isNotFound } from '../../kube/api-error.ts';
import { resources } from '../../kube/resources.ts';
import { inspectCertificate } from '../../pki/inspect-certificate.ts';
import { identify, startRun } from './certificate-run.ts';
import type { CertificateRun } from './certificate-run.ts';
import { withIssued } from './certificate-status.ts';
import type { OwnedSecret } from '../owned-secret.ts';

export async function rememberIssued(run: CertificateRun, secret: OwnedSecret | undefined): Promise<CertificateRun> {
  const { context, certificate, namespace, signal, agreedNow } = run;
  const { status = {}, metadata: { name, resourceVersion } } = certificate;
  if (secret === undefined) return run;
  const known = status.issued ?? [];
  const issued = withIssued(status, secret, agreedNow);
  if (issued.every((each) => known.some(({ serialNumber, issuerSHA256 }) => serialNumber === each.serialNumber && issuerSHA256 === each.issuerSHA256))) return run;
  if (!(await isProven(run, secret))) return run;
  const ref = { namespace, name, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  const patched = await context.client.patchStatus<TenantCertificate>(resources.TenantCertificate, ref, { issued }, { signal });
  context.caches.certificates.observe(patched);
  context.log.info({ ...identify(certificate), serial: secret.serialNumber }, 'certificate found that was not in the status');
  return startRun(context, patched, signal);
}

async function isProven(run: CertificateRun, secret: OwnedSecret): Promise<boolean> {
  const issuerSHA256 = secret.stored.state === 'Read' ? (secret.stored.issuerSHA256 ?? '') : '';
  // Its own issuer: it can revoke nobody else.
  if (issuerSHA256 === secret.certificateSHA256) return true;
  const anchors = anchorsOf(run.context, issuerSHA256);
  if (anchors.length === 0) return false;
  const certificate = inspectCertificate(await readChain(run, secret));
  return certificate !== undefined && certificate.sha256 === secret.certificateSHA256 && anchors.some(({ publicKey }) => certificate.x509.verify(publicKey));
}

/** From the API server: what is cached of a Secret is no certificate. */
async function readChain({ context, namespace, signal }: CertificateRun, { metadata: { name } }: OwnedSecret): Promise<string> {
  try {
    const { data = {} } = await context.client.get<Secret>(resources.Secret, { namespace, name }, { signal });
    return Buffer.from(data['tls.crt'] ?? '', 'base64').toString();
  } catch (error) {
    if (isNotFound(error)) return '';
    throw error;
  }
}

/** An anchor has the key of the CA certificate that it stands for. */
function anchorsOf({ authorities }: CertificateRun['context'], issuerSHA256: string): X509Certificate[] {
  return authorities.signing([issuerSHA256]).flatMap((key) => {
    const state = authorities.get(key);
    if (state?.kind !== 'ready') return [];
    const anchor = state.authority.anchors[state.authority.issuers.indexOf(issuerSHA256)];
    return anchor === undefined ? [] : [new X509Certificate(anchor.pem)];
  });
}
