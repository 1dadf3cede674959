// May nginx serve this model, and with which files: the one question that the control plane asks of this engine.
import type { Refusal } from '../api/conditions.ts';
import { checkEngine } from '../proxy-model/capabilities.ts';
import type { ConfigFile } from '../proxy-model/config-file.ts';
import type { ProxyModel } from '../proxy-model/model.ts';
import { Unquotable } from './quoting.ts';
import { renderNginx } from './render-nginx.ts';

export type NginxPlan = { readonly kind: 'files'; readonly files: readonly ConfigFile[] } | { readonly kind: 'refused'; readonly refusal: Refusal };

export function prepareNginx(model: ProxyModel): NginxPlan {
  const refusal = checkEngine('nginx', model);
  if (refusal !== undefined) return { kind: 'refused', refusal };
  try {
    return { kind: 'files', files: renderNginx(model) };
  } catch (error) {
    if (!(error instanceof Unquotable)) throw error;
    return { kind: 'refused', refusal: { reason: 'NotSupportedByEngine', field: 'spec.proxy', message: `spec.proxy: a value ${error.message}; engine nginx cannot take it, use spec.proxy.engine: node` } };
  }
}
