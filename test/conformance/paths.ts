// Routes by path and query, and spellings of a path that another reader would take for another path (ADR 10).
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { RouteModel } from '../../src/proxy-model/model.ts';
import { aRoute } from '../support/proxy-models.ts';
import { HttpBackend } from './backend.ts';
import { send, sendAndSee, sendRaw } from './client.ts';
import type { Engine } from './engine.ts';
import type { Fleet } from './fleet.ts';
import { aSetup, type Parts } from './setups.ts';

export function describePaths(engine: Engine, fleet: () => Fleet): void {
  const withProxy = async (parts: Parts, action: (port: number, backend: HttpBackend) => Promise<void>) => {
    await using backend = await HttpBackend.start();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, parts));
    await action(proxy.port('https'), backend);
  };

  const ICP: readonly RouteModel[] = [
    aRoute({ path: '/api/v1/series', query: [{ name: 'match[]', value: 'helm_release_info' }], target: { kind: 'response', statusCode: 200, contentType: 'application/json', body: '{"data":[]}' } }),
    aRoute({ path: '/api/v1/series', rewritePrefix: '/prometheus/api/v1/series' }),
    aRoute({ path: '/federate', rewritePrefix: '/prometheus/federate' }),
  ];
  const ROUTED: Readonly<Record<string, readonly [path: string, seen: string | number]>> = {
    'a prefix is replaced': ['/federate?x=1', '/prometheus/federate?x=1'],
    'the rest of the path stays': ['/federate/a%20b', '/prometheus/federate/a%20b'],
    'a path through .. is refused': ['/other/../federate', 400],
    'a path out of the prefix is, too': ['/federate/../secret', 400],
    'dot segments in any spelling are': ['/federate/%2E%2e/secret', 400],
    'an escaped slash is': ['/secret/..%2ffederate', 400],
    'a backslash is': ['/secret/..\\federate', 400],
    'an escaped backslash is': ['/secret/..%5Cfederate', 400],
    'a dot segment with parameters is': ['/federate/..;a=b/secret', 400],
    'a dot segment at the end is': ['/federate/.', 400],
    'an empty segment is': ['/federate//x', 400],
    'other dots are not': ['/federate/..a/...?x=/../y//z', '/prometheus/federate/..a/...?x=/../y//z'],
    'a target with scheme and host is a path': ['http://a/federate/x', '/prometheus/federate/x'],
    'an encoded letter is what it means': ['/%66ederate', '/prometheus/federate'],
    'a path above the root is refused': ['/../x', 400],
    'another path has no route': ['/metrics', 503],
    'a parameter selects the canned answer': ['/api/v1/series?match[]=helm_release_info', '{"data":[]}'],
    'a parameter with escapes does as well': ['/api/v1/series?a=b&match%5B%5D=helm_release_info', '{"data":[]}'],
    'another value does not': ['/api/v1/series?match[]=up', '/prometheus/api/v1/series?match[]=up'],
  };
  for (const [sentence, [path, seen]] of Object.entries(ROUTED)) {
    it(`routes: ${sentence}`, () => withProxy({ listener: { routes: ICP } }, async (port, backend) => {
      const text = await sendRaw(port, fleet().alice, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      if (typeof seen === 'number') assert.match(text, new RegExp(`^HTTP/1.1 ${seen} `));
      else if (seen.startsWith('{')) assert.ok(text.endsWith(seen) && /content-type: application\/json/i.test(text), text);
      else assert.equal(backend.received.at(-1)?.url, seen);
    }));
  }

  for (const [sentence, routes] of Object.entries({ 'one route': [aRoute()], 'routes by client': [aRoute({ clients: [{ commonName: 'bob' }] }), aRoute()] })) {
    it(`passes any spelling of a path on where there is ${sentence} and no path to judge`, () => withProxy({ listener: { routes } }, async (port, backend) => {
      await sendRaw(port, fleet().alice, 'GET /a/..%2Fb//c/./%2e?x=// HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      assert.equal(backend.received.at(-1)?.url, '/a/..%2Fb//c/./%2e?x=//');
    }));
  }

  it('serves no path to a client that may only use another one', () => {
    const routes = [aRoute({ path: '/public' }), aRoute({ path: '/admin', clients: [{ commonName: 'root' }] })];
    return withProxy({ listener: { routes } }, async (port, backend) => {
      for (const path of ['/admin/../public/x', '/admin/..%2fpublic/x', '/admin/%2e./public/x', '/public/..;/admin', '//public/../admin']) {
        assert.match(await sendRaw(port, fleet().alice, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`), /^HTTP\/1\.1 400 /, path);
      }
      assert.equal(backend.received.length, 0);
      assert.equal((await send(port, fleet().alice, '/admin')).status, 503);
      assert.equal((await sendAndSee(port, fleet().alice, '/%70ublic/x')).url, '/%70ublic/x');
    });
  });
}
