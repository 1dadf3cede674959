// spec.proxy and what its trust sources hold, as the engine-neutral model and the files that go with it. Pure: the lookup is given.
// What no engine can do is refused with the field's path; what one engine cannot do is in capabilities.ts.
import type { Refusal } from '../api/conditions.ts';
import { parseDurationMs } from '../api/duration.ts';
import type { ProxySpec } from '../api/tenant-certificate.ts';
import { buildListeners } from './build-listeners.ts';
import { buildUpstreams } from './build-upstreams.ts';
import type { ConfigFile } from './config-file.ts';
import type { ProxyModel } from './model.ts';
import { ProxyRefused } from './proxy-refused.ts';
import { TrustBundles } from './trust-bundles.ts';
import type { TrustLookup, TrustedCrl } from './trust-lookup.ts';

export type ProxyBuild =
  | {
      readonly kind: 'model';
      readonly model: ProxyModel;
      /** Bundles and CRLs, in caCerts/. */
      readonly trustFiles: readonly ConfigFile[];
      /** Every CRL in them once, for the manifest. */
      readonly crls: readonly TrustedCrl[];
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

const DEFAULT_MAX_CONNECTIONS = 4096;

export function buildProxyModel(spec: ProxySpec | undefined, lookup: TrustLookup): ProxyBuild {
  try {
    const bundles = new TrustBundles(lookup);
    return { kind: 'model', model: buildModel(spec, bundles), trustFiles: bundles.files, crls: bundles.crls };
  } catch (error) {
    if (error instanceof ProxyRefused) return { kind: 'refused', refusal: error.refusal };
    throw error;
  }
}

function buildModel(spec: ProxySpec | undefined, bundles: TrustBundles): ProxyModel {
  const { engine = 'nginx', accessLog = 'Errors', maxConnections = DEFAULT_MAX_CONNECTIONS, idleTimeout, ...rest }: Partial<ProxySpec> = spec ?? {};
  const upstreams = buildUpstreams(rest.upstreams, bundles);
  const listeners = buildListeners(rest.listeners, upstreams, bundles);
  return { engine, listeners, upstreams, accessLog, ...(idleTimeout === undefined ? {} : { idleTimeoutMs: parseDurationMs(idleTimeout) }), maxConnections };
}
