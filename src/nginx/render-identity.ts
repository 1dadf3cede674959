// The client's identity towards the upstream. Every identity header is set on every listener: an empty value takes the client's own away.
// Names with underscores never get here (underscores_in_headers off), and nginx forwards no request trailers.
import { IDENTITY_HEADER } from '../proxy-model/identity-headers.ts';
import type { ListenerModel } from '../proxy-model/model.ts';
import type { Lines } from './block.ts';
import { ATTRIBUTES_BEFORE_NAME } from './client-patterns.ts';
import { regexKey, word } from './quoting.ts';

type Identity = Readonly<Record<keyof typeof IDENTITY_HEADER, string>>;

const NOTHING: Identity = { certificate: '', forwardedClientCertificate: '', verify: '', subject: '', commonName: '', serial: '', fingerprint: '' };
const UNVERIFIED: Identity = { ...NOTHING, certificate: '$ssl_client_escaped_cert', verify: '$ssl_client_verify' };
const VERIFIED: Identity = { ...UNVERIFIED, subject: '$ssl_client_s_dn', commonName: '$client_common_name', serial: '$ssl_client_serial' };

/** What stock nginx knows; X-SSL-Client-SHA256 and X-Forwarded-Client-Cert need the certificate parsed, so they are only taken away. */
function identityOf({ tls }: ListenerModel): Identity {
  if (tls === undefined) return NOTHING;
  if (tls.clientAuth === 'None') return { ...NOTHING, verify: '$ssl_client_verify' };
  return tls.clientAuth === 'OptionalNoCA' ? UNVERIFIED : VERIFIED;
}

/** `directive`: proxy_set_header or grpc_set_header. */
export function renderIdentityHeaders(listener: ListenerModel, directive: string): Lines {
  const identity = identityOf(listener);
  const names = { ...IDENTITY_HEADER, certificate: word(listener.clientCertificateHeader) };
  const lines = Object.entries(names).map(([key, name]) => `${directive} ${name} "${identity[key as keyof Identity]}";`);
  const isRenamed = names.certificate.toLowerCase() !== IDENTITY_HEADER.certificate.toLowerCase();
  return isRenamed ? [...lines, `${directive} ${IDENTITY_HEADER.certificate} "";`] : lines;
}

/**
 * The most specific CN out of the subject: the regular expression takes the DN apart as RFC 4514 says, so that `O=x\,CN=alice` holds no CN.
 * One with an escaped character is left out here; who needs it reads the subject.
 */
export const COMMON_NAME_MAP: Lines = [
  'map $ssl_client_s_dn $client_common_name {',
  '  default "";',
  `  ${regexKey(String.raw`^${ATTRIBUTES_BEFORE_NAME}CN=(?<client_cn>[^\\,+]+)(?:[,+]|$)`)} $client_cn;`,
  '}',
];
