// TLS towards clients (ssl_*) and towards upstreams (proxy_ssl_*, grpc_ssl_*), the same in http and stream.
import type { ClientAuth, TlsVersion } from '../api/tenant-certificate.ts';
import type { ListenerTlsModel, TlsParameters, UpstreamTlsModel } from '../proxy-model/model.ts';
import { when } from './block.ts';
import type { Lines } from './block.ts';
import { filePath, interpolated, word } from './quoting.ts';

/** TLS 1.2 with forward secrecy and AEAD only; the suites of TLS 1.3 are all of that kind. */
const AEAD_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305',
];

const VERIFY: Readonly<Record<ClientAuth, string>> = { Required: 'on', Optional: 'optional', OptionalNoCA: 'optional_no_ca', None: 'off' };

const PROTOCOLS: Readonly<Record<TlsVersion, string>> = { 'TLSv1.2': 'TLSv1.2 TLSv1.3', 'TLSv1.3': 'TLSv1.3' };

function ciphersOf({ ciphers }: TlsParameters): string {
  return (ciphers.length > 0 ? ciphers : AEAD_CIPHERS).map(word).join(':');
}

/** No tickets and no cache: a client that has been revoked must not come back by resuming a session. */
export function renderListenerTls(tls: ListenerTlsModel, verifyDepth: 0 | undefined): Lines {
  return [
    `ssl_certificate ${filePath(tls.certificate)};`,
    `ssl_certificate_key ${filePath(tls.key)};`,
    `ssl_protocols ${PROTOCOLS[tls.minVersion]};`,
    `ssl_ciphers ${ciphersOf(tls)};`,
    'ssl_prefer_server_ciphers on;',
    ...(tls.curves.length > 0 ? [`ssl_ecdh_curve ${tls.curves.map(word).join(':')};`] : []),
    'ssl_session_tickets off;',
    'ssl_session_cache off;',
    `ssl_verify_client ${VERIFY[tls.clientAuth]};`,
    ...when(tls.trust?.certificates, (certificates) => [`ssl_client_certificate ${filePath(certificates)};`]),
    ...when(tls.trust?.crls, (crls) => [`ssl_crl ${filePath(crls)};`]),
    ...when(verifyDepth, (depth) => [`ssl_verify_depth ${depth};`]),
  ];
}

/** Where the images of Debian and Alpine keep the system's CAs. */
const SYSTEM_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/** `prefix`: proxy_ssl or grpc_ssl. `name`: what the server must prove. */
export function renderUpstreamTls(tls: UpstreamTlsModel, prefix: string, name: string): Lines {
  const { certificates, crls } = tls.trust;
  return [
    `${prefix}_protocols ${PROTOCOLS[tls.minVersion]};`,
    `${prefix}_ciphers ${ciphersOf(tls)};`,
    `${prefix}_verify on;`,
    `${prefix}_verify_depth 3;`,
    `${prefix}_trusted_certificate ${certificates === undefined ? SYSTEM_CERTIFICATES : filePath(certificates)};`,
    ...when(crls, (file) => [`${prefix}_crl ${filePath(file)};`]),
    `${prefix}_name ${interpolated(name)};`,
    `${prefix}_server_name on;`,
    `${prefix}_session_reuse off;`,
    ...(tls.curves.length > 0 ? [`${prefix}_conf_command Groups ${tls.curves.map(word).join(':')};`] : []),
    ...when(tls.present, ({ certificate, key }) => [`${prefix}_certificate ${filePath(certificate)};`, `${prefix}_certificate_key ${filePath(key)};`]),
  ];
}
