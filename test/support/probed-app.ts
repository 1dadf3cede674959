// An app that listens on loopback only, with everything a probe can ask: HTTP, HTTPS, TCP, gRPC. It counts what it is asked.

/** Source for `node -e`. /hits tells the counts by path; /sick makes every later answer a failure; SIGTERM ends it as usual. */
export const PROBED_APP = `
const { createServer } = require('node:http'), https = require('node:https'), http2 = require('node:http2'), net = require('node:net');
const hits = {};
let well = true;
const count = (what) => { hits[what] = (hits[what] ?? 0) + 1; console.log(what); };
const answer = (request, response) => {
  if (request.url === '/hits') return response.end(JSON.stringify(hits));
  if (request.url === '/sick') { well = false; return response.end(); }
  count(request.url + ' ' + request.headers.host);
  response.statusCode = well ? 200 : 500;
  response.end();
};
const servers = [
  createServer(answer).listen(8080, '127.0.0.1'),
  https.createServer({ cert: process.env.CERT, key: process.env.KEY }, answer).listen(8444, '127.0.0.1'),
  net.createServer((socket) => { count('tcp'); socket.on('error', () => {}).end(); }).listen(8082, '127.0.0.1'),
];
const grpc = http2.createServer().on('stream', (stream, headers) => {
  count(headers[':path']);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(Buffer.from([0, 0, 0, 0, 2, 8, well ? 1 : 2]));
});
servers.push(grpc.listen(8083, '127.0.0.1'));
process.on('SIGTERM', () => { console.log('SIGTERM'); process.exit(0); });
`;

export const PROBED_PORTS = [{ name: 'web', containerPort: 8080 }];
