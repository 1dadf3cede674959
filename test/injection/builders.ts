// Builders for pods, certificates and contexts: what a test does not mention has a plain, valid value.
import type { TenantCertificate, TenantCertificateSpec } from '../../src/api/tenant-certificate.ts';
import { decideInjection } from '../../src/injection/decide-injection.ts';
import type { InjectionContext } from '../../src/injection/decide-injection.ts';
import { injectSidecar } from '../../src/injection/inject-sidecar.ts';
import type { Container, Pod, PodMeta, PodSpec } from '../../src/injection/pod.ts';

/** Stands for a random one. */
export const PROBE_TOKEN = '0123456789abcdef0123456789abcdef';

const CERTIFICATE = 'tenant-mtls.dev/certificate';

export function aContainer(container: Partial<Container> & Record<string, unknown> = {}): Container {
  return { name: 'app', image: 'registry.example/hello:1', ports: [{ containerPort: 8080 }], ...container };
}

/** A pod that asks for certificate `hello`. */
export function aPod(spec: Partial<PodSpec> & Record<string, unknown> = {}, metadata: PodMeta = {}): Pod & Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'hello', namespace: 'shop', ...metadata, annotations: { [CERTIFICATE]: 'hello', ...metadata.annotations } },
    spec: { containers: [aContainer()], ...spec },
  };
}

export function aCertificate(spec: Partial<TenantCertificateSpec> = {}, name = 'hello'): TenantCertificate {
  return {
    apiVersion: 'tenant-mtls.dev/v1alpha1',
    kind: 'TenantCertificate',
    metadata: { name, namespace: 'shop' },
    spec: {
      issuer: { kind: 'Secret', name: 'shop-ca' },
      commonName: 'hello.shop.example',
      isCA: false,
      privateKey: { algorithm: 'ECDSA', rotationPolicy: 'Always' },
      networkPolicy: 'Unmanaged',
      ...spec,
    },
  };
}

type Proxy = NonNullable<TenantCertificateSpec['proxy']>;

/** A certificate with a proxy as a user writes it; defaults of the schema that do not matter here are left out. */
export function aProxiedCertificate(proxy: Record<string, unknown>): TenantCertificate {
  return aCertificate({ proxy: { engine: 'nginx', accessLog: 'Errors', ...proxy } as unknown as Proxy });
}

export function aContext(context: Partial<InjectionContext> = {}): InjectionContext {
  return {
    namespace: { name: 'shop' },
    certificate: aCertificate(),
    images: { nginx: 'registry.example/nginx:1.30', node: 'registry.example/tenant-mtls:0.1.0' },
    kubernetesVersion: 'v1.35.4',
    newProbeToken: () => PROBE_TOKEN,
    ...context,
  };
}

/** The pod as the webhook leaves it: injected, or as it was. */
export function injected(pod: Pod, context: InjectionContext = aContext()): Pod {
  const injection = decideInjection(pod, context);
  return injection.outcome === 'inject' ? injectSidecar(pod, injection.sidecar) : pod;
}

export function reasonsOf(pod: Pod, context: InjectionContext = aContext()): string[] {
  const injection = decideInjection(pod, context);
  return injection.outcome === 'inject' ? [] : injection.reasons.map(({ reason }) => reason);
}
