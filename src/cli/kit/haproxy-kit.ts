// A kit for HAProxy: one PEM with certificate and key, and a fragment for each side it can take. The fragments bring their own time-outs
// and need nothing of a `defaults` section, so that they stand beside any haproxy.cfg: haproxy -f haproxy.cfg -f haproxy-edge.cfg.
import { writePrivateKey } from '../../pki/private-key.ts';
import { IDENTITY_HEADER } from '../../proxy-model/identity-headers.ts';
import { forEachSide } from './for-each-side.ts';
import { KIT_FILE, publicFile, secretFile } from './kit-parts.ts';
import type { KitContent, KitMaterial, KitPlace, KitServer } from './kit-parts.ts';
import { formatAddress, shellWord } from './kit-values.ts';
import { APP, EDGE_PORT, PLAIN, edgeUsage, plainUsage } from './kit-addresses.ts';
import { trustFiles } from './pem-files.ts';

const EDGE = 'haproxy-edge.cfg';
const CLIENT = 'haproxy-client.cfg';

export function haproxyKit(material: KitMaterial, place: KitPlace): KitContent {
  const { directory } = place;
  const { leafPem, intermediatesPem, key } = material;
  const configurations = forEachSide(material, place, {
    edge: () => publicFile(EDGE, edge(material, directory)),
    client: (server) => publicFile(CLIENT, client(material, directory, server)),
  });
  return {
    files: [secretFile(KIT_FILE.pair, leafPem + intermediatesPem + writePrivateKey(key)), ...trustFiles(material), ...configurations],
    usage: [
      ...forEachSide(material, place, {
        edge: () => [`haproxy -f haproxy.cfg -f ${shellWord(`${directory}/${EDGE}`)}`, ...edgeUsage(EDGE)],
        client: (server) => [`haproxy -f haproxy.cfg -f ${shellWord(`${directory}/${CLIENT}`)}`, ...plainUsage(CLIENT, server)],
      }).flat(),
      'haproxy.cfg stands for your own. Reload HAProxy after the kit was renewed.',
    ],
  };
}

function tls({ crlsPem }: KitMaterial, directory: string): string {
  const crls = crlsPem === '' ? '' : ` crl-file "${directory}/${KIT_FILE.crls}"`;
  return `ssl crt "${directory}/${KIT_FILE.pair}" ca-file "${directory}/${KIT_FILE.anchors}"${crls} verify required ssl-min-ver TLSv1.2`;
}

/** Applications take - and _ for the same, so what a client says of itself under our names goes in either spelling; HAProxy has names in lower case. */
function taken(name: string): string {
  return `    http-request del-header ^${name.toLowerCase().replaceAll('-', '[-_]')} -m reg`;
}

/** A name with bytes that no header may hold is made harmless. */
function identity(): string[] {
  const { certificate, forwardedClientCertificate, verify, commonName } = IDENTITY_HEADER;
  return [
    ...['X-SSL-Client-', certificate, forwardedClientCertificate].map(taken),
    `    http-request set-header ${verify} SUCCESS`,
    `    http-request set-header ${commonName} "%[ssl_c_s_dn(CN),regsub('[^ -~]',?,g)]"`,
  ];
}

function edge(material: KitMaterial, directory: string): string {
  const name = `tenant-mtls-${material.name}`;
  return [
    `# Accepts mutual TLS as TenantCertificate ${material.namespace}/${material.name}; only clients of the same authority are let in.`,
    `frontend ${name}-edge`,
    '    mode http',
    '    timeout client 1m',
    `    bind :${EDGE_PORT} ${tls(material, directory)} alpn h2,http/1.1`,
    ...identity(),
    `    default_backend ${name}-app`,
    '',
    `backend ${name}-app`,
    '    mode http',
    '    timeout connect 5s',
    '    timeout server 1m',
    `    server app ${APP}`,
    '',
  ].join('\n');
}

function client(material: KitMaterial, directory: string, { address, name: { text } }: KitServer): string {
  const name = `tenant-mtls-${material.name}`;
  return [
    `# Plain HTTP on this machine becomes mutual TLS as TenantCertificate ${material.namespace}/${material.name}.`,
    `frontend ${name}-plain`,
    '    mode http',
    '    timeout client 1m',
    `    bind ${PLAIN}`,
    `    default_backend ${name}-server`,
    '',
    `backend ${name}-server`,
    '    mode http',
    '    timeout connect 5s',
    '    timeout server 1m',
    `    http-request set-header Host ${text}`,
    `    server server ${formatAddress(address)} ${tls(material, directory)} verifyhost ${text} sni str(${text})`,
    '',
  ].join('\n');
}
