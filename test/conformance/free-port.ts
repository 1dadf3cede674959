// A port for a listener. Below the kernel's range for outgoing connections (32768 and up), which would take it away between two tests.
import { once } from 'node:events';
import { createServer } from 'node:net';

const [LOWEST, HIGHEST] = [12_000, 32_000];

export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    const server = createServer();
    server.listen(port, '127.0.0.1');
    const isFree = await Promise.race([once(server, 'listening').then(() => true), once(server, 'error').then(() => false)]).catch(() => false);
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
