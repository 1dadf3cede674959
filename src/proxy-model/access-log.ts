// Fields of the access log: one JSON object to a line on stdout for each HTTP request (or TCP connection), the same names in both
// engines. An empty string stands for "does not apply"; a field that an engine does not know is absent.

export interface AccessLogField {
  readonly name: string;
  readonly protocols: readonly ('HTTP' | 'TCP')[];
  readonly engines: readonly ('nginx' | 'node')[];
  readonly description: string;
}

const ALL = { protocols: ['HTTP', 'TCP'], engines: ['nginx', 'node'] } as const;
const HTTP = { protocols: ['HTTP'], engines: ['nginx', 'node'] } as const;
const NGINX = { protocols: ['HTTP', 'TCP'], engines: ['nginx'] } as const;
const NODE = { protocols: ['HTTP', 'TCP'], engines: ['node'] } as const;

export const ACCESS_LOG_FIELDS = [
  { name: 'time', ...ALL, description: 'End of the request or connection, ISO 8601.' },
  { name: 'listener', ...ALL, description: 'Name of the listener.' },
  { name: 'client', ...ALL, description: 'Address of the client.' },
  { name: 'method', ...HTTP, description: 'Method.' },
  { name: 'path', ...HTTP, description: 'Path and query as the client sent them.' },
  { name: 'protocol', ...ALL, description: 'HTTP/1.0, HTTP/1.1, HTTP/2.0 or TCP.' },
  { name: 'status', ...ALL, description: 'Status; of a TCP connection 200, 400, 403, 500 or 502 as nginx has them. A number.' },
  { name: 'sentBytes', ...ALL, description: 'Bytes sent to the client. A number.' },
  { name: 'receivedBytes', ...ALL, description: 'Bytes received from the client. A number.' },
  { name: 'seconds', ...ALL, description: 'Duration. A number.' },
  { name: 'route', ...ALL, description: 'Index of the route in the listener; empty where none was taken.' },
  { name: 'upstream', ...ALL, description: 'Name of the upstream.' },
  { name: 'upstreamAddress', ...ALL, description: 'Address that was connected to.' },
  { name: 'tlsVersion', ...ALL, description: 'TLSv1.2 or TLSv1.3.' },
  { name: 'cipher', ...ALL, description: 'Cipher suite.' },
  { name: 'group', ...NGINX, description: 'Key exchange group; Node does not tell a server.' },
  { name: 'verify', ...ALL, description: 'SUCCESS, NONE or FAILED:<reason>: the audit of refusals.' },
  { name: 'subject', ...ALL, description: 'Subject of the client\'s certificate.' },
  { name: 'serial', ...ALL, description: 'Its serial number.' },
  { name: 'tenant', ...NODE, description: 'Tenant whose authority verified the client.' },
  { name: 'uris', ...NODE, description: 'URIs of the client\'s certificate.' },
] as const satisfies readonly AccessLogField[];
