// Material of a TenantCertificate -> the files of a kit, with README.txt and the record by which the kit is known again. Pure.
import { API_VERSION } from '../../api/names.ts';
import { curlKit } from './curl-kit.ts';
import { describeKit } from './describe-kit.ts';
import { haproxyKit } from './haproxy-kit.ts';
import { javaKit } from './java-kit.ts';
import { KIT_FILE, publicFile } from './kit-parts.ts';
import type { Kit, KitContent, KitMaterial, KitRequest, RenderKit, Tool } from './kit-parts.ts';
import { KitRefused } from './kit-refused.ts';
import { nginxKit } from './nginx-kit.ts';
import { opensslKit } from './openssl-kit.ts';
import { stunnelKit } from './stunnel-kit.ts';

/** Throws KitRefused where the certificate is of no use to the tool. */
export function planKit(material: KitMaterial, request: KitRequest): Kit {
  checkRoles(material, request);
  const content = render(material, request);
  const readme = publicFile(KIT_FILE.readme, describeKit(material, request, content));
  const stores = content.keyStores === undefined ? [] : [KIT_FILE.keyStore, KIT_FILE.trustStore];
  const files = [...content.files, readme];
  const { namespace, name } = material;
  const record = { kit: API_VERSION, namespace, name, tool: request.tool, files: [...files.map(({ path }) => path), ...stores].sort() };
  return {
    record,
    files: [...files, publicFile(KIT_FILE.record, `${JSON.stringify(record, null, 2)}\n`)],
    ...(content.keyStores === undefined ? {} : { keyStores: content.keyStores }),
  };
}

const RENDERERS: Readonly<Record<Exclude<Tool, 'java'>, RenderKit>> = { curl: curlKit, haproxy: haproxyKit, nginx: nginxKit, stunnel: stunnelKit, openssl: opensslKit };

function render(material: KitMaterial, { tool, place, password }: KitRequest): KitContent {
  return tool === 'java' ? javaKit(material, place, password) : RENDERERS[tool](material, place);
}

/** These compare the server's certificate with DNS names only. */
const DNS_ONLY: ReadonlySet<Tool> = new Set(['haproxy', 'nginx']);
/** Their client side is a configuration with the server's address in it. */
const NEEDS_ADDRESS: ReadonlySet<Tool> = new Set(['haproxy', 'nginx', 'stunnel']);

function checkRoles(material: KitMaterial, request: KitRequest): void {
  const { namespace, name, roles } = material;
  const who = `TenantCertificate ${namespace}/${name}`;
  if (roles.size === 0) throw new KitRefused(`${who} has neither usage "server auth" nor "client auth"`);
  const refusal = roles.has('client') ? refuseClient(material, request) : refuseServer(request);
  if (refusal !== undefined) throw new KitRefused(`${who} ${refusal}`);
}

function refuseClient({ roles }: KitMaterial, { tool, place: { server } }: KitRequest): string | undefined {
  if (server?.name.kind === 'IP' && DNS_ONLY.has(tool)) return `goes to an IP address, and ${tool} verifies DNS names only: say with --server-name which one the server's certificate carries`;
  if (server === undefined && !roles.has('server') && NEEDS_ADDRESS.has(tool)) return `is a client's: say with --address HOST:PORT whom ${tool} is to talk to`;
  return undefined;
}

function refuseServer({ tool, place: { server } }: KitRequest): string | undefined {
  if (tool === 'curl') return 'is a server\'s: curl needs one with usage "client auth"';
  return server === undefined ? undefined : 'is a server\'s, and --address is for clients, which need usage "client auth"';
}
