import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { renderNginx } from '../../src/nginx/render-nginx.ts';
import { buildProxyModel } from '../../src/proxy-model/build-proxy-model.ts';
import { ACCESS_LOG_FIELDS } from '../../src/proxy-model/access-log.ts';
import type { ProxyModel } from '../../src/proxy-model/model.ts';
import { assertGolden, goldenCases, readGoldenInput } from '../support/golden.ts';
import { checkWithNginx } from '../support/nginx-check.ts';
import { nginxRoot } from '../support/nginx-root.ts';
import { anyTrust, aProxySpec } from '../support/proxy-specs.ts';
import { TestCa } from '../support/test-ca.ts';
import { soaked } from '../support/soak.ts';

const folder = join(import.meta.dirname, '../golden/nginx');
const root = nginxRoot();

const hostile = fc.string({ unit: fc.constantFrom(...Array.from('ab;{}"\'\\$~#\n\t /%&=+*[]()ä€')), maxLength: 40 });

function modelOf(spec: object): ProxyModel {
  const build = buildProxyModel(aProxySpec(spec), anyTrust);
  assert.equal(build.kind, 'model', build.kind === 'refused' ? build.refusal.message : '');
  return build.model;
}

function configurationOf(model: ProxyModel): string {
  return renderNginx(model)[0]?.content ?? '';
}

describe('renderNginx', () => {
  const ca = new TestCa('/CN=ca');
  const server = ca.issue('/CN=server');
  after(() => ca[Symbol.dispose]());
  const nginxSays = (configuration: string) => checkWithNginx((root as { directory: string }).directory, configuration, { ca, server });

  for (const name of goldenCases(folder)) {
    const configuration = () => configurationOf(modelOf(readGoldenInput(folder, name) as object));
    it(`gives ${name}.conf for ${name}.json`, () => assertGolden(join(folder, `${name}.conf`), configuration()));
    it(`gives what nginx takes for ${name}.json`, { skip: 'missing' in root ? root.missing : false }, () => assert.equal(nginxSays(configuration()), ''));
  }

  it('cannot be made to write another directive, whatever the values are', () => {
    const property = fc.property(hostile, hostile, hostile, (path, body, name) => {
      const plain = structureOf(configurationOf(hostileModel('a', 'a', 'a')));
      assert.deepEqual(structureOf(configurationOf(hostileModel(path, body, name))), plain);
    });
    fc.assert(property, { numRuns: soaked(200) });
  });

  it('has nginx take whatever the values are', { skip: 'missing' in root ? root.missing : false }, () => {
    fc.assert(fc.property(hostile, hostile, hostile, (path, body, name) => assert.equal(nginxSays(configurationOf(hostileModel(path, body, name))), '')), { numRuns: soaked(15) });
  });
});

function hostileModel(path: string, body: string, name: string): ProxyModel {
  const model = modelOf({ listeners: [{ name: 'https', port: 8443, tls: {}, routes: [{ clients: [{ commonName: 'x' }], path: '/x', query: [{ name: 'x', value: 'x' }], response: { body: 'x' } }, { path: '/y', rewritePrefix: '/y', upstream: 'app' }] }] });
  const [listener] = model.listeners;
  const [first, second] = listener?.routes ?? [];
  assert.ok(listener !== undefined && first !== undefined && second !== undefined);
  const printable = (text: string) => text.replaceAll(/[^ -~]/g, '_');
  const routes = [
    { ...first, clients: [{ commonName: name }, { subject: `CN=${name}` }], path: `/p${path}`, query: [{ name: printable(`n${name}`), value: printable(`v${path}`) }], target: { kind: 'response', statusCode: 200, contentType: printable(`t${name}`), body: `b${body}` } },
    { ...second, path: `/n${name}`, rewritePrefix: `/${path}` },
  ] as const;
  return { ...model, listeners: [{ ...listener, routes }] };
}

/** nginx.conf as nginx reads it: the first words and the number of arguments of each directive, with its depth. */
function structureOf(configuration: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let words: string[] = [];
  const token = /\s+|#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[;{}]|(?:\\.|\$\{|[^\s;{}"'])+/gsy;
  for (const [text] of configuration.matchAll(token)) {
    if (/^\s|^#/.test(text)) continue;
    if (text === ';' || text === '{' || text === '}') {
      if (words.length > 0) found.push(`${depth} ${words[0]?.startsWith('"') ? 'quoted' : words[0]} ${words.length}`);
      words = [];
      depth += { ';': 0, '{': 1, '}': -1 }[text];
    } else words.push(text);
  }
  return found;
}

describe('the access log of nginx', () => {
  const configuration = configurationOf(modelOf({ listeners: [{ name: 'a', port: 8443, tls: {} }, { name: 'b', port: 8444, protocol: 'TCP', tls: {} }] }));
  const formats = [...configuration.matchAll(/log_format access escape=json '(.*)';/g)].map((match) => match[1] ?? '');
  for (const [index, protocol] of (['HTTP', 'TCP'] as const).entries()) {
    it(`has exactly the fields of the table for ${protocol}`, () => {
      const expected = ACCESS_LOG_FIELDS.filter(({ protocols, engines }) => (protocols as readonly string[]).includes(protocol) && (engines as readonly string[]).includes('nginx'));
      assert.deepEqual([...(formats[index] ?? '').matchAll(/"(\w+)":/g)].map((match) => match[1]), expected.map(({ name }) => name));
    });
  }
});
