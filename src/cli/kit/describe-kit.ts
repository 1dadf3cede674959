// README.txt of a kit: what it is, how it is used, until when it is good, how it is renewed.
import { KIT_FILE } from './kit-parts.ts';
import type { KitContent, KitMaterial, KitRequest, Tool } from './kit-parts.ts';

export function describeKit(material: KitMaterial, { tool, place, command }: KitRequest, { files, usage, keyStores }: KitContent): string {
  const secrets = files.filter(({ secrecy }) => secrecy === 'secret').map(({ path }) => path);
  const all = keyStores === undefined ? secrets : [KIT_FILE.keyStore, ...secrets];
  return [
    `TenantCertificate ${material.namespace}/${material.name} for ${tool}`,
    '',
    ...validity(material, tool),
    '',
    `Whoever can read ${all.join(', ')} is this certificate's owner: keep the directory to yourself.`,
    `The files name each other as ${place.directory}; to have them elsewhere, run the command below with --path.`,
    '',
    'USE',
    '',
    ...usage,
    '',
    'RENEW',
    '',
    command,
    '',
    'It writes the files anew; nothing renews a kit by itself.',
    '',
  ].join('\n');
}

/** Java's kit has no CRL in it, whatever the authority has. */
function validity({ serialNumber, notAfter, renewalTime, crlsEnd }: KitMaterial, tool: Tool): string[] {
  const end = tool === 'java' ? undefined : crlsEnd;
  return [
    `serial number   ${serialNumber}`,
    `expires         ${text(notAfter)}`,
    ...(renewalTime === undefined ? [] : [`renew from      ${text(renewalTime)}: then the cluster holds a newer one`]),
    end === undefined ? 'CRL             none: revoked peers are not refused' : `CRL             ends ${text(end)}: from then on every peer is refused until the kit is renewed`,
  ];
}

function text(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z');
}
