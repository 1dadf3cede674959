// A kit for nginx: PEM files, and a server block for each side it can take, to be included in the http block.
import { IDENTITY_HEADER } from '../../proxy-model/identity-headers.ts';
import { forEachSide } from './for-each-side.ts';
import { APP, EDGE_PORT, PLAIN, edgeUsage, plainUsage } from './kit-addresses.ts';
import { KIT_FILE, publicFile } from './kit-parts.ts';
import type { KitContent, KitMaterial, KitPlace, KitServer } from './kit-parts.ts';
import { formatAddress } from './kit-values.ts';
import { pemFiles } from './pem-files.ts';

const EDGE = 'nginx-edge.conf';
const CLIENT = 'nginx-client.conf';

/** Longer than any chain here; nginx's own default of 1 refuses a leaf below an intermediate. */
const DEPTH = 9;

export function nginxKit(material: KitMaterial, place: KitPlace): KitContent {
  const { directory } = place;
  const configurations = forEachSide(material, place, {
    edge: () => publicFile(EDGE, edge(material, directory)),
    client: (server) => publicFile(CLIENT, client(material, directory, server)),
  });
  return {
    files: [...pemFiles(material), ...configurations],
    usage: [
      'In the http block of nginx.conf:',
      '',
      ...forEachSide(material, place, {
        edge: () => [`include "${directory}/${EDGE}";`, ...edgeUsage(EDGE)],
        client: (server) => [`include "${directory}/${CLIENT}";`, ...plainUsage(CLIENT, server)],
      }).flat(),
      'Then: nginx -t && nginx -s reload; again after the kit was renewed.',
    ],
  };
}

function edge(material: KitMaterial, directory: string): string {
  const path = (file: string) => `"${directory}/${file}"`;
  const { certificate, forwardedClientCertificate, verify, subject, commonName, serial, fingerprint } = IDENTITY_HEADER;
  // nginx leaves out a header with an empty value: what the client says of itself under our names does not pass.
  const emptied = [certificate, forwardedClientCertificate, commonName, fingerprint].map((name) => `        proxy_set_header ${name} "";`);
  return [
    `# Accepts mutual TLS as TenantCertificate ${material.namespace}/${material.name}; only clients of the same authority are let in.`,
    'server {',
    `    listen ${EDGE_PORT} ssl;`,
    `    ssl_certificate ${path(KIT_FILE.chain)};`,
    `    ssl_certificate_key ${path(KIT_FILE.key)};`,
    `    ssl_client_certificate ${path(KIT_FILE.anchors)};`,
    ...(material.crlsPem === '' ? [] : [`    ssl_crl ${path(KIT_FILE.crls)};`]),
    '    ssl_verify_client on;',
    `    ssl_verify_depth ${DEPTH};`,
    '    ssl_protocols TLSv1.2 TLSv1.3;',
    '    ssl_session_tickets off;',
    // Applications take - and _ for the same: X_SSL_Client_CN would pass as ours.
    '    underscores_in_headers off;',
    '    location / {',
    `        proxy_pass http://${APP};`,
    '        proxy_http_version 1.1;',
    '        proxy_set_header Host $host;',
    `        proxy_set_header ${verify} $ssl_client_verify;`,
    `        proxy_set_header ${subject} $ssl_client_s_dn;`,
    `        proxy_set_header ${serial} $ssl_client_serial;`,
    ...emptied,
    '    }',
    '}',
    '',
  ].join('\n');
}

function client(material: KitMaterial, directory: string, { address, name: { text } }: KitServer): string {
  const path = (file: string) => `"${directory}/${file}"`;
  return [
    `# Plain HTTP on this machine becomes mutual TLS as TenantCertificate ${material.namespace}/${material.name}.`,
    'server {',
    `    listen ${PLAIN};`,
    '    location / {',
    `        proxy_pass https://${formatAddress(address)};`,
    '        proxy_http_version 1.1;',
    `        proxy_set_header Host ${text};`,
    `        proxy_ssl_certificate ${path(KIT_FILE.chain)};`,
    `        proxy_ssl_certificate_key ${path(KIT_FILE.key)};`,
    `        proxy_ssl_trusted_certificate ${path(KIT_FILE.anchors)};`,
    ...(material.crlsPem === '' ? [] : [`        proxy_ssl_crl ${path(KIT_FILE.crls)};`]),
    '        proxy_ssl_verify on;',
    `        proxy_ssl_verify_depth ${DEPTH};`,
    '        proxy_ssl_server_name on;',
    `        proxy_ssl_name ${text};`,
    '        proxy_ssl_protocols TLSv1.2 TLSv1.3;',
    '    }',
    '}',
    '',
  ].join('\n');
}
