// Where a redirect listener sends a client: the same host and target, another scheme and port.
import type { RedirectModel } from '../proxy-model/model.ts';

const HOST = /^(?<name>[A-Za-z0-9._-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(?::\d{1,5})?$/;
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** undefined when the client's Host is missing or no host: it would end up in a header of the answer. */
export function redirectTarget({ scheme, port }: RedirectModel, host: string | undefined, target: string): string | undefined {
  const name = HOST.exec(host ?? '')?.groups?.['name'];
  return name === undefined ? undefined : `${scheme}://${name}${port === DEFAULT_PORTS[scheme] ? '' : `:${port}`}${target}`;
}
