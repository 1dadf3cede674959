// Stands in for a KES server behind a TLS proxy, as KES documents `tls.proxy`: whoever connects with an allow-listed identity speaks for
// the client in the header X-Tls-Client-Cert - exactly one, with exactly one certificate that is no CA's. Everybody else is who they are.
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';

const certificates = '/etc/kes/certs';
const proxyCertificate = '/etc/kes/proxy/tls.crt';
const header = 'x-tls-client-cert';

/** As `kes identity of FILE` prints it: the SHA-256 of the public key. */
function identityOf({ publicKey }: X509Certificate): string {
  return createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('hex');
}

class Refused extends Error {}

function clientOf(request: IncomingMessage): X509Certificate {
  const peer = (request.socket as TLSSocket).getPeerX509Certificate();
  if (peer === undefined) throw new Refused('no client certificate');
  const proxy = identityOf(new X509Certificate(readFileSync(proxyCertificate)));
  return identityOf(peer) === proxy ? forwarded(request.headersDistinct[header] ?? []) : peer;
}

function forwarded(values: readonly string[]): X509Certificate {
  const [value, ...others] = values;
  if (value === undefined || value === '') throw new Refused('no client certificate: the proxy forwarded none');
  if (others.length > 0) throw new Refused('too many client certificates');
  const pem = decodeURIComponent(value);
  if (pem.match(/-----BEGIN /g)?.length !== 1) throw new Refused('not exactly one certificate in the header');
  const certificate = new X509Certificate(pem);
  if (certificate.ca) throw new Refused('the client certificate is a CA\'s');
  return certificate;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const client = clientOf(request);
  let received = 0;
  for await (const chunk of request) received += (chunk as Buffer).length;
  const protocol = (request.socket as TLSSocket).getProtocol();
  const line = `${JSON.stringify({ server: process.env['HOSTNAME'], identity: identityOf(client), subject: client.subject, protocol, path: request.url, received })}\n`;
  response.setHeader('content-type', 'application/json');
  // KES streams its audit log: the answer begins now and goes on until the client has had enough.
  if (request.url === '/v1/log/audit') response.write(line);
  else response.end(line);
}

const server = createServer({
  cert: readFileSync(`${certificates}/tls.crt`),
  key: readFileSync(`${certificates}/tls.key`),
  ca: readFileSync(`${certificates}/ca.crt`),
  minVersion: 'TLSv1.3',
  requestCert: true,
  rejectUnauthorized: false,
}, (request, response) => {
  answer(request, response).catch((error: unknown) => {
    response.statusCode = error instanceof Refused ? 403 : 400;
    response.end(`${JSON.stringify({ message: error instanceof Refused ? error.message : 'malformed request' })}\n`);
  });
});

server.listen(7373, () => console.log('listening on port 7373, TLS 1.3'));
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
