// What the sidecar of a certificate loads: the ConfigMap, and in it the manifest that ties it to the Secret.
// One rule: a refusal writes nothing, so the last good configuration stays in use.
import type { Refusal } from '../api/conditions.ts';
import { CONFIG_FILES, LABEL, MANAGED_BY, OWN_ANNOTATION } from '../api/names.ts';
import { writeManifest } from '../api/manifest.ts';
import type { ConfigMap } from '../api/object-meta.ts';
import { resources } from '../kube/resources.ts';
import { renderNginx } from '../nginx/render-nginx.ts';
import { sha256Hex } from '../pki/inspect-certificate.ts';
import type { ConfigFile } from '../proxy-model/config-file.ts';
import type { ProxyModel } from '../proxy-model/model.ts';
import type { Authority } from './authority.ts';
import type { CertificateRun } from './certificate-run.ts';
import { revisionOf } from './certificate-status.ts';
import { hashData, pruneConfigMap } from './owned-config-map.ts';
import type { OwnedSecret } from './owned-secret.ts';
import { applyOwned, createOwned } from './owned-writes.ts';

export async function writeSidecarConfig(run: CertificateRun, secret: OwnedSecret, authority: Authority | undefined): Promise<Refusal | undefined> {
  const files = configFiles(defaultModel(authority), authority);
  const wanted = configMap(run, files, secret);
  return await writeConfigMap(run, wanted);
}

function configFiles(model: ProxyModel, authority: Authority | undefined): ConfigFile[] {
  const trust = authority?.anchors.map(({ pem }) => pem).join('') ?? '';
  return [...renderNginx(model), { path: CONFIG_FILES['proxy.json'], mode: 0o444, content: `${JSON.stringify(model)}\n` }, { path: 'caCerts/trust-0.crt', mode: 0o444, content: trust }];
}

function defaultModel(authority: Authority | undefined): ProxyModel {
  const authorities = authority?.anchors.map(({ sha256, subject }) => ({ sha256, subject })) ?? [];
  return {
    engine: 'nginx', accessLog: 'Errors', maxConnections: 4096,
    listeners: [{
      name: 'https', port: 8443, portFromPod: true, bind: '', protocol: 'HTTP', clientCertificateHeader: 'X-Tls-Client-Cert',
      tls: { clientAuth: 'Required', certificate: 'certs/tls.crt', key: 'certs/tls.key', minVersion: 'TLSv1.2', ciphers: [], curves: [], trust: { certificates: 'caCerts/trust-0.crt', system: false, authorities } },
      routes: [{ path: '/', query: [], setQuery: [], target: { kind: 'upstream', upstream: 'app' } }],
    }],
    upstreams: [{ name: 'app', addresses: [{ kind: 'app' }], protocol: 'HTTP1' }],
  };
}

const fileKey = (path: string) => path.slice(path.lastIndexOf('/') + 1);

function configMap({ certificate, namespace, certificateName, owner, desired }: CertificateRun, files: readonly ConfigFile[], secret: OwnedSecret): ConfigMap {
  const hashes = Object.fromEntries(files.map(({ path, content }) => [path, sha256Hex(Buffer.from(content))]));
  const { stored, serialNumber = '' } = secret;
  const notAfter = stored.state === 'Read' ? stored.notAfter.getTime() / 1000 : 0;
  const manifest = writeManifest({ revision: revisionOf(secret), serialNumber, certificateNotAfter: notAfter, crlNumbers: {}, files: { ...hashes, ...secret.files } });
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `${certificate.metadata.name}-proxy`,
      namespace,
      labels: { [LABEL.managedBy]: MANAGED_BY, [LABEL.certificate]: certificateName },
      annotations: { [OWN_ANNOTATION.certificateName]: certificateName, [OWN_ANNOTATION.manifestHash]: sha256Hex(Buffer.from(manifest)) },
      ...(desired.secret.deletionPolicy === 'Delete' ? { ownerReferences: [owner] } : {}),
    },
    data: { ...Object.fromEntries(files.map(({ path, content }) => [fileKey(path), content])), [fileKey(CONFIG_FILES.manifest)]: manifest },
  };
}

async function writeConfigMap({ context, signal }: CertificateRun, wanted: ConfigMap): Promise<Refusal | undefined> {
  const { name, namespace } = wanted.metadata;
  const cached = context.caches.configMaps.get(`${namespace}/${name}`);
  if (cached?.dataHash === hashData(wanted.data ?? {}) && isSameMetadata(cached.metadata, wanted.metadata)) return undefined;
  const target = { client: context.client, resource: resources.ConfigMap, signal };
  if (cached === undefined) {
    const created = await createOwned<ConfigMap>(target, wanted);
    if (created.kind === 'refused') return created.refusal;
    if (created.kind === 'written') {
      context.caches.configMaps.observe(pruneConfigMap(created.object));
      return undefined;
    }
  }
  context.caches.configMaps.observe(pruneConfigMap(await applyOwned<ConfigMap>(target, wanted)));
  return undefined;
}

function isSameMetadata(is: ConfigMap['metadata'], wanted: ConfigMap['metadata']): boolean {
  const contains = (record: Readonly<Record<string, string>> = {}, part: Readonly<Record<string, string>> = {}) => Object.entries(part).every(([key, value]) => record[key] === value);
  const owners = (wanted.ownerReferences ?? []).every(({ uid }) => is.ownerReferences?.some((owner) => owner.uid === uid));
  return contains(is.labels, wanted.labels) && contains(is.annotations, wanted.annotations) && owners;
}
