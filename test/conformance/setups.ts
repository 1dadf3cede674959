// Setups of the conformance sentences: one HTTP or TCP listener in front of one app, with parts replaced.
import type { ListenerModel, ListenerTlsModel, ProxyModel, UpstreamModel } from '../../src/proxy-model/model.ts';
import { aListener, aListenerTls, aModel, aRoute, anUpstream } from '../support/proxy-models.ts';
import { freePort } from './free-port.ts';
import type { Setup } from './engine.ts';
import { trustOf, type Fleet, type TrustSetup } from './fleet.ts';

export interface Parts {
  readonly listener?: Partial<ListenerModel>;
  readonly tls?: Partial<ListenerTlsModel>;
  readonly trust?: TrustSetup;
  readonly upstream?: Partial<UpstreamModel>;
  readonly model?: Partial<ProxyModel>;
}

export function toPort(port: number): UpstreamModel['addresses'] {
  return [{ kind: 'address', host: '127.0.0.1', port }];
}

export function aListenerTlsWithoutTrust(clientAuth: ListenerTlsModel['clientAuth']): ListenerTlsModel {
  const { trust: _, ...tls } = aListenerTls({ clientAuth });
  return tls;
}

/** mTLS on a free port, the customer's clients trusted, everything to the app on `appPort`. */
export async function aSetup(fleet: Fleet, appPort: number, parts: Parts = {}): Promise<Setup> {
  const trust = parts.trust ?? trustOf(0, [[fleet.customer, 'customer']]);
  const tls = aListenerTls({ trust: trust.model, ...parts.tls });
  const listener = aListener({ port: await freePort(), portFromPod: false, bind: '127.0.0.1', routes: [aRoute()], tls, ...parts.listener });
  const upstream = anUpstream({ addresses: toPort(appPort), ...parts.upstream });
  return { model: aModel({ engine: 'node', listeners: [listener], upstreams: [upstream], ...parts.model }), files: { ...fleet.serverFiles, ...trust.files } };
}

/** As when the Secret has not arrived yet: the certificate is not the one that the manifest names. */
export function stale(files: Setup['files']): Setup['files'] {
  return { ...files, 'conf/manifest': (files['conf/manifest'] ?? '').replace(/("certs\/tls\.crt": ")[0-9a-f]{64}/, `$1${'0'.repeat(64)}`) };
}

/** The same setup with another trust policy, server certificate or any other file. */
export function withFiles(setup: Setup, files: Setup['files']): Setup {
  return { ...setup, files: { ...setup.files, ...files } };
}
