import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Agent } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { renderNginx } from '../../src/nginx/render-nginx.ts';
import { withManifest } from '../support/mounted-set.ts';
import type { Files } from '../support/mounted-set.ts';
import { NginxSidecar } from '../support/nginx-sidecar.ts';
import { nginxRoot } from '../support/nginx-root.ts';
import { aModel } from '../support/proxy-models.ts';
import { TestCa } from '../support/test-ca.ts';

const root = nginxRoot();

describe('reloads of the nginx sidecar', { skip: 'missing' in root ? root.missing : false }, () => {
  const ca = new TestCa('/O=Shop/CN=shop-ca');
  const alice = ca.issue('/CN=alice');
  const servers = [ca.issue('/CN=hello-a'), ca.issue('/CN=hello-b')];
  const app = createServer((request, response) => request.resume().on('end', () => response.end('ok')));
  let sidecar: NginxSidecar;

  function set(revision: number): Files {
    const server = servers[revision % 2];
    assert.ok(server !== undefined);
    const rendered = Object.fromEntries(renderNginx(aModel({ accessLog: 'Errors' })).map(({ path, content }) => [path, content]));
    return withManifest({ ...rendered, 'certs/tls.crt': server.certificate, 'certs/tls.key': server.key, 'caCerts/trust-0.crt': ca.certificate }, revision);
  }

  before(async () => {
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    sidecar = await NginxSidecar.prepare((root as { directory: string }).directory, (app.address() as { port: number }).port);
    sidecar.mounted.swap(set(0));
    sidecar.start();
    await sidecar.reaches(({ state }) => state === 'current');
  });
  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    app.closeAllConnections();
    app.close();
    ca[Symbol.dispose]();
  });

  /** Clients that ask without a pause while `work` runs: half of them keep their connection, half open a new one each time. */
  async function underLoad(work: () => Promise<void>): Promise<{ answered: number; failed: string[] }> {
    const agents = [new Agent({ keepAlive: true, maxSockets: 4 }), false] as const;
    const failed: string[] = [];
    let answered = 0;
    const end = new AbortController();
    const client = async (agent: Agent | false) => {
      while (!end.signal.aborted) {
        const reply = await sidecar.get('/', { cert: alice.certificate, key: alice.key, agent }).catch((error: unknown) => ({ status: 0, body: String(error) }));
        if (reply.status === 200) answered += 1;
        else failed.push(`${reply.status} ${reply.body}`);
      }
    };
    const clients = agents.flatMap((agent) => [client(agent), client(agent), client(agent)]);
    await work();
    end.abort();
    await Promise.all(clients);
    agents[0].destroy();
    return { answered, failed };
  }

  it('lose no request, of new connections or of kept ones', async () => {
    const { answered, failed } = await underLoad(async () => {
      for (let revision = 1; revision <= 4; revision += 1) {
        sidecar.mounted.swap(set(revision));
        await sidecar.reaches(({ manifest, state }) => state === 'current' && manifest.revision === revision);
      }
    });
    assert.deepEqual(failed, []);
    assert.ok(answered > 100, `${answered} requests`);
  });

  it('come to the last of many sets that are swapped faster than they can be read', async () => {
    const { failed } = await underLoad(async () => {
      for (let revision = 10; revision < 40; revision += 1) {
        sidecar.mounted.swap(set(revision));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await sidecar.reaches(({ manifest, state }) => state === 'current' && manifest.revision === 39, 4000);
    });
    assert.deepEqual(failed, []);
  });
});
