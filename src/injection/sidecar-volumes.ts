// Builds the sidecar's two volumes. Everything it loads is one projected volume, because only then are all files swapped together.
import { CONFIG_FILES, MAX_TRUST_BUNDLES, SECRET_FILES, SIDECAR, trustFileNames } from '../api/names.ts';
import { keyPairOf } from '../proxy-model/tls-parameters.ts';
import type { Volume } from './pod.ts';
import type { Sidecar } from './sidecar.ts';

// Decimal: a leading zero means octal in YAML 1.1 and nothing in YAML 1.2. The files belong to root and the sidecar does not run as root:
// everybody may read them, and no other container has the volume.
const READABLE = 0o444;
const EXECUTABLE = 0o555;

export function buildVolumes(sidecar: Sidecar): readonly Volume[] {
  return [
    { name: SIDECAR.volume, projected: { sources: sources(sidecar), defaultMode: READABLE } },
    { name: SIDECAR.runVolume, emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
  ];
}

/** Written for every certificate; the rest of the ConfigMap depends on its engine and its trust. */
const REQUIRED = { manifest: CONFIG_FILES.manifest, 'entrypoint.sh': CONFIG_FILES['entrypoint.sh'] };
const ENGINE_FILES = { 'nginx.conf': CONFIG_FILES['nginx.conf'], 'proxy.json': CONFIG_FILES['proxy.json'] };

/**
 * The ConfigMap is required: without its entrypoint the container could only crash, and the kubelet keeps the old files while it is missing.
 * The Secret is not: a pod whose certificate cannot be issued yet starts its sidecar, which says what is missing and is not ready.
 */
function sources({ secretName, configMapName, keyPairSecrets }: Sidecar) {
  return [
    { secret: { name: secretName, items: items(SECRET_FILES), optional: true } },
    { configMap: { name: configMapName, items: items(REQUIRED) } },
    { configMap: { name: configMapName, items: [...items(ENGINE_FILES), ...trustItems()], optional: true } },
    ...keyPairSecrets.map(keyPairSource),
  ];
}

function keyPairSource(name: string) {
  const { certificate, key } = keyPairOf(name);
  return { secret: { name, items: items({ 'tls.crt': certificate, 'tls.key': key }), optional: true } };
}

function items(files: Readonly<Record<string, string>>) {
  return Object.entries(files).map(([key, path]) => (path.startsWith('entry/') ? { key, path, mode: EXECUTABLE } : { key, path }));
}

function trustItems() {
  return Array.from({ length: MAX_TRUST_BUNDLES }, (_, index) => trustFileNames(index)).flatMap(({ certificates, crls }) => [
    { key: certificates, path: `caCerts/${certificates}` },
    { key: crls, path: `caCerts/${crls}` },
  ]);
}
