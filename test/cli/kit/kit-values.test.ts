import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePlace, parseTool } from '../../../src/cli/kit/kit-arguments.ts';
import { formatAddress, parseAddress, parseServerName, pathProblem } from '../../../src/cli/kit/kit-values.ts';

/** What means something in a configuration of curl, HAProxy, nginx, stunnel or Java, or in a shell. */
const HOSTILE = ['\n', '\r', '\t', '\0', '"', "'", '`', '$', '\\', ';', '#', '{', '}', '(', ')', '<', '>', '|', '&', '*', '?', '!', '%', ':', '=', ',', '[', ']', '\u202e', '\u2028', '\u00a0'];

describe('pathProblem', () => {
  for (const path of ['/', '/etc/tenant-mtls', '/home/José Müller/kits/a_b+c@d~e', '/データ/kit']) {
    it(`takes ${path}`, () => assert.equal(pathProblem(path), undefined));
  }
  for (const character of HOSTILE) {
    it(`refuses ${JSON.stringify(character)} wherever it stands`, () => {
      for (const path of [`/${character}`, `/a${character}b`, `/a${character}`]) assert.notEqual(pathProblem(path), undefined, path);
    });
  }
  for (const path of ['', 'kit', '-o/kit', '~/kit', '/kit ', '/a  b', `/${'x'.repeat(1024)}`]) {
    it(`refuses "${path.slice(0, 20)}"`, () => assert.notEqual(pathProblem(path), undefined));
  }
});

describe('parseAddress', () => {
  const good: Record<string, { host: string; port: number }> = {
    'edge.example:443': { host: 'edge.example', port: 443 },
    '10.0.0.1:1': { host: '10.0.0.1', port: 1 },
    '[2001:db8::1]:65535': { host: '2001:db8::1', port: 65_535 },
    'edge_1:8443': { host: 'edge_1', port: 8443 },
  };
  for (const [text, address] of Object.entries(good)) {
    it(`takes ${text}, and writes it as it was`, () => {
      assert.deepEqual(parseAddress(text), address);
      assert.equal(formatAddress(address), text);
    });
  }
  const bad = ['', 'edge', 'edge:', ':443', 'edge:0', 'edge:65536', 'edge:443:1', '2001:db8::1:443', '[edge]:443', '[10.0.0.1]:443', '[fe80::1%eth0]:443', '-edge:443', 'a..b:443', '1.2.3:443', 'https://edge:443', `${'a'.repeat(64)}:443`];
  for (const text of bad) it(`refuses "${text}"`, () => assert.equal(parseAddress(text), undefined));
  for (const character of HOSTILE) {
    it(`refuses ${JSON.stringify(character)} in the host`, () => {
      for (const host of [character, `a${character}b`, `a${character}`]) assert.equal(parseAddress(`${host}:443`), undefined);
    });
  }
});

describe('parseServerName', () => {
  it('tells names from addresses', () => {
    assert.deepEqual(['edge.example', '10.0.0.1', '::1'].map((text) => parseServerName(text)?.kind), ['DNS', 'IP', 'IP']);
  });
  for (const character of [...HOSTILE, ' ', '/', '@']) it(`refuses ${JSON.stringify(character)}`, () => assert.equal(parseServerName(`a${character}b`), undefined));
});

describe('parsePlace', () => {
  const problemsOf = (values: Parameters<typeof parsePlace>[0], directory = '/kit') => {
    const problems: string[] = [];
    parseTool(values.for, problems);
    parsePlace(values, directory, problems);
    return problems;
  };

  it('takes the name to be proven from the address, and the directory from --path', () => {
    assert.deepEqual(parsePlace({ address: 'edge.example:443', path: '/etc/kit/' }, '/here', []), {
      directory: '/etc/kit', server: { address: { host: 'edge.example', port: 443 }, name: { kind: 'DNS', text: 'edge.example' } },
    });
  });

  it('tells every problem at once, without passing on what steers a terminal', () => {
    assert.deepEqual(problemsOf({ for: 'e\u001bnvoy', path: 'kit', address: 'edge', 'server-name': 'a b' }, '/a"b'), [
      '--for e\\u001bnvoy: must be one of curl, haproxy, nginx, stunnel, openssl, java',
      '--out /a\\"b: stands in configuration files of other programs: letters, digits, single spaces and . _ / @ + ~ - only',
      '--path kit: is not absolute',
      '--address edge: must be HOST:PORT or [IPv6]:PORT',
      '--server-name a b: must be a host name or an IP address',
    ]);
  });

  it('wants an address for a server\'s name', () => assert.deepEqual(problemsOf({ for: 'curl', 'server-name': 'edge.example' }), ['--server-name goes with --address only']));
  it('wants a tool', () => assert.deepEqual(problemsOf({}), ['kit needs --for TOOL, one of curl, haproxy, nginx, stunnel, openssl, java']));
});
