// What TLS towards clients and towards upstreams have in common.
import { SECRET_FILES } from '../api/names.ts';
import type { ListenerTlsSpec, UpstreamTlsSpec } from '../api/tenant-certificate.ts';
import type { KeyPairFiles, TlsParameters } from './model.ts';
import { checkCiphers, checkCurves } from './openssl-names.ts';

/** The TenantCertificate's own. */
export const OWN_KEY_PAIR: KeyPairFiles = { certificate: SECRET_FILES['tls.crt'], key: SECRET_FILES['tls.key'] };

/** Of another Secret, where the injected volume puts it. */
export function keyPairOf(secret: string): KeyPairFiles {
  return { certificate: `certs/${secret}.crt`, key: `certs/${secret}.key` };
}

/** `field`: path of the object. */
export function tlsParameters({ minVersion, ciphers = [], curves = [] }: ListenerTlsSpec | UpstreamTlsSpec, field: string): TlsParameters {
  checkCiphers(ciphers, `${field}.ciphers`);
  checkCurves(curves, `${field}.curves`);
  return { minVersion, ciphers, curves };
}
