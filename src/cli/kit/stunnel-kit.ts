// A kit for stunnel, which carries any TCP protocol: PEM files, and a whole configuration for each side it can take.
import { forEachSide } from './for-each-side.ts';
import { APP, EDGE_PORT, PLAIN, edgeUsage, plainUsage } from './kit-addresses.ts';
import { KIT_FILE, publicFile } from './kit-parts.ts';
import type { KitContent, KitMaterial, KitPlace, KitServer } from './kit-parts.ts';
import { formatAddress, shellWord } from './kit-values.ts';
import { pemFiles } from './pem-files.ts';

const EDGE = 'stunnel-edge.conf';
const CLIENT = 'stunnel-client.conf';

export function stunnelKit(material: KitMaterial, place: KitPlace): KitContent {
  const { directory } = place;
  const configurations = forEachSide(material, place, {
    edge: () => publicFile(EDGE, edge(material, directory)),
    client: (server) => publicFile(CLIENT, client(material, directory, server)),
  });
  return {
    files: [...pemFiles(material), ...configurations],
    usage: [
      ...forEachSide(material, place, {
        edge: () => [`stunnel ${shellWord(`${directory}/${EDGE}`)}`, ...edgeUsage(EDGE)],
        client: (server) => [`stunnel ${shellWord(`${directory}/${CLIENT}`)}`, ...plainUsage(CLIENT, server)],
      }).flat(),
      'Send stunnel a SIGHUP after the kit was renewed.',
    ],
  };
}

/** The values of stunnel.conf reach to the end of the line and know no quotes. */
function service({ name, crlsPem }: KitMaterial, directory: string, options: readonly string[]): string {
  return [
    'foreground = yes',
    'pid =',
    '',
    `[tenant-mtls-${name}]`,
    ...options,
    `cert = ${directory}/${KIT_FILE.chain}`,
    `key = ${directory}/${KIT_FILE.key}`,
    `CAfile = ${directory}/${KIT_FILE.anchors}`,
    ...(crlsPem === '' ? [] : [`CRLfile = ${directory}/${KIT_FILE.crls}`]),
    'verifyChain = yes',
    'sslVersionMin = TLSv1.2',
    '',
  ].join('\n');
}

function edge(material: KitMaterial, directory: string): string {
  const head = `; Accepts mutual TLS as TenantCertificate ${material.namespace}/${material.name}; only clients of the same authority are let in.\n`;
  return head + service(material, directory, [`accept = ${EDGE_PORT}`, `connect = ${APP}`, 'requireCert = yes']);
}

function client(material: KitMaterial, directory: string, { address, name: { kind, text } }: KitServer): string {
  const head = `; Plain connections on this machine become mutual TLS as TenantCertificate ${material.namespace}/${material.name}.\n`;
  const names = kind === 'IP' ? [`checkIP = ${text}`] : [`sni = ${text}`, `checkHost = ${text}`];
  return head + service(material, directory, ['client = yes', `accept = ${PLAIN}`, `connect = ${formatAddress(address)}`, ...names]);
}
