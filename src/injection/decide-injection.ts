// May this pod be injected, and with what. A pod that asked for mTLS gets it or is refused with every reason; it never starts plain by accident.
//
//   annotation    annotation   label of the    the checks   outcome
//   certificate   inject       namespace       below
//   -------------------------------------------------------------------------------
//   absent        any          any             not made     skip: NotOptedIn
//   present       "false"      any             not made     skip: OptedOut
//   present       other        inject=false    not made     skip: NamespaceOptedOut
//   present       other        other           findings     refuse: all of them
//   present       other        other           none         inject
import { ANNOTATION, SECRET_FILES } from '../api/names.ts';
import type { Engine, TenantCertificate } from '../api/tenant-certificate.ts';
import { describeSidecar } from '../proxy-model/sidecar-shape.ts';
import type { SidecarShape } from '../proxy-model/sidecar-shape.ts';
import { keyPairOf } from '../proxy-model/tls-parameters.ts';
import { annotationsOf } from './pod.ts';
import type { Pod } from './pod.ts';
import { POD_CHECKS } from './pod-checks.ts';
import { appPort, checkPorts, listenerPorts } from './port-checks.ts';
import { planProbeRewrites, probeTokenOf } from './probe-rewrites.ts';
import { finding, quote } from './reasons.ts';
import type { Finding, RefusalReason, SkipReason } from './reasons.ts';
import { readSettings } from './settings.ts';
import type { Settings } from './settings.ts';
import type { Sidecar } from './sidecar.ts';
import { checkResources, sidecarResources } from './sidecar-resources.ts';
import { uninject } from './uninject.ts';

export interface InjectionNamespace {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The operator is limited to namespaces, and this is none of them. */
  readonly isUnserved?: boolean;
}

export interface InjectionContext {
  readonly namespace: InjectionNamespace;
  /** What the annotation names, in the pod's namespace; undefined if there is no such object. */
  readonly certificate: TenantCertificate | undefined;
  readonly images: Readonly<Record<Engine, string>>;
  /** As the API server gives it (`v1.35.4`); undefined: not known, counts as new enough. */
  readonly kubernetesVersion: string | undefined;
  /** A new one (see api/probes.ts) for a pod whose probes are rewritten for the first time; it keeps it from then on. */
  readonly newProbeToken: () => string;
}

export type Injection =
  | { readonly outcome: 'inject'; readonly sidecar: Sidecar }
  | { readonly outcome: 'skip'; readonly reasons: readonly Finding<SkipReason>[] }
  | { readonly outcome: 'refuse'; readonly reasons: readonly Finding<RefusalReason>[] };

/** The certificate that a pod asks for, as written; undefined: none. It is not validated: use it as a key only. */
export function requestedCertificate(pod: Pod): string | undefined {
  return annotationsOf(pod)[ANNOTATION.certificate];
}

/** The same for a pod that is injected already: our own parts are left out of account. */
export function decideInjection(pod: Pod, context: InjectionContext): Injection {
  const skip = optOut(pod, context);
  if (skip !== undefined) return { outcome: 'skip', reasons: [skip] };
  const bare = uninject(pod);
  const { settings, findings } = readSettings(bare);
  const shape = context.certificate === undefined ? undefined : describeSidecar(context.certificate);
  const engine = settings.engine ?? shape?.engine ?? 'nginx';
  const probes = settings.rewriteProbes === true ? planProbeRewrites(bare, { engine, token: probeToken(pod, context) }) : { rewrites: [], findings: [] };
  const reasons = [
    ...findings,
    ...checkResources(settings),
    ...kubernetesTooOld(context),
    ...certificateUsable(context, settings),
    ...POD_CHECKS.flatMap((check) => check(bare)),
    ...(shape === undefined ? [] : [...secretNameReserved(shape), ...checkPorts(bare, shape, settings)]),
    ...probes.findings,
  ];
  if (shape === undefined || reasons.length > 0) return { outcome: 'refuse', reasons };
  return {
    outcome: 'inject',
    sidecar: { ...nameParts(shape), engine, image: context.images[engine], ...portParts(bare, shape, settings), resources: sidecarResources(bare, engine, settings), probes: probes.rewrites },
  };
}

/** Kept, so that injecting again changes nothing. */
function probeToken(pod: Pod, { newProbeToken }: InjectionContext): string {
  return probeTokenOf(pod) ?? newProbeToken();
}

function optOut(pod: Pod, { namespace }: InjectionContext): Finding<SkipReason> | undefined {
  if (requestedCertificate(pod) === undefined) return finding('NotOptedIn', `the pod has no annotation ${ANNOTATION.certificate}`);
  if (annotationsOf(pod)[ANNOTATION.inject] === 'false') return finding('OptedOut', `the pod has the annotation ${ANNOTATION.inject}: "false"`);
  if (namespace.labels?.[ANNOTATION.inject] === 'false') return finding('NamespaceOptedOut', `namespace ${namespace.name} has the label ${ANNOTATION.inject}=false`);
  return undefined;
}

/** Native sidecars are on by default since 1.29 (KEP-753); an older server would run ours as an init container that never ends. */
function kubernetesTooOld({ kubernetesVersion }: InjectionContext) {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(kubernetesVersion ?? '') ?? [];
  return major !== undefined && (Number(major) < 1 || (major === '1' && Number(minor) < 29))
    ? [finding('KubernetesTooOld', `the cluster runs Kubernetes ${quote(kubernetesVersion)}`)]
    : [];
}

/** Silent about a name that is no name: the annotation's own finding says it. */
function certificateUsable({ certificate, namespace }: InjectionContext, settings: Settings) {
  if (namespace.isUnserved === true) return [finding('NamespaceNotServed', `the operator does not serve namespace ${namespace.name}`)];
  if (certificate === undefined) {
    return settings.certificate === undefined ? [] : [finding('CertificateNotFound', `namespace ${namespace.name} has no TenantCertificate ${settings.certificate}`)];
  }
  return certificate.spec.isCA ? [finding('CertificateIsAuthority', `TenantCertificate ${certificate.metadata.name} is an authority (spec.isCA), which no sidecar serves`)] : [];
}

/** Its files would lie where the certificate's own lie. */
function secretNameReserved({ keyPairSecrets }: SidecarShape) {
  const own = new Set<string>(Object.values(SECRET_FILES));
  return keyPairSecrets.filter((name) => own.has(keyPairOf(name).certificate)).map((name) => finding('SecretNameReserved', `a listener's certificate is in a Secret named ${name}`));
}

function nameParts({ certificate, secretName, configMapName, keyPairSecrets }: SidecarShape) {
  return { certificate, secretName, configMapName, keyPairSecrets };
}

function portParts(pod: Pod, shape: SidecarShape, settings: Settings) {
  const ports = listenerPorts(shape, settings);
  const app = appPort(pod, shape, settings);
  const own = shape.listeners.some(({ portFromPod }) => portFromPod) ? ports[0]?.port : undefined;
  return { ports, ...(app === undefined ? {} : { appPort: app }), ...(own === undefined ? {} : { listenerPort: own }) };
}
