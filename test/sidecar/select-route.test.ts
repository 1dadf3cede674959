import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parseTarget, rewriteTarget, selectRoute } from '../../src/sidecar/select-route.ts';
import type { Route } from '../../src/sidecar/listener-view.ts';
import { aRoute } from '../support/proxy-models.ts';

const ANONYMOUS = { kind: 'anonymous' } as const;

describe('parseTarget', () => {
  const PATHS: Readonly<Record<string, string | undefined>> = {
    '/': '/', '/a/b': '/a/b', '/a//b': '/a/b', '/a/./b': '/a/b', '/a/../b': '/b', '/a/..': '/', '/a/.': '/a/', '/a/b/': '/a/b/', '/%61': '/a', '/%2e%2e/x': undefined, '/..': undefined, '/a/../..': undefined,
    '/a%2Fb': '/a/b', '/a/%2e%2E/b': '/b', '/...': '/...', '/.a': '/.a', '/%zz': undefined, '/%': undefined, '/%00': undefined, '/a?../../b': '/a', 'http://host/a': '/a', 'HTTP://host?x': '/', '*': undefined, 'a': undefined, '': undefined,
  };
  for (const [sent, path] of Object.entries(PATHS)) it(`takes ${JSON.stringify(sent)} for ${path ?? 'nothing'}`, () => assert.equal(parseTarget(sent)?.path, path));

  it('never leaves a dot segment or a doubled slash', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('.', '..', '/', '//', 'a', '%2e', '%2F', '%2f%2e%2e', 'b%20'), { maxLength: 12 }), (parts) => {
      const path = parseTarget(`/${parts.join('')}`)?.path;
      assert.ok(path === undefined || (path.startsWith('/') && !path.includes('//') && !path.split('/').some((segment) => segment === '.' || segment === '..')), path);
    }));
  });
});

describe('selectRoute', () => {
  const routes = ['/a/b', '/a', '/'].map((path, index): Route => ({ model: aRoute({ path }), index }));
  const choose = (sent: string, among: readonly Route[] = routes) => selectRoute(among, parseTarget(sent) ?? { raw: '', path: '', query: undefined })?.model.path;

  it('takes the first prefix that fits', () => {
    assert.deepEqual(['/a/b/c', '/a/c', '/ab', '/x'].map((sent) => choose(sent)), ['/a/b', '/a', '/a', '/']);
  });

  it('wants every parameter', () => {
    const route: Route = { model: aRoute({ query: [{ name: 'a', value: '1' }, { name: 'b', value: 'x y' }] }), index: 0 };
    const matches = ['/?a=1&b=x+y', '/?b=x%20y&a=1', '/?a=2&a=1&b=x y'.replace(' ', '%20')];
    for (const sent of matches) assert.equal(choose(sent, [route]), '/', sent);
    for (const sent of ['/?a=1', '/', '/?a=1&b=xy', '/?A=1&b=x+y']) assert.equal(choose(sent, [route]), undefined, sent);
  });
});

describe('rewriteTarget', () => {
  const rewrite = (route: Parameters<typeof aRoute>[0], sent: string) => {
    const target = parseTarget(sent);
    assert.ok(target !== undefined);
    return rewriteTarget(aRoute(route), target, ANONYMOUS);
  };

  it('leaves the spelling alone where nothing is to be changed', () => assert.equal(rewrite({}, '/a//%62/../c?x=%20'), '/a//%62/../c?x=%20'));
  it('replaces the prefix', () => assert.equal(rewrite({ path: '/api', rewritePrefix: '/v1' }, '/api/x?y'), '/v1/x?y'));
  it('escapes what it had to decode', () => assert.equal(rewrite({ path: '/', rewritePrefix: '/v1/' }, '/a%3Fb%20%C3%BC%25'), '/v1/a%3Fb%20%C3%BC%25'));
  it('takes parameters of the client away that it sets, in every spelling', () => {
    assert.equal(rewrite({ setQuery: [{ name: 'who', value: 'me' }] }, '/?who=you&a=1&wh%6f=you&b;who=you'), '/?a=1&b%3Bwho=you&who=me');
  });
  it('adds a query where there was none', () => assert.equal(rewrite({ setQuery: [{ name: 'a b', value: 'c&d' }] }, '/x'), '/x?a%20b=c%26d'));
  it('fills in nothing for a client that is not verified', () => assert.equal(rewrite({ setQuery: [{ name: 'cn', value: '{client.commonName}' }] }, '/'), '/?cn='));
});
