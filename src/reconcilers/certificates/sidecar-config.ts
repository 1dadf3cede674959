// What the sidecar of a certificate loads: the ConfigMap, and in it the manifest that ties it to the Secret.
// One rule: a refusal writes nothing, so the last good configuration stays in use.
import type { Refusal } from '../../api/conditions.ts';
import { writeManifest } from '../../api/manifest.ts';
import { CONFIG_FILES, LABEL, MANAGED_BY, OWN_ANNOTATION } from '../../api/names.ts';
import type { ConfigMap } from '../../api/object-meta.ts';
import { ENTRYPOINT } from '../../nginx/entrypoint.ts';
import { prepareNginx } from '../../nginx/prepare-nginx.ts';
import { sha256Hex } from '../../pki/inspect-certificate.ts';
import { buildProxyModel } from '../../proxy-model/build-proxy-model.ts';
import type { ProxyBuild } from '../../proxy-model/build-proxy-model.ts';
import { adviseEngine, checkEngine } from '../../proxy-model/capabilities.ts';
import type { ConfigFile } from '../../proxy-model/config-file.ts';
import type { Authority } from '../authorities/authority.ts';
import type { CertificateRun } from './certificate-run.ts';
import { revisionOf } from './certificate-status.ts';
import type { OwnedSecret } from '../owned-secret.ts';
import { serverKeyPairs } from './server-key-pairs.ts';
import { trustLookup } from './trust-material.ts';

type Built = ProxyBuild & { kind: 'model' };

export type SidecarConfig = { readonly kind: 'config'; readonly configMap: ConfigMap; readonly advice: string | undefined } | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Throws TrustPending while something it depends on has not been read yet. */
export function buildSidecarConfig(run: CertificateRun, secret: OwnedSecret, authority: Authority | undefined): SidecarConfig {
  const { certificate: { spec }, context, namespace } = run;
  const built = buildProxyModel(spec.proxy, trustLookup(run, authority));
  if (built.kind === 'refused') return built;
  const keyPairs = serverKeyPairs(context, namespace, built.model);
  if (isRefusal(keyPairs)) return { kind: 'refused', refusal: keyPairs };
  const files = configFiles(built);
  if (isRefusal(files)) return { kind: 'refused', refusal: files };
  const hashes = Object.fromEntries(files.map(({ path, content }) => [path, sha256Hex(Buffer.from(content))]));
  const manifest = manifestOf(secret, built, { ...hashes, ...secret.files, ...keyPairs });
  return { kind: 'config', configMap: configMap(run, files, manifest), advice: adviseEngine(built.model) };
}

function isRefusal(value: object): value is Refusal {
  return 'reason' in value && 'message' in value;
}

/** Files of both engines, because a pod may choose; what the other engine cannot do is left out for it. */
function configFiles({ model, trustFiles }: Built): readonly ConfigFile[] | Refusal {
  const refusal = checkEngine(model.engine, model);
  if (refusal !== undefined) return refusal;
  const nginx = prepareNginx(model);
  if (nginx.kind === 'refused' && model.engine === 'nginx') return nginx.refusal;
  const nginxFiles: readonly ConfigFile[] = nginx.kind === 'files' ? nginx.files : [{ path: CONFIG_FILES['entrypoint.sh'], mode: 0o555, content: ENTRYPOINT }];
  return [...nginxFiles, { path: CONFIG_FILES['proxy.json'], mode: 0o444, content: `${JSON.stringify(model, null, 1)}\n` }, ...trustFiles];
}

function manifestOf(secret: OwnedSecret, { crls }: Built, files: Record<string, string>): string {
  const { stored, serialNumber = '' } = secret;
  return writeManifest({
    revision: revisionOf(secret),
    serialNumber,
    certificateNotAfter: stored.state === 'Read' ? stored.notAfter.getTime() / 1000 : 0,
    crlNumbers: Object.fromEntries(crls.map(({ issuerSHA256, number }) => [issuerSHA256, number])),
    ...(crls.length === 0 ? {} : { crlNextUpdate: Math.min(...crls.map(({ nextUpdate }) => nextUpdate)) }),
    files,
  });
}

const dataKey = (path: string) => path.slice(path.lastIndexOf('/') + 1);

function configMap({ namespace, certificateName, owner, desired }: CertificateRun, files: readonly ConfigFile[], manifest: string): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `${certificateName}-proxy`,
      namespace,
      labels: { [LABEL.managedBy]: MANAGED_BY, [LABEL.certificate]: certificateName },
      annotations: { [OWN_ANNOTATION.certificateName]: certificateName, [OWN_ANNOTATION.manifestHash]: sha256Hex(Buffer.from(manifest)) },
      ...(desired.secret.deletionPolicy === 'Delete' ? { ownerReferences: [owner] } : {}),
    },
    data: { ...Object.fromEntries(files.map(({ path, content }) => [dataKey(path), content])), [dataKey(CONFIG_FILES.manifest)]: manifest },
  };
}
