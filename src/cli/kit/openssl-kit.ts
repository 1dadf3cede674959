// A kit for the openssl command line: PEM files, and the command lines to try a connection with.
import { writePrivateKey } from '../../pki/private-key.ts';
import { EDGE_PORT } from './kit-addresses.ts';
import { KIT_FILE, publicFile, secretFile } from './kit-parts.ts';
import type { KitContent, KitMaterial, KitPlace, KitServer } from './kit-parts.ts';
import { formatAddress, shellWord } from './kit-values.ts';

export function opensslKit(material: KitMaterial, { directory, server }: KitPlace): KitContent {
  const { leafPem, intermediatesPem, key, anchors, crlsPem, roles } = material;
  return {
    files: [
      publicFile(KIT_FILE.chain, leafPem),
      ...(intermediatesPem === '' ? [] : [publicFile(KIT_FILE.intermediates, intermediatesPem)]),
      secretFile(KIT_FILE.key, writePrivateKey(key)),
      // Anchors and CRLs in one: as -CRL openssl takes one only, and after a change of the authority there are two.
      publicFile(KIT_FILE.trust, anchors.join('') + crlsPem),
    ],
    usage: [
      ...(roles.has('client') ? ['As a client:', '', `openssl s_client ${connect(server)} ${common(material, directory)}`, ''] : []),
      ...(roles.has('server') ? ['As a server, for one look at a client:', '', `openssl s_server -accept ${EDGE_PORT} -Verify 9 ${common(material, directory)}`, ''] : []),
      'openssl ends with an error where the other side is not who it should be.',
    ],
  };
}

function connect(server: KitServer | undefined): string {
  if (server === undefined) return '-connect HOST:PORT -servername HOST -verify_hostname HOST';
  const { address, name: { kind, text } } = server;
  return `-connect ${formatAddress(address)} ${kind === 'IP' ? `-noservername -verify_ip ${text}` : `-servername ${text} -verify_hostname ${text}`}`;
}

function common({ intermediatesPem, crlsPem }: KitMaterial, directory: string): string {
  const path = (file: string) => shellWord(`${directory}/${file}`);
  return [
    `-cert ${path(KIT_FILE.chain)} -key ${path(KIT_FILE.key)}`,
    ...(intermediatesPem === '' ? [] : [`-cert_chain ${path(KIT_FILE.intermediates)}`]),
    `-CAfile ${path(KIT_FILE.trust)} -no-CApath -no-CAstore`,
    ...(crlsPem === '' ? [] : ['-crl_check_all']),
    '-verify_return_error -min_protocol TLSv1.2',
  ].join(' ');
}
