// Schema of spec.proxy: listeners, routes, upstreams and trust, for either engine.
import { Type } from 'typebox';
import { CLIENT_AUTH, ENGINES, TLS_VERSIONS, TRUST_KINDS } from './closed-sets.ts';
import { duration, flag, integer, listOf, objectName, oneOf, record, text, DNS_LABEL } from './schema-parts.ts';

const PORT_NAME = DNS_LABEL;
const HEADER = '^[A-Za-z][A-Za-z0-9-]*$';
const PRINTABLE = '^[ -~]*$';
const PATH = '^/[!-~]*$';

export const TrustSource = record(
  {
    kind: oneOf(TRUST_KINDS, { description: 'Where the certificates come from. System: the CAs of the sidecar\'s image (upstreams only).' }),
    name: Type.Optional(objectName({ description: 'Name of the Tenant, Secret or ConfigMap.' })),
    key: Type.Optional(text(253, { description: 'Key of the certificates; absent: ca.crt.', pattern: '^[-._a-zA-Z0-9]+$' })),
    crlKey: Type.Optional(text(253, { description: 'Key of the CRLs; absent: no CRL, except a Tenant\'s own.', pattern: '^[-._a-zA-Z0-9]+$' })),
  },
  {
    description: 'One source of trusted certificates. Only CERTIFICATE and X509 CRL blocks are copied; anything else refuses the source.',
    rules: [
      { rule: "(self.kind == 'System') != has(self.name)", message: 'name is required for kind Tenant, Secret and ConfigMap, and has no meaning for kind System' },
      { rule: "self.kind in ['Secret', 'ConfigMap'] || (!has(self.key) && !has(self.crlKey))", message: 'key and crlKey belong to kind Secret and ConfigMap' },
    ],
  },
);

const tlsSettings = {
  minVersion: oneOf(TLS_VERSIONS, { description: 'Lowest TLS version.', default: 'TLSv1.2' }),
  ciphers: Type.Optional(listOf(text(64, { description: 'An OpenSSL cipher name or rule for TLS 1.2.', pattern: '^[!+A-Za-z0-9_-]+$' }), 32, { description: 'Ciphers of TLS 1.2 in order of preference, names and rules that OpenSSL knows; absent: AEAD ones only.' })),
  curves: Type.Optional(listOf(text(32, { description: 'A group name that OpenSSL knows.', pattern: '^[A-Za-z0-9-]+$' }), 16, { description: 'Key exchange groups in order of preference, names that OpenSSL knows.' })),
};

export const ListenerTls = record(
  {
    clientAuth: oneOf(CLIENT_AUTH, {
      description: 'Required: only clients with a trusted certificate. Optional: a certificate, if sent, must be trusted. OptionalNoCA: any certificate is passed on unverified. None: not asked for.',
      default: 'Required',
    }),
    trust: Type.Optional(listOf(TrustSource, 32, { description: 'Whose clients are trusted; absent: the own issuer\'s anchor.', minItems: 1 })),
    certificate: Type.Optional(
      record(
        { kind: oneOf(['Secret'] as const, { description: 'Kind of the object.', default: 'Secret' }), name: objectName({ description: 'Name of a kubernetes.io/tls Secret.' }) },
        { description: 'Another server certificate than this object\'s own, such as a publicly trusted one.' },
      ),
    ),
    ...tlsSettings,
  },
  { description: 'TLS towards clients; absent: plaintext in.' },
);

export const Client = record(
  {
    tenant: Type.Optional(objectName({ description: 'Tenant whose authority verified the client.' })),
    commonName: Type.Optional(text(64, { description: 'The most specific CN of the subject.' })),
    subject: Type.Optional(text(1024, { description: 'The whole subject, RFC 4514.' })),
    dnsName: Type.Optional(text(253, { description: 'A DNS name of the certificate.' })),
    uri: Type.Optional(text(2048, { description: 'A URI of the certificate, such as a SPIFFE id.' })),
    publicKeySHA256: Type.Optional(text(64, { description: 'SHA-256 of the public key (SPKI), lower-case hex.', pattern: '^[0-9a-f]{64}$' })),
    certificateSHA256: Type.Optional(text(64, { description: 'SHA-256 of the certificate, lower-case hex.', pattern: '^[0-9a-f]{64}$' })),
  },
  { description: 'A rule about a client; all fields given must match.', minProperties: 1 },
);

const parameter = record(
  { name: text(256, { description: 'Name of the query parameter.', pattern: PRINTABLE }), value: text(1024, { description: 'Its value.', pattern: PRINTABLE, minLength: 0 }) },
  { description: 'A query parameter.' },
);

export const Route = record(
  {
    clients: Type.Optional(listOf(Client, 64, { description: 'Clients it is for; absent: every client the listener lets in.', minItems: 1 })),
    path: Type.Optional(text(1024, { description: 'Prefix of the path; absent: /. Where a listener has a route with one, a path that can be read in two ways (//, .., %2f, %5c, %2e) gets 400.', pattern: PATH })),
    query: Type.Optional(listOf(parameter, 16, { description: 'Query parameters that must be there.' })),
    rewritePrefix: Type.Optional(text(1024, { description: 'Replaces the matched prefix towards the upstream.', pattern: PATH })),
    setQuery: Type.Optional(listOf(parameter, 16, { description: 'Query parameters set towards the upstream; {client.commonName} and its like are filled in (node engine).' })),
    upstream: Type.Optional(text(63, { description: 'Name of an upstream.', pattern: DNS_LABEL })),
    response: Type.Optional(
      record(
        {
          statusCode: integer(200, 599, { description: 'Status.', default: 200 }),
          contentType: text(128, { description: 'Content-Type.', pattern: PRINTABLE, default: 'text/plain' }),
          body: text(16_384, { description: 'Body.', minLength: 0, default: '' }),
        },
        { description: 'A canned answer instead of an upstream.' },
      ),
    ),
  },
  {
    description: 'Where requests of some clients and paths go. The first match wins.',
    rules: [{ rule: 'has(self.upstream) != has(self.response)', message: 'a route has either an upstream or a response' }],
  },
);

export const Listener = record(
  {
    name: text(15, { description: 'Name, also of the container port.', pattern: PORT_NAME, rules: [{ rule: "self.matches('[a-z]')", message: 'a port name needs at least one letter' }] }),
    port: integer(1024, 65_535, { description: 'Port; map 80 and 443 on the Service.', rules: [{ rule: 'self != 15643', message: '15643 is the sidecar\'s own status port' }] }),
    protocol: oneOf(['HTTP', 'TCP'] as const, { description: 'What is spoken.', default: 'HTTP' }),
    bind: Type.Optional(text(45, { description: 'Address; absent: all addresses of the pod for a TLS listener, loopback for a plaintext one.', rules: [{ rule: 'isIP(self)', message: 'must be an IP address' }] })),
    tls: Type.Optional(ListenerTls),
    redirect: Type.Optional(
      record(
        {
          scheme: oneOf(['https', 'http'] as const, { description: 'Scheme of the target.', default: 'https' }),
          port: integer(1, 65_535, { description: 'Port of the target.', default: 443 }),
          statusCode: Type.Unsafe<301 | 302 | 307 | 308>({ type: 'integer', format: 'int32', enum: [301, 302, 307, 308], default: 301, description: 'Status.' }),
        },
        { description: 'A plaintext HTTP listener that only redirects.' },
      ),
    ),
    routes: Type.Optional(listOf(Route, 64, { description: 'Routes in order; absent: everything goes to the first upstream. No route for a verified client: 503 (HTTP) or close (TCP).', minItems: 1 })),
    forwardClientCertificate: Type.Optional(
      record(
        { header: text(64, { description: 'Header that carries the client\'s certificate as URL-escaped PEM.', pattern: HEADER, default: 'X-Tls-Client-Cert' }) },
        { description: 'How the client\'s identity is told to the upstream.' },
      ),
    ),
  },
  {
    description: 'A port of the sidecar.',
    rules: [
      { rule: '!has(self.redirect) || (!has(self.tls) && self.protocol == \'HTTP\' && !has(self.routes))', message: 'redirect is for a plaintext HTTP listener without routes' },
      {
        rule: "!has(self.routes) || (has(self.tls) && self.tls.clientAuth in ['Required', 'Optional']) || self.routes.all(r, !has(r.clients))",
        message: 'routes with clients need tls.clientAuth Required or Optional: otherwise no client is verified',
      },
      {
        rule: "self.protocol == 'HTTP' || !has(self.routes) || self.routes.all(r, !has(r.path) && !has(r.query) && !has(r.rewritePrefix) && !has(r.setQuery) && !has(r.response))",
        message: 'routes of a TCP listener know clients and upstream only',
      },
      { rule: "self.protocol == 'HTTP' || !has(self.forwardClientCertificate)", message: 'forwardClientCertificate is for HTTP; a TCP upstream may have proxyProtocol' },
    ],
  },
);

export const UpstreamTls = record(
  {
    serverName: Type.Optional(text(253, { description: 'Name the server must prove, also sent as SNI; absent: the host of each address.', pattern: '^[A-Za-z0-9._-]+$' })),
    trust: Type.Optional(listOf(TrustSource, 32, { description: 'Whose servers are trusted; absent: the own issuer\'s anchor.', minItems: 1 })),
    presentCertificate: flag({ description: 'Present this object\'s certificate to the server.', default: true }),
    ...tlsSettings,
  },
  { description: 'TLS towards the upstream; absent: plaintext out.' },
);

export const Upstream = record(
  {
    name: text(63, { description: 'Name that routes refer to.', pattern: DNS_LABEL }),
    addresses: Type.Optional(
      listOf(text(260, { description: 'host:port, IPv4:port or [IPv6]:port.', pattern: '^([A-Za-z0-9._-]+|\\[[0-9a-fA-F:.]+\\]):[0-9]{1,5}$' }), 32, { description: 'Servers, balanced, failed ones skipped; absent: the app\'s port on loopback.', minItems: 1 }),
    ),
    protocol: oneOf(['HTTP1', 'H2C'] as const, { description: 'H2C: HTTP/2 without upgrade (gRPC).', default: 'HTTP1' }),
    tls: Type.Optional(UpstreamTls),
    proxyProtocol: Type.Optional(oneOf(['v2'] as const, { description: 'TCP: tell the client\'s identity in a PROXY protocol v2 header (node engine).' })),
    healthCheck: Type.Optional(
      record(
        { path: text(1024, { description: 'Path that answers 2xx or 3xx when healthy.', pattern: PATH }), intervalSeconds: integer(1, 3600, { description: 'Seconds between checks.', default: 10 }) },
        { description: 'Active checks of each address (node engine).' },
      ),
    ),
  },
  { description: 'Where connections go.' },
);

export const ProxySpec = record(
  {
    engine: oneOf(ENGINES, { description: 'Which proxy runs in the sidecar.', default: 'nginx' }),
    listeners: Type.Optional(
      listOf(Listener, 16, {
        description: 'Ports of the sidecar; absent: one mTLS HTTP listener 8443.',
        minItems: 1,
        mapKey: 'name',
        rules: [{ rule: 'self.all(l, self.exists_one(m, m.port == l.port))', message: 'two listeners cannot share a port' }],
      }),
    ),
    upstreams: Type.Optional(listOf(Upstream, 32, { description: 'Servers behind the sidecar; absent: the app\'s port.', minItems: 1, mapKey: 'name' })),
    accessLog: oneOf(['Off', 'Errors', 'All'] as const, { description: 'Which requests and connections are logged on stdout.', default: 'Errors' }),
    idleTimeout: Type.Optional(duration({ description: 'A connection without traffic is closed after this time; absent: 1h for TCP, 60s for HTTP.', minimum: '1s' })),
    maxConnections: Type.Optional(integer(1, 65_535, { description: 'Connections at once; absent: 4096.' })),
  },
  { description: 'What the sidecar does; absent: one mTLS HTTP listener 8443 in front of the app\'s port.' },
);
