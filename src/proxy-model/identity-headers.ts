// Request headers that tell the upstream who the client is. One rule: on every listener of either engine each of them is taken from
// what the client sent, in any spelling, and set anew from the handshake or left out.

export const IDENTITY_HEADER = {
  /** URL-escaped PEM; the name is ListenerModel.clientCertificateHeader. */
  certificate: 'X-Tls-Client-Cert',
  forwardedClientCertificate: 'X-Forwarded-Client-Cert',
  /** SUCCESS, NONE or FAILED:<reason>; on TLS listeners only. */
  verify: 'X-SSL-Client-Verify',
  subject: 'X-SSL-Client-DN',
  commonName: 'X-SSL-Client-CN',
  serial: 'X-SSL-Client-Serial',
  fingerprint: 'X-SSL-Client-SHA256',
} as const;
