// The headers that tell the app who the client is, made once per connection and sent on every request.
// Rule: an unverified certificate is passed on with its verdict only; names are never taken from it.
import { IDENTITY_HEADER } from '../proxy-model/identity-headers.ts';
import type { Peer } from './authorize-peer.ts';
import type { PeerCertificate } from './peer-certificate.ts';

/** OpenSSL's words, which nginx passes on. */
export const VERIFY_ERRORS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed certificate in certificate chain',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to verify the first certificate',
  CERT_UNTRUSTED: 'certificate not trusted',
};

/** Names and values in turn. `certificateHeader` is the configured name for the escaped PEM; `ownUri` the URI of our own certificate (`By`). */
export function identityHeaders(peer: Peer, certificateHeader: string, ownUri?: string): readonly string[] {
  if (peer.kind === 'anonymous') return [IDENTITY_HEADER.verify, 'NONE'];
  const escapedPem = encodeURIComponent(peer.certificate.x509.toString());
  if (peer.kind === 'unverified') return [certificateHeader, escapedPem, IDENTITY_HEADER.verify, `FAILED:${VERIFY_ERRORS[peer.error] ?? peer.error}`];
  const { subject, serialNumber, certificateSHA256 } = peer.certificate;
  // A CN with an escaped character is left to who reads the subject: nginx does the same.
  const commonName = subject.escapedCommonName?.includes('\\') === true ? '' : (subject.escapedCommonName ?? '');
  return [
    certificateHeader, escapedPem,
    IDENTITY_HEADER.forwardedClientCertificate, forwardedClientCert(peer.certificate, ownUri),
    IDENTITY_HEADER.verify, 'SUCCESS',
    ...(subject.text === '' ? [] : [IDENTITY_HEADER.subject, subject.text]),
    ...(commonName === '' ? [] : [IDENTITY_HEADER.commonName, commonName]),
    IDENTITY_HEADER.serial, serialNumber,
    IDENTITY_HEADER.fingerprint, certificateSHA256,
  ];
}

/**
 * Envoy's syntax: `Key=value` joined by `;`, a value with `,` `;` or `=` in quotes. Names with other than printable ASCII are left out.
 * The subject goes in as it is: RFC 4514 already has a backslash before every quotation mark.
 */
function forwardedClientCert({ subject, certificateSHA256, uris, dnsNames }: PeerCertificate, ownUri: string | undefined): string {
  const by = ownUri === undefined ? [] : [`By=${quoteIfNeeded(ownUri)}`];
  const uri = uris.filter(isPrintable).map((value) => `URI=${quoteIfNeeded(value)}`);
  const dns = dnsNames.filter(isPrintable).map((value) => `DNS=${quoteIfNeeded(value)}`);
  return [...by, `Hash=${certificateSHA256}`, `Subject="${subject.text}"`, ...(uri.length > 0 ? uri : ['URI=']), ...dns].join(';');
}

function isPrintable(value: string): boolean {
  return /^[ -~]*$/.test(value);
}

function quoteIfNeeded(value: string): string {
  return /[,;="\\]/.test(value) ? quote(value) : value;
}

function quote(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
