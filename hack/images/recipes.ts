// What each image is made of. Base layers come first and are shared; what changes often is the last and smallest.
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { busyboxLinks } from './busybox.ts';
import { bundledFiles, bundledPath } from './bundles.ts';
import { debianLayer, executableLayer, mergedUsr, systemLayer, text } from './debian.ts';
import { fileLayer, type Layer } from './layers.ts';
import type { Image } from './oci-archive.ts';
import { checkout } from './paths.ts';
import type { TarEntry } from './tar.ts';

export type ImageName = 'operator' | 'nginx' | 'hello' | 'toolbox' | 'servers' | 'kes-stand-in' | 'pause' | 'coredns';

export const recipes: Readonly<Record<ImageName, () => Promise<Image>>> = { operator, nginx, hello, toolbox, servers, 'kes-stand-in': kesStandIn, pause, coredns };

const node = '/usr/local/bin/node';

/** As in the Dockerfile: bursts of short-lived objects and of native buffers otherwise leave 100 MB behind that are never used again. */
const smallMemory = ['NODE_OPTIONS=--max-semi-space-size=2', 'MALLOC_ARENA_MAX=2'] as const;

async function operator(): Promise<Image> {
  const bundles = bundledFiles().map((name) => file(`app/${name}`, bundledPath(name)));
  const files = [...bundles, ...installedFiles().map((name) => file(`app/${name}`, `${checkout}/${name}`))];
  return {
    name: 'tenant-mtls.dev/operator:dev',
    layers: [...(await nodeLayers()), await fileLayer(files)],
    entrypoint: [node, '/app/tenant-mtls.js'],
    workingDir: '/app',
    environment: ['NODE_ENV=production', ...smallMemory],
  };
}

/** What the command `install` applies. */
function installedFiles(): string[] {
  const inFolders = ['crds', 'deploy/base'].flatMap((folder) => readdirSync(`${checkout}/${folder}`).map((name) => `${folder}/${name}`));
  return ['deploy/kustomization.yaml', ...inFolders];
}

/** The seed's app: plain HTTP, no idea of TLS. */
async function hello(): Promise<Image> {
  return {
    name: 'tenant-mtls.dev/hello:dev',
    layers: [...(await nodeLayers()), await fileLayer([file('app/hello.ts', `${import.meta.dirname}/apps/hello.ts`)])],
    entrypoint: [node, '/app/hello.ts'],
    workingDir: '/app',
  };
}

async function nodeLayers(): Promise<Layer[]> {
  return [await executableLayer(`${checkout}/node_modules/node/bin/node`, node.slice(1)), await systemLayer()];
}

/**
 * nginx as the official image has it, with the stream module built in. Debian's loads it as a module, so here `nginx` is
 * a script that adds the load_module directive: one nginx.conf then suits both images.
 */
async function nginx(): Promise<Image> {
  const wrapper = file('usr/local/sbin/nginx', `${import.meta.dirname}/apps/nginx`, 0o755);
  return {
    name: 'tenant-mtls.dev/nginx:dev',
    layers: [await debianLayer(['nginx', 'libnginx-mod-stream', 'busybox-static']), await systemLayer(...mergedUsr, ...busyboxLinks, ...logLinks, wrapper)],
    entrypoint: ['nginx'],
    command: ['-g', 'daemon off;'],
    user: '101:101',
    stopSignal: 'SIGQUIT',
  };
}

/** As in the official image, so that the compiled-in log paths can be opened on a read-only root. */
const logLinks: readonly TarEntry[] = [
  { path: 'var/log/nginx/access.log', linkTo: '/dev/stdout' },
  { path: 'var/log/nginx/error.log', linkTo: '/dev/stderr' },
];

/** For client pods and for looking around: sh, curl, openssl and busybox. */
async function toolbox(): Promise<Image> {
  return {
    name: 'tenant-mtls.dev/toolbox:dev',
    layers: [await debianLayer(['curl', 'openssl', 'busybox-static']), await systemLayer(...mergedUsr, ...busyboxLinks)],
    entrypoint: [],
    // Process 1 gets no default signal handling, and a pod should not take 30 s to end.
    command: ['sh', '-c', 'trap exit TERM; sleep infinity & wait'],
  };
}

/** The servers and proxies of others that deploy/examples stand beside: none has its Debian configuration, each example brings its own. */
async function servers(): Promise<Image> {
  return {
    name: 'tenant-mtls.dev/servers:dev',
    layers: [await debianLayer(['apache2-bin', 'haproxy', 'prometheus', 'redis-server', 'curl', 'busybox-static']), await systemLayer(...mergedUsr, ...busyboxLinks)],
    entrypoint: [],
    command: ['sh', '-c', 'trap exit TERM; sleep infinity & wait'],
    user: '65532:65532',
  };
}

/** A server that treats a TLS proxy as KES documents it. */
async function kesStandIn(): Promise<Image> {
  return {
    name: 'tenant-mtls.dev/kes-stand-in:dev',
    layers: [...(await nodeLayers()), await fileLayer([file('app/kes-stand-in.ts', `${import.meta.dirname}/apps/kes-stand-in.ts`)])],
    entrypoint: [node, '/app/kes-stand-in.ts'],
    workingDir: '/app',
    user: '65532:65532',
  };
}

function pause(): Promise<Image> {
  return staticImage('tenant-mtls.dev/pause:dev', 'pause');
}

function coredns(): Promise<Image> {
  return staticImage('tenant-mtls.dev/coredns:dev', 'dns');
}

/** A static binary from the build of Kubernetes, which hack/cluster/up has linked into .cluster/bin. */
async function staticImage(name: string, binary: string): Promise<Image> {
  const built = dirname(realpathSync(`${checkout}/.cluster/bin/etcd`));
  const accounts = text('etc/passwd', ['root:x:0:0::/:', 'nonroot:x:65532:65532::/:']);
  return { name, layers: [await fileLayer([file(binary, `${built}/${binary}`, 0o755), accounts])], entrypoint: [`/${binary}`] };
}

function file(path: string, source: string, mode = 0o644): TarEntry {
  return { path, mode, content: readFileSync(source) };
}
