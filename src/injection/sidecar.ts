// The decided sidecar of one pod: everything that `injectSidecar` writes, with nothing left to decide.
import type { Engine } from '../api/tenant-certificate.ts';
import type { ProbeRewrite } from './probe-rewrites.ts';
import type { Resources } from './pod.ts';

export interface Sidecar {
  /** Name of the TenantCertificate, in the namespace of the pod. */
  readonly certificate: string;
  readonly engine: Engine;
  readonly image: string;
  readonly secretName: string;
  readonly configMapName: string;
  readonly keyPairSecrets: readonly string[];
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  /** The app's port; absent where no upstream uses it. */
  readonly appPort?: number;
  /** The listener's port where the pod decides it; absent where the certificate does. */
  readonly listenerPort?: number;
  readonly resources: Resources;
  /** Probes and hooks that go through the sidecar; empty without the annotation. */
  readonly probes: readonly ProbeRewrite[];
}
