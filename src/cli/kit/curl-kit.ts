// A kit for curl: files and a configuration for `curl -K`.
import { KIT_FILE, publicFile } from './kit-parts.ts';
import type { KitContent, KitMaterial, KitPlace } from './kit-parts.ts';
import { formatAddress, formatHost, shellWord } from './kit-values.ts';
import { pemFiles } from './pem-files.ts';

const CONFIGURATION = 'curl.conf';

export function curlKit(material: KitMaterial, { directory, server }: KitPlace): KitContent {
  const path = (file: string) => `"${directory}/${file}"`;
  const lines = [
    `# curl as TenantCertificate ${material.namespace}/${material.name}: curl -K ${CONFIGURATION} URL`,
    `cert = ${path(KIT_FILE.chain)}`,
    `key = ${path(KIT_FILE.key)}`,
    `cacert = ${path(KIT_FILE.anchors)}`,
    // Without it curl trusts the public authorities of the machine as well.
    `capath = "${directory}"`,
    ...(material.crlsPem === '' ? [] : [`crlfile = ${path(KIT_FILE.crls)}`]),
    'tlsv1.2',
    'proto = "=https"',
    ...(server === undefined ? [] : [`connect-to = "::${formatAddress(server.address)}"`]),
  ];
  const url = server === undefined ? 'https://HOST:PORT/' : `https://${formatHost(server.name.text)}/`;
  return {
    files: [...pemFiles(material), publicFile(CONFIGURATION, `${lines.join('\n')}\n`)],
    usage: [
      `curl -K ${shellWord(`${directory}/${CONFIGURATION}`)} ${url}`,
      ...(server === undefined ? [] : ['', `Every request goes to ${formatAddress(server.address)}; the name in the URL is what its certificate must carry.`]),
    ],
  };
}
