import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { TOOLS } from '../../../src/cli/kit/kit-parts.ts';
import type { KitServer, Tool } from '../../../src/cli/kit/kit-parts.ts';
import { KitRefused } from '../../../src/cli/kit/kit-refused.ts';
import { planKit } from '../../../src/cli/kit/plan-kit.ts';
import { readMaterial } from '../../../src/cli/kit/read-material.ts';
import { TestCa } from '../../support/test-ca.ts';
import { kitObjects } from './kit-objects.ts';

describe('planKit', () => {
  const ca = new TestCa('/O=Shop/CN=shop-ca');
  after(() => ca[Symbol.dispose]());
  const crl = ca.crl();
  const usages = { client: ['extendedKeyUsage=clientAuth'], server: ['extendedKeyUsage=serverAuth'], both: [], neither: ['extendedKeyUsage=codeSigning'] } as const;
  const materialOf = (usage: keyof typeof usages, more: { crl?: string } = {}) => readMaterial(kitObjects({ pair: ca.issue('/CN=customer1', usages[usage]), anchor: ca.certificate, ...more }), new Date());
  const material = { client: materialOf('client'), server: materialOf('server'), both: materialOf('both'), neither: materialOf('neither'), checked: materialOf('both', { crl }) };
  const edge: KitServer = { address: { host: '10.0.0.1', port: 443 }, name: { kind: 'DNS', text: 'edge.example' } };
  const plan = (who: keyof typeof material, tool: Tool, server?: KitServer) => planKit(material[who], { tool, place: { directory: '/etc/kit', ...(server === undefined ? {} : { server }) }, command: 'THE COMMAND', password: 'the-password' });
  const filesOf = (...args: Parameters<typeof plan>) => plan(...args).record.files;

  const files: Record<string, [Parameters<typeof plan>, string[]]> = {
    'curl, with a CRL': [['checked', 'curl'], ['README.txt', 'ca.crl', 'ca.crt', 'curl.conf', 'tls.crt', 'tls.key']],
    'HAProxy on both sides': [['checked', 'haproxy', edge], ['README.txt', 'ca.crl', 'ca.crt', 'haproxy-client.cfg', 'haproxy-edge.cfg', 'tls.pem']],
    'a server\'s HAProxy': [['server', 'haproxy'], ['README.txt', 'ca.crt', 'haproxy-edge.cfg', 'tls.pem']],
    'a client\'s nginx': [['client', 'nginx', edge], ['README.txt', 'ca.crt', 'nginx-client.conf', 'tls.crt', 'tls.key']],
    'stunnel on both sides, the server being unknown': [['both', 'stunnel'], ['README.txt', 'ca.crt', 'stunnel-edge.conf', 'tls.crt', 'tls.key']],
    openssl: [['client', 'openssl'], ['README.txt', 'tls.crt', 'tls.key', 'trust.pem']],
    Java: [['client', 'java'], ['README.txt', 'java.options', 'keystore.p12', 'password', 'truststore.p12']],
  };
  for (const [name, [args, expected]] of Object.entries(files)) it(`gives the files for ${name}`, () => assert.deepEqual(filesOf(...args), expected));

  for (const tool of TOOLS) {
    const kit = () => plan('checked', tool, edge);

    it(`keeps the key of ${tool} in secret files only`, () => {
      const { files: all } = kit();
      for (const { path, content, secrecy } of all) if (/PRIVATE KEY|the-password/.test(content)) assert.equal(secrecy, 'secret', path);
      assert.deepEqual(all.filter(({ secrecy }) => secrecy === 'secret').length, tool === 'java' ? 2 : 1);
    });

    it(`tells in the README of ${tool} until when it is good and how it is renewed`, () => {
      const readme = kit().files.find(({ path }) => path === 'README.txt')?.content ?? '';
      const { serialNumber, notAfter } = material.checked;
      for (const said of [serialNumber, notAfter.toISOString().slice(0, 19), 'THE COMMAND', tool === 'java' ? 'CRL             none' : 'CRL             ends']) assert.ok(readme.includes(said), `${said}\n${readme}`);
      assert.doesNotMatch(readme, /BEGIN/);
    });
  }

  it('says in every fragment who must be whom', () => {
    const content = (tool: Tool, file: string) => plan('checked', tool, edge).files.find(({ path }) => path === file)?.content ?? '';
    assert.match(content('haproxy', 'haproxy-edge.cfg'), /bind :8443 ssl crt "\/etc\/kit\/tls\.pem" ca-file "\/etc\/kit\/ca\.crt" crl-file "\/etc\/kit\/ca\.crl" verify required ssl-min-ver TLSv1\.2/);
    assert.match(content('haproxy', 'haproxy-client.cfg'), /server server 10\.0\.0\.1:443 ssl .* verify required .* verifyhost edge\.example sni str\(edge\.example\)/);
    assert.match(content('nginx', 'nginx-client.conf'), /proxy_ssl_crl "\/etc\/kit\/ca\.crl";\n +proxy_ssl_verify on;/);
    assert.match(content('stunnel', 'stunnel-client.conf'), /checkHost = edge\.example\n[^]*CRLfile = \/etc\/kit\/ca\.crl\nverifyChain = yes/);
    assert.match(content('curl', 'curl.conf'), /crlfile = "\/etc\/kit\/ca\.crl"\n[^]*connect-to = "::10\.0\.0\.1:443"/);
  });

  const byAddress: KitServer = { ...edge, name: { kind: 'IP', text: '10.0.0.1' } };
  const refused: Record<string, [Parameters<typeof plan>, string]> = {
    'curl a server\'s certificate': [['server', 'curl'], 'is a server\'s: curl needs one with usage "client auth"'],
    'a server an address to talk to': [['server', 'nginx', edge], 'is a server\'s, and --address is for clients, which need usage "client auth"'],
    'a client\'s stunnel without an address': [['client', 'stunnel'], 'is a client\'s: say with --address HOST:PORT whom stunnel is to talk to'],
    'HAProxy a server that is known by its IP address': [['client', 'haproxy', byAddress], 'goes to an IP address, and haproxy verifies DNS names only: say with --server-name which one the server\'s certificate carries'],
    'a certificate for something else': [['neither', 'openssl'], 'has neither usage "server auth" nor "client auth"'],
  };
  for (const [name, [args, message]] of Object.entries(refused)) {
    it(`refuses ${name}`, () => assert.throws(() => plan(...args), new KitRefused(`TenantCertificate shop/customer1 ${message}`)));
  }

  it('proves an IP address where the tool can', () => {
    const readme = plan('client', 'openssl', byAddress).files.find(({ path }) => path === 'README.txt')?.content ?? '';
    assert.match(readme, /-connect 10\.0\.0\.1:443 -noservername -verify_ip 10\.0\.0\.1 /);
  });
});
