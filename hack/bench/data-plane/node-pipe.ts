// The yardstick of our Node sidecar: the least that Node's own modules need to take mTLS off HTTP. No identity headers, no checks, no log.
// node node-pipe.ts PORT BACKEND_PORT CERTIFICATES
import { readFileSync } from 'node:fs';
import { constants } from 'node:crypto';
import { Agent, request as sendRequest } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';

const [port, backendPort, certificates = ''] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxFreeSockets: 256 });
const read = (name: string) => readFileSync(join(certificates, name));

const server = createServer({
  cert: read('server.crt'), key: read('server.key'), ca: read('ca.crt'), requestCert: true, rejectUnauthorized: true,
  secureOptions: constants.SSL_OP_NO_TICKET, keepAliveTimeout: 120_000, noDelay: true,
}, (incoming, outgoing) => {
  const { method, url, headers } = incoming;
  const request = sendRequest({ agent, host: '127.0.0.1', port: Number(backendPort), method: method ?? 'GET', path: url ?? '/', headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  request.on('error', () => outgoing.destroy());
  incoming.pipe(request);
});
server.listen(Number(port), '127.0.0.1');
