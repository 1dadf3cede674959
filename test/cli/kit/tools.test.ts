// Kits used by the programs they are made for: every client kit against every edge kit, with strangers and revoked clients refused.
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SIDECAR } from '../../../src/api/names.ts';
import type { KitServer } from '../../../src/cli/kit/kit-parts.ts';
import { freePort } from '../../conformance/free-port.ts';
import { nginxRoot, runInRoot, startInRoot } from '../../support/nginx-root.ts';
import { TestCa } from '../../support/test-ca.ts';
import { KitWorld, headersIn, missing, startApp } from './kit-world.ts';

const root = nginxRoot();
const WITHOUT = {
  curl: missing('curl', 'curl'),
  haproxy: missing('haproxy', 'haproxy'),
  stunnel: missing('stunnel', 'stunnel4'),
  nginx: 'missing' in root ? root.missing : false,
  java: missing('javac', 'default-jdk-headless'),
} as const;

const SERVER = ['subjectAltName=DNS:edge.example', 'extendedKeyUsage=serverAuth'];
const CLIENT = ['extendedKeyUsage=clientAuth'];
const PLAIN = '127.0.0.1:18080';

describe('kits in the hands of their programs', () => {
  const ca = new TestCa('/O=Shop/CN=shop-ca');
  const others = new TestCa('/O=Other/CN=other-ca');
  const pairs = { edge: ca.issue('/CN=edge', SERVER), client: ca.issue('/CN=customer1', CLIENT), revoked: ca.issue('/CN=revoked', CLIENT), stranger: others.issue('/CN=customer1', CLIENT) };
  ca.revoke(pairs.revoked);
  const crl = ca.crl();
  const world = new KitWorld();
  const own = { anchor: ca.certificate, crl };
  const ports: Record<string, number> = {};
  let app: Awaited<ReturnType<typeof startApp>>;

  const serverOf = (edge: string, text = 'edge.example'): KitServer => ({ address: { host: '127.0.0.1', port: ports[edge] ?? 0 }, name: { kind: 'DNS', text } });
  const nginx = async (directory: string, file: string, replaced: Record<string, string>): Promise<{ code: number | null; output: string; start: (port: number) => Promise<void> }> => {
    const mounts = { files: directory, run: join(world.folder, `run-${readdirSync(world.folder).length}`) };
    mkdirSync(join(mounts.run, 'tmp'), { recursive: true });
    const configuration = readFileSync(world.withPorts(directory, file, replaced), 'utf8');
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path tmp/${name};`).join(' ');
    writeFileSync(join(directory, 'nginx.conf'), `pid nginx.pid; error_log stderr error; daemon off; events {} http { access_log off; ${temporary}\n${configuration}}`);
    for (const path of [directory, ...readdirSync(directory).map((name) => join(directory, name)), mounts.run, join(mounts.run, 'tmp')]) chownSync(path, SIDECAR.uid, SIDECAR.uid);
    const command = ['nginx', '-p', `${SIDECAR.runDirectory}/`, '-e', 'stderr', '-c', `${SIDECAR.directory}/nginx.conf`];
    const at = (root as { directory: string }).directory;
    return {
      ...runInRoot(at, mounts, [...command, '-t', '-q']),
      start: async (port) => {
        world.adopt(startInRoot(at, mounts, command, { environment: {}, output: openSync(join(mounts.run, 'log'), 'a') }));
        await world.listens(port);
      },
    };
  };

  before(async () => {
    app = await startApp();
    for (const edge of ['haproxy', 'nginx', 'stunnel']) ports[edge] = await freePort();
    const toApp = { '127.0.0.1:8080': `127.0.0.1:${app.port}` };
    const edge = { pair: pairs.edge, name: 'edge', ...own };
    if (WITHOUT.haproxy === false) {
      const kit = await world.make({ tool: 'haproxy', ...edge });
      await world.start('haproxy', ['-db', '-f', world.withPorts(kit, 'haproxy-edge.cfg', { ':8443': `127.0.0.1:${ports['haproxy']}`, ...toApp })], ports['haproxy'] ?? 0);
    }
    if (WITHOUT.stunnel === false) {
      const kit = await world.make({ tool: 'stunnel', ...edge });
      await world.start('stunnel', [world.withPorts(kit, 'stunnel-edge.conf', { 'accept = 8443': `accept = 127.0.0.1:${ports['stunnel']}`, ...toApp })], ports['stunnel'] ?? 0);
    }
    if (WITHOUT.nginx === false) {
      const kit = await world.make({ tool: 'nginx', path: SIDECAR.directory, ...edge });
      const { code, output, start } = await nginx(kit, 'nginx-edge.conf', { 'listen 8443': `listen 127.0.0.1:${ports['nginx']}`, ...toApp });
      assert.equal(code, 0, output);
      await start(ports['nginx'] ?? 0);
    }
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    app.close();
    app.closeAllConnections();
    ca[Symbol.dispose]();
    others[Symbol.dispose]();
  });

  const curl = async (order: Partial<Parameters<KitWorld['make']>[0]>, url = 'https://edge.example/', ...args: string[]) => {
    const kit = await world.make({ tool: 'curl', pair: pairs.client, ...own, ...order });
    return await world.run('curl', ['-sS', '-K', join(kit, 'curl.conf'), ...args, url]);
  };

  for (const edge of ['haproxy', 'nginx', 'stunnel'] as const) {
    describe(`${edge} as the edge`, { skip: WITHOUT[edge] || WITHOUT.curl }, () => {
      it('answers curl -K', async () => {
        const { code, output } = await curl({ server: serverOf(edge) });
        assert.equal(code, 0, output);
        if (edge !== 'stunnel') assert.equal(headersIn(output)['x-ssl-client-verify'], 'SUCCESS');
      });

      it('refuses a client of another authority', async () => {
        const { code, output } = await curl({ pair: pairs.stranger, server: serverOf(edge) });
        assert.ok(code !== 0 || output.includes('400 '), output);
        assert.doesNotMatch(output, /x-ssl-client|"host"/i);
      });

      it('refuses a client that is revoked', async () => {
        const { code, output } = await curl({ pair: pairs.revoked, server: serverOf(edge) });
        assert.ok(code !== 0 || output.includes('400 '), output);
        assert.doesNotMatch(output, /x-ssl-client|"host"/i);
      });

      // stunnel carries bytes, not headers.
      if (edge === 'stunnel') return;
      it('lets no client say who it is', async () => {
        const names = ['X-SSL-Client-CN', 'X-SSL-Client-SHA256', 'X-Tls-Client-Cert', 'X-Forwarded-Client-Cert', 'x_ssl_client_cn', 'X-SSL_Client-DN', 'X_TLS_CLIENT_CERT', 'x-forwarded_client-cert'];
        const { code, output } = await curl({ server: serverOf(edge) }, undefined, ...names.flatMap((name) => ['-H', `${name}: forged`]), '-H', 'X-SSL-Server: mine');
        assert.equal(code, 0);
        assert.doesNotMatch(output, /forged/);
        assert.equal(headersIn(output)['x-ssl-server'], 'mine');
      });
    });
  }

  it('lets HAProxy say the name of the client', { skip: WITHOUT.haproxy || WITHOUT.curl }, async () => {
    assert.equal(headersIn((await curl({ server: serverOf('haproxy') })).output)['x-ssl-client-cn'], 'customer1');
  });

  describe('curl', { skip: WITHOUT.haproxy || WITHOUT.curl }, () => {
    it('refuses a server with another name', async () => {
      const { code, output } = await curl({ server: serverOf('haproxy') }, 'https://other.example/');
      assert.equal(code, 60, output);
    });

    it('trusts the authority of the kit and no public one', async () => {
      const kit = await world.make({ tool: 'curl', pair: pairs.client, ...own, server: serverOf('haproxy') });
      const { output } = await world.run('curl', ['-v', '-K', join(kit, 'curl.conf'), 'https://edge.example/']);
      assert.deepEqual(/CAfile: (.*)\n.*CApath: (.*)\n/.exec(output)?.slice(1), [join(kit, 'ca.crt'), kit]);
    });

    it('speaks no plain HTTP', async () => assert.equal((await curl({ server: serverOf('haproxy') }, 'http://edge.example/')).code, 1));
  });

  describe('openssl', { skip: WITHOUT.haproxy }, () => {
    const client = async (name: string, pair = pairs.client) => {
      const kit = await world.make({ tool: 'openssl', pair, ...own, server: serverOf('haproxy', name) });
      const line = readFileSync(join(kit, 'README.txt'), 'utf8').split('\n').find((each) => each.startsWith('openssl s_client')) ?? '';
      return await world.run('sh', ['-c', `${line} -quiet`], `GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
    };

    it('takes the command line of the README', async () => {
      const { output } = await client('edge.example');
      assert.equal(headersIn(output)['x-ssl-client-cn'], 'customer1');
    });

    it('refuses a server with another name', async () => {
      const { code, output } = await client('other.example');
      assert.equal(code, 1);
      assert.match(output, /hostname mismatch/i);
    });
  });

  for (const [tool, file] of [['haproxy', 'haproxy-client.cfg'], ['stunnel', 'stunnel-client.conf']] as const) {
    describe(`${tool} as the client`, { skip: WITHOUT[tool] || WITHOUT.haproxy || WITHOUT.curl }, () => {
      const start = async (name: string): Promise<number> => {
        const port = await freePort();
        const kit = await world.make({ tool, pair: pairs.client, ...own, server: serverOf('haproxy', name) });
        await world.start(tool, [...(tool === 'haproxy' ? ['-db', '-f'] : []), world.withPorts(kit, file, { [PLAIN]: `127.0.0.1:${port}` })], port);
        return port;
      };

      it('turns plain HTTP into mutual TLS', async () => {
        const { code, output } = await world.run('curl', ['-sS', `http://127.0.0.1:${await start('edge.example')}/`]);
        assert.equal(code, 0, output);
        assert.equal(headersIn(output)['x-ssl-client-cn'], 'customer1');
      });

      it('refuses a server with another name', async () => {
        const { output } = await world.run('curl', ['-sS', `http://127.0.0.1:${await start('other.example')}/`]);
        assert.doesNotMatch(output, /x-ssl-client/);
      });
    });
  }

  describe('nginx as the client', { skip: WITHOUT.nginx || WITHOUT.haproxy || WITHOUT.curl }, () => {
    const start = async (name: string): Promise<number> => {
      const port = await freePort();
      const kit = await world.make({ tool: 'nginx', pair: pairs.client, ...own, path: SIDECAR.directory, server: serverOf('haproxy', name) });
      const { code, output, start: begin } = await nginx(kit, 'nginx-client.conf', { [PLAIN]: `127.0.0.1:${port}` });
      assert.equal(code, 0, output);
      await begin(port);
      return port;
    };

    it('turns plain HTTP into mutual TLS', async () => {
      const { output } = await world.run('curl', ['-sS', `http://127.0.0.1:${await start('edge.example')}/`]);
      assert.equal(headersIn(output)['x-ssl-client-cn'], 'customer1');
    });

    it('refuses a server with another name', async () => {
      assert.match((await world.run('curl', ['-sS', `http://127.0.0.1:${await start('other.example')}/`])).output, /502 Bad Gateway/);
    });
  });

  describe('Java', { skip: WITHOUT.java || WITHOUT.haproxy }, () => {
    const SOURCE = `import java.net.URI; import java.net.http.*;
      public class Ask { public static void main(String[] a) throws Exception {
        System.out.println(HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create(a[0])).build(), HttpResponse.BodyHandlers.ofString()).body()); } }`;

    it('talks mutual TLS with the two stores', async () => {
      const here = new KitWorld();
      try {
        const local = ca.issue('/CN=edge', ['subjectAltName=DNS:localhost', 'extendedKeyUsage=serverAuth']);
        const port = await freePort();
        const edge = await here.make({ tool: 'haproxy', name: 'edge', pair: local, ...own });
        await here.start('haproxy', ['-db', '-f', here.withPorts(edge, 'haproxy-edge.cfg', { ':8443': `127.0.0.1:${port}`, '127.0.0.1:8080': `127.0.0.1:${app.port}` })], port);
        const kit = await here.make({ tool: 'java', pair: pairs.client, ...own });
        writeFileSync(join(here.folder, 'Ask.java'), SOURCE);
        const { code, output } = await here.run('java', [`@${join(kit, 'java.options')}`, join(here.folder, 'Ask.java'), `https://localhost:${port}/`]);
        assert.equal(code, 0, output);
        assert.equal(headersIn(output)['x-ssl-client-cn'], 'customer1');
      } finally {
        await here[Symbol.asyncDispose]();
      }
    });

    it('has nothing of the key outside the store', async () => {
      const kit = await world.make({ tool: 'java', pair: pairs.client, ...own });
      assert.deepEqual(readdirSync(kit).sort(), ['README.txt', 'java.options', 'keystore.p12', 'kit.json', 'password', 'truststore.p12']);
      for (const file of readdirSync(kit)) assert.doesNotMatch(readFileSync(join(kit, file), 'latin1'), /PRIVATE KEY/);
    });
  });

  it('checks as a whole configuration of HAProxy, both sides in one', { skip: WITHOUT.haproxy }, async () => {
    const both = ca.issue('/CN=both', ['subjectAltName=DNS:edge.example']);
    const kit = await world.make({ tool: 'haproxy', pair: both, ...own, server: serverOf('haproxy') });
    const { code, output } = await world.run('haproxy', ['-c', '-f', join(kit, 'haproxy-edge.cfg'), '-f', join(kit, 'haproxy-client.cfg')]);
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /WARNING/);
  });
});
