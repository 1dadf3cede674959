// Where the proxies of a kit listen and whom they serve; people edit these two in the fragments.
import { SIDECAR } from '../../api/names.ts';
import type { KitServer } from './kit-parts.ts';
import { formatAddress } from './kit-values.ts';

/** An edge accepts mutual TLS here ... */
export const EDGE_PORT = SIDECAR.defaultListenerPort;
/** ... and hands on to this plain application. */
export const APP = '127.0.0.1:8080';
/** A client accepts plain connections here, from this machine only: whoever reaches it speaks as the certificate. */
export const PLAIN = '127.0.0.1:18080';

export function edgeUsage(file: string): string[] {
  return ['', `It accepts mutual TLS on port ${EDGE_PORT} and hands on to the application at ${APP}; change both in ${file}.`, ''];
}

export function plainUsage(file: string, { address, name }: KitServer): string[] {
  return [
    '', `It accepts plain connections on ${PLAIN} and talks mutual TLS to ${formatAddress(address)}, whose certificate must carry ${name.text}.`,
    `Whoever reaches ${PLAIN} speaks as this certificate; it is changed in ${file}.`, '',
  ];
}
