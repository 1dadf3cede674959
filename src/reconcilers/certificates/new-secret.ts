// From a plan to the content of a Secret: key, certificate, chain, anchor. One rule: nothing leaves here that was not verified.
import type { Refusal } from '../../api/conditions.ts';
import { LABEL, MANAGED_BY, OWN_ANNOTATION } from '../../api/names.ts';
import type { OwnerReference, Secret } from '../../api/object-meta.ts';
import type { CertificateRequest, DesiredCertificate } from '../../issuance/desired-certificate.ts';
import { requestHash } from '../../issuance/request-hash.ts';
import { makeAnchor } from '../../pki/anchor.ts';
import { InvalidRequestError } from '../../pki/invalid-request-error.ts';
import { issueCertificate, selfSign } from '../../pki/issue-certificate.ts';
import type { IssuedCertificate } from '../../pki/issue-certificate.ts';
import type { Issuer } from '../../pki/issuer.ts';
import type { NameConstraints } from '../../pki/name-constraints.ts';
import { generatePrivateKey, writePrivateKey } from '../../pki/private-key.ts';
import type { PrivateKey } from '../../pki/private-key.ts';
import { verifyIssued } from '../../pki/verify-issued.ts';

export interface Signer {
  readonly now: () => Date;
  /** Random bytes of a serial number. */
  readonly serial: () => Uint8Array;
}

export interface NewCertificate {
  readonly issued: IssuedCertificate;
  readonly key: PrivateKey;
  readonly issuerSHA256: string;
}

interface SigningContext {
  readonly request: CertificateRequest;
  /** Absent: the certificate signs itself. */
  readonly issuer?: Issuer | undefined;
  /** The anchor of the issuer; absent: made for this one look. */
  readonly anchor?: { readonly pem: string } | undefined;
  /** Kept when the key is not to be rotated. */
  readonly key?: PrivateKey | undefined;
  /** Of an authority. */
  readonly limits?: { readonly nameConstraints?: NameConstraints; readonly maxPathLen?: number };
}

export async function signCertificate({ request, issuer, anchor, key: keptKey, limits = {} }: SigningContext, signer: Signer): Promise<NewCertificate | Refusal> {
  const key = keptKey ?? (await generatePrivateKey(request.key));
  const wanted = { ...request, durationSeconds: request.durationMs / 1000, ...limits };
  const context = { serial: signer.serial(), now: signer.now(), key };
  try {
    const issued = issuer === undefined ? await selfSign(wanted, context) : await issueCertificate(wanted, issuer, context);
    const anchorDer = issuer === undefined ? issued.der : await anchorOf(issuer, anchor);
    const result = verifyIssued({ certificateDer: issued.der, chain: issued.chain, anchorDer, key }, context.now);
    if (!result.ok) return { reason: 'VerificationFailed', message: `the certificate just issued was not stored: ${result.message}` };
    return { issued, key, issuerSHA256: issuer?.sha256 ?? issued.sha256 };
  } catch (error) {
    if (error instanceof InvalidRequestError) return { reason: 'InvalidSpec', message: error.message, field: error.field };
    throw error;
  }
}

async function anchorOf(issuer: Issuer, stored: { readonly pem: string } | undefined): Promise<Buffer> {
  if (stored === undefined) return (await makeAnchor(issuer)).der;
  return Buffer.from(stored.pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');
}

export interface SecretOwner {
  readonly namespace: string;
  readonly certificateName: string;
  readonly owner: OwnerReference;
  readonly desired: DesiredCertificate;
}

/** Labels, annotations and owner of the Secret; the annotations about the certificate are `certificateAnnotations`. */
export function secretMetadata({ namespace, certificateName, owner, desired }: SecretOwner, annotations: Record<string, string>): Secret['metadata'] {
  return {
    name: desired.secret.name,
    namespace,
    labels: { ...desired.secret.labels, [LABEL.managedBy]: MANAGED_BY, [LABEL.certificate]: certificateName },
    annotations: { ...desired.secret.annotations, ...annotations, [OWN_ANNOTATION.certificateName]: certificateName },
    ...(desired.secret.deletionPolicy === 'Delete' ? { ownerReferences: [owner] } : {}),
  };
}

export function certificateAnnotations(desired: DesiredCertificate, certificate: NewCertificate, revision: number): Record<string, string> {
  return {
    [OWN_ANNOTATION.requestHash]: requestHash(desired.request),
    [OWN_ANNOTATION.certificateHash]: certificate.issued.sha256,
    [OWN_ANNOTATION.issuerHash]: certificate.issuerSHA256,
    [OWN_ANNOTATION.revision]: String(revision),
    ...(desired.renewToken === undefined ? {} : { [OWN_ANNOTATION.renewed]: desired.renewToken }),
  };
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** `anchorsPem` goes into ca.crt. */
export function newSecret(owner: SecretOwner, { certificate, anchorsPem }: { readonly certificate: NewCertificate; readonly anchorsPem: string }, revision: number): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: secretMetadata(owner, certificateAnnotations(owner.desired, certificate, revision)),
    type: 'kubernetes.io/tls',
    data: {
      'tls.crt': base64(certificate.issued.chainPem),
      'tls.key': base64(writePrivateKey(certificate.key)),
      'ca.crt': base64(anchorsPem),
    },
  };
}
