// Four tenants under one root: the real nginx sidecar of each lets in its own clients and nobody of the others, whatever chain they send.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { renderNginx } from '../../src/nginx/render-nginx.ts';
import { encodeCrl } from '../../src/pki/crl.ts';
import { writePrivateKey } from '../../src/pki/private-key.ts';
import type { ListenerModel } from '../../src/proxy-model/model.ts';
import { aLeaf, anIntermediate, aRoot, NOW } from '../pki/authorities.ts';
import type { Authority, Leaf } from '../pki/authorities.ts';
import { withManifest } from '../support/mounted-set.ts';
import { NginxSidecar } from '../support/nginx-sidecar.ts';
import { nginxRoot } from '../support/nginx-root.ts';
import { aListener, aListenerTls, aModel, aRoute } from '../support/proxy-models.ts';

const root = nginxRoot();
const WELCOME = 'welcome';
const ANSWER = `200 ${WELCOME}`;
const REFUSED = 'The SSL certificate error';
const NOTHING = 'nothing';

interface Tenant {
  readonly name: string;
  readonly authority: Authority;
  readonly leaf: Leaf;
  readonly crl: string;
}

describe('the nginx sidecars of four tenants', { skip: 'missing' in root ? root.missing : false }, () => {
  const app = createServer((request, response) => request.resume().on('end', () => response.end(WELCOME)));
  const sidecars = new Map<string, NginxSidecar>();
  const started = new Set<NginxSidecar>();
  let platform: Authority;
  let tenants: Tenant[];
  let revision = 0;

  const files = { certificates: 'caCerts/trust-0.crt', crls: 'caCerts/trust-0.crl', system: false, authorities: [] };

  /** Has the sidecar of `tenant` serve `listener`, trusting the authorities given. */
  async function serve(tenant: Tenant, listener: ListenerModel, trusted: readonly Tenant[]): Promise<NginxSidecar> {
    const sidecar = sidecars.get(tenant.name);
    assert.ok(sidecar !== undefined);
    const rendered = Object.fromEntries(renderNginx(aModel({ listeners: [listener] })).map(({ path, content }) => [path, content]));
    revision += 1;
    const wanted = revision;
    sidecar.mounted.swap(withManifest({
      ...rendered, 'certs/tls.crt': tenant.leaf.certificate.chainPem, 'certs/tls.key': writePrivateKey(tenant.leaf.key),
      'caCerts/trust-0.crt': trusted.map(({ authority }) => authority.anchorPem).join(''), 'caCerts/trust-0.crl': trusted.map(({ crl }) => crl).join(''),
    }, wanted));
    if (!started.has(sidecar)) sidecar.start();
    started.add(sidecar);
    await sidecar.reaches(({ state, manifest }) => state === 'current' && manifest.revision === wanted);
    return sidecar;
  }
  /** What a client hears: the app, a status of nginx's own, or nothing. */
  async function hears(sidecar: NginxSidecar, { certificate, key }: Leaf, chain: string): Promise<string> {
    const reply = await sidecar.get('/', { cert: certificate.pem + chain, key: writePrivateKey(key) }).catch(() => undefined);
    if (reply === undefined) return NOTHING;
    return reply.body.includes(REFUSED) ? REFUSED : `${reply.status} ${reply.body.slice(0, WELCOME.length)}`;
  }

  before(async () => {
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    platform = await aRoot();
    tenants = await Promise.all(['shop', 'bank', 'blog', 'mail'].map(async (name) => {
      const authority = await anIntermediate(platform, { subject: { commonName: name }, ...(name === 'blog' ? {} : { maxPathLen: 0 }) });
      const { pem: crl } = await encodeCrl(authority.issuer, { number: 1n, thisUpdate: NOW, nextUpdate: new Date(NOW.getTime() + 3_600_000), entries: [] });
      return { name, authority, crl, leaf: await aLeaf(authority, { subject: { commonName: 'client' }, dnsNames: [`client.${name}.svc`] }) };
    }));
    for (const { name } of tenants) sidecars.set(name, await NginxSidecar.prepare((root as { directory: string }).directory, (app.address() as { port: number }).port));
  });
  after(async () => {
    for (const sidecar of sidecars.values()) await sidecar[Symbol.asyncDispose]();
    app.closeAllConnections();
    app.close();
  });

  for (const [protocol, refusal] of [['HTTP', REFUSED], ['TCP', NOTHING]] as const) {
    it(`let in the clients on the diagonal and nobody off it (${protocol})`, async () => {
      for (const server of tenants) {
        const sidecar = await serve(server, aListener({ protocol, tls: aListenerTls({ trust: files }) }), [server]);
        for (const client of tenants) {
          const { chainPem, anchorPem } = client.authority;
          for (const chain of ['', chainPem, chainPem + platform.anchorPem, anchorPem, chainPem + server.authority.chainPem]) {
            assert.equal(await hears(sidecar, client.leaf, chain), client === server ? ANSWER : refusal, `${client.name} at ${server.name}`);
          }
        }
      }
    });
  }

  it('are not deceived by a sub-authority of one tenant that calls itself like the authority of another', async () => {
    const [shop, bank, blog] = tenants;
    assert.ok(shop && bank && blog);
    const forger = await anIntermediate(blog.authority, { subject: { commonName: 'shop' } });
    const forged = await aLeaf(forger, { subject: { commonName: 'client' }, dnsNames: ['client.shop.svc'] });
    const { chainPem } = forger;
    // With CRLs the forger's missing one would refuse it already.
    const { crls: _, ...withoutCrls } = files;
    const authorities = [shop, blog].map(({ name, authority }) => ({ sha256: authority.issuer.sha256, subject: `CN=${name}`, tenant: name }));
    const tls = aListenerTls({ trust: { ...withoutCrls, authorities } });
    const onlyShop = aListener({ tls, routes: [aRoute({ clients: [{ tenant: 'shop', commonName: 'client' }] })] });
    const anybody = aListener({ tls });

    const sidecar = await serve(bank, onlyShop, [shop, blog]);
    assert.equal(await hears(sidecar, shop.leaf, ''), ANSWER, 'a genuine client');
    assert.match(await hears(sidecar, blog.leaf, ''), /^503 /, 'a client of the other tenant has no route');
    for (const chain of [chainPem, chainPem + platform.anchorPem, '']) assert.equal(await hears(sidecar, forged, chain), REFUSED, 'a forged client');

    await serve(bank, anybody, [shop, blog]);
    assert.equal(await hears(sidecar, forged, chainPem), ANSWER, 'where both are let in anyway its chain is good: it is the depth of 0 that refuses it above');
    const own = await serve(shop, anybody, [shop]);
    assert.equal(await hears(own, forged, chainPem + blog.authority.chainPem), REFUSED, 'a listener that trusts the other tenant not at all');
  });
});
