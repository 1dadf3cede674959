// The seed's "hello" app: plain HTTP without any notion of TLS. /date tells the time, every other path echoes the
// request's headers as JSON, so that one sees what the sidecar passes on.
import { createServer } from 'node:http';

const port = Number(process.env['LISTENING_PORT'] ?? 8080);
const address = process.env['LISTEN_ADDRESS'] ?? '0.0.0.0';

const server = createServer((request, response) => {
  if (request.url === '/date') {
    response.setHeader('content-type', 'text/plain');
    response.end(`time now: ${new Date().toTimeString().slice(0, 8)}\n`);
    return;
  }
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify({ method: request.method, url: request.url, headers: request.headers })}\n`);
});

server.listen(port, address, () => console.log(`listening on ${address}:${port}`));
process.on('SIGTERM', () => server.close());
