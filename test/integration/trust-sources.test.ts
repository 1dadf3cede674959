// Trust sources and server certificates that others wrote: what is wrong is said with the source's name, the last good configuration
// stays in use, and it heals by itself.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { newAuthority } from '../support/authority.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import { OpensslFolder } from '../support/openssl-ca.ts';
import type { CaFiles } from '../support/openssl-ca.ts';
import { becomesLeader, installPrerequisites, startOperator } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';
import { base64, TenantCertificates } from '../support/tenant-certificates.ts';
import { resources } from '../../src/kube/resources.ts';

type Data = Readonly<Record<string, string>>;

describe('trust that others wrote', { skip: missingCluster() }, () => {
  const cluster = connect();
  const openssl = new OpensslFolder();
  let operator: OperatorProcess;
  let certificates: TenantCertificates;
  let partner: CaFiles;
  let other: CaFiles;
  let good: Data;

  before(async () => {
    await installPrerequisites(cluster);
    certificates = new TenantCertificates(cluster, await freshNamespace(cluster, 'trust'));
    [partner, other] = [openssl.selfSigned('partner'), openssl.selfSigned('other')];
    good = { 'ca.crt': partner.certificate, 'ca.crl': openssl.crl(partner) };
    const ca = await newAuthority('shop-ca');
    await certificates.putSecret('shop-ca', { 'tls.crt': ca.certificatePem, 'tls.key': ca.keyPem });
    operator = await startOperator(cluster);
    await becomesLeader(operator);
  });
  after(async () => {
    openssl[Symbol.dispose]();
    await operator.stop();
  });

  const apply = async (name: string, tls: object, upstreamTls?: object) => await certificates.apply(name, {
    issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: `${name}.example`,
    proxy: { listeners: [{ name: 'https', port: 8443, tls }], ...(upstreamTls === undefined ? {} : { upstreams: [{ name: 'app', addresses: ['127.0.0.1:8080'], tls: upstreamTls }] }) },
  });
  const bundlesOf = async (name: string) => Object.entries((await certificates.configMap(`${name}-proxy`)).data ?? {}).filter(([key]) => key.startsWith('trust-')).sort();
  const count = (text: string, what: string) => text.split(`BEGIN ${what}-`).length - 1;

  interface Fault {
    /** Absent: the source is deleted. */
    readonly data?: () => Data | Promise<Data>;
    readonly reason?: string;
    readonly says: RegExp;
    readonly withoutCrl?: true;
  }

  const faults: Record<string, Fault> = {
    'is deleted': { reason: 'TrustSourceMissing', says: /does not exist/ },
    'loses its key': { data: () => ({ else: 'x' }), reason: 'TrustSourceMissing', says: /has no key ca\.crt/ },
    'has an empty value': { data: () => ({ ...good, 'ca.crt': '' }), reason: 'TrustSourceMissing', says: /has no key ca\.crt/ },
    'loses its CRL': { data: () => ({ 'ca.crt': partner.certificate }), reason: 'TrustSourceMissing', says: /has no key ca\.crl/ },
    'holds no PEM': { data: () => ({ 'ca.crt': 'hello' }), withoutCrl: true, says: /self-signed/ },
    'holds a certificate that is cut off': { data: () => ({ 'ca.crt': partner.certificate.slice(0, 300) }), withoutCrl: true, says: /no end line/ },
    'holds a certificate that is damaged': { data: () => ({ ...good, 'ca.crt': partner.certificate.replace(/\n[A-Za-z0-9+/]{64}/, `\n${'A'.repeat(64)}`) }), says: /cannot be decoded/ },
    'holds a private key': { data: () => ({ ...good, 'ca.crt': partner.certificate + partner.key }), says: /something else than/ },
    'holds a private key in disguise': { data: () => ({ ...good, 'ca.crt': partner.certificate + partner.key.replaceAll('-----', '----') }), says: /something else than/ },
    'holds no self-signed certificate': { data: () => ({ ...good, 'ca.crt': openssl.signedBy(other, 'between').certificate }), says: /no self-signed certificate/ },
    'has a CRL for one of two': { data: () => ({ ...good, 'ca.crt': partner.certificate + other.certificate }), says: /some authorities have a CRL and some have none/ },
    'has a CRL of somebody else': { data: () => ({ ...good, 'ca.crl': openssl.crl(other) }), says: /CRL/ },
    'has a CRL that a namesake signed': { data: () => ({ ...good, 'ca.crl': openssl.crl(openssl.selfSigned('partner')) }), says: /signed by none/ },
    'has a CRL that is over': { data: () => ({ ...good, 'ca.crl': openssl.crl(partner, -60) }), says: /a CRL ended at 20/ },
    'has a CRL that is no CRL': { data: () => ({ ...good, 'ca.crl': openssl.crl(partner).replace(/\n[A-Za-z0-9+/]{64}/, `\n${'A'.repeat(64)}`) }), says: /X509 CRL block cannot be decoded/ },
  };

  for (const kind of ['Secret', 'ConfigMap'] as const) {
    const put = async (name: string, data: Data) => await (kind === 'Secret' ? certificates.putSecret(name, data) : certificates.putConfigMap(name, data));

    describe(`refuses a ${kind}, keeps the last good bundle and heals, when it`, { concurrency: 8 }, () => {
      for (const [index, [sentence, { data, reason = 'TrustSourceMalformed', says, withoutCrl }]] of Object.entries(faults).entries()) {
        it(sentence, async () => {
          const name = `${kind.toLowerCase()}-${index}`;
          const source = `${name}-source`;
          await put(source, good);
          await apply(name, { trust: [{ kind, name: source, ...(withoutCrl ? {} : { crlKey: 'ca.crl' }) }] });
          const { status } = await certificates.ready(name);
          const configMap = await certificates.configMap(`${name}-proxy`);
          if (data === undefined) await cluster.admin.delete(resources[kind], { namespace: certificates.namespace, name: source });
          else await put(source, await data());
          const { message } = await certificates.refused(name, reason);
          assert.match(message, says);
          assert.ok(message.includes(`${kind} ${certificates.namespace}/${source}`), `names the source: ${message}`);
          assert.ok((await certificates.hasEvent(name, reason)).message?.startsWith(`${message}; names `));
          assert.deepEqual((await certificates.configMap(`${name}-proxy`)).data, configMap.data);
          await put(source, good);
          const healed = await certificates.ready(name);
          assert.equal(healed.status?.serialNumber, status?.serialNumber);
          assert.deepEqual((await certificates.configMap(`${name}-proxy`)).data, configMap.data);
        });
      }
    });
  }

  it('becomes a bundle with its CRL, re-encoded and without comments', async () => {
    await certificates.putConfigMap('commented', { 'ca.crt': `# Partner, do not lose\n${partner.certificate}`, 'ca.crl': good['ca.crl'] ?? '' });
    await apply('commented', { trust: [{ kind: 'ConfigMap', name: 'commented', crlKey: 'ca.crl' }] });
    await certificates.ready('commented');
    const [certificate, crl] = await bundlesOf('commented').then((entries) => [entries.find(([key]) => key.endsWith('.crt')), entries.find(([key]) => key.endsWith('.crl'))]);
    assert.equal(certificate?.[1].trim(), partner.certificate.trim());
    assert.deepEqual([count(crl?.[1] ?? '', 'X509 CRL-'.slice(0, -1)), count(crl?.[1] ?? '', 'CERTIFICATE')], [1, 0]);
    const manifest = JSON.parse((await certificates.configMap('commented-proxy')).data?.['manifest'] ?? '{}') as { crlNumbers: object; files: Record<string, string> };
    assert.deepEqual(Object.values(manifest.crlNumbers), ['1']);
    assert.ok(`caCerts/${certificate?.[0]}` in manifest.files && `caCerts/${crl?.[0]}` in manifest.files);
  });

  it('may not be mixed: one source with a CRL and one without', async () => {
    await certificates.putConfigMap('with-crl', good);
    await certificates.putConfigMap('without-crl', { 'ca.crt': other.certificate });
    await apply('mixed', { trust: [{ kind: 'ConfigMap', name: 'with-crl', crlKey: 'ca.crl' }, { kind: 'ConfigMap', name: 'without-crl' }] });
    const { message } = await certificates.refused('mixed', 'TrustSourceMixedCRLs');
    assert.match(message, /ConfigMap without-crl has no CRL/);
    await apply('mixed', { trust: [{ kind: 'ConfigMap', name: 'with-crl' }, { kind: 'ConfigMap', name: 'without-crl' }] });
    await certificates.ready('mixed');
  });

  it('may be awaited: the source comes after the certificate', async () => {
    await apply('early', { trust: [{ kind: 'Secret', name: 'late' }] });
    await certificates.refused('early', 'TrustSourceMissing');
    await assert.rejects(certificates.configMap('early-proxy'), /404/);
    await certificates.putSecret('late', good);
    await certificates.ready('early');
    assert.equal((await certificates.get('early')).status?.revision, 1);
  });

  it('is taken over when it changes, and taken away when the spec no longer names it', async () => {
    await certificates.putConfigMap('changing', { 'ca.crt': partner.certificate });
    await certificates.putConfigMap('second', { 'ca.crt': other.certificate });
    await apply('following', { trust: [{ kind: 'ConfigMap', name: 'changing' }] }, { serverName: 'app.example', trust: [{ kind: 'ConfigMap', name: 'second' }] });
    const { status } = await certificates.ready('following');
    assert.equal((await bundlesOf('following')).length, 2);
    const next = openssl.selfSigned('partner-2');
    await certificates.putConfigMap('changing', { 'ca.crt': next.certificate });
    await eventually(async () => assert.ok((await bundlesOf('following')).some(([, text]) => text.trim() === next.certificate.trim())));
    await apply('following', { trust: [{ kind: 'ConfigMap', name: 'changing' }] });
    await eventually(async () => assert.equal((await bundlesOf('following')).length, 1));
    assert.equal((await certificates.ready('following')).status?.serialNumber, status?.serialNumber, 'no new certificate for another trust');
  });

  it('never shows what a Secret holds, in a condition, an Event, a ConfigMap or the log', async () => {
    await certificates.putSecret('treasure', { 'ca.crt': `the treasure is under the palm\n${partner.key}`, token: 'abracadabra' });
    for (const key of ['ca.crt', 'token']) {
      await apply(`curious-${key.replace('.', '-')}`, { trust: [{ kind: 'Secret', name: 'treasure', key }] });
      await certificates.refused(`curious-${key.replace('.', '-')}`, 'TrustSourceMalformed');
    }
    const { namespace } = certificates;
    const told = await Promise.all([
      cluster.admin.list(resources.TenantCertificate, { namespace }), cluster.admin.list(resources.Event, { namespace }), cluster.admin.list(resources.ConfigMap, { namespace }),
    ]);
    const text = JSON.stringify(told) + operator.output();
    for (const secret of ['palm', 'abracadabra', 'PRIVATE KEY', '[private key]', base64('abracadabra')]) assert.ok(!text.includes(secret), secret);
  });

  describe('a server certificate of another Secret', { concurrency: 4 }, () => {
    const pair = ({ certificate, key }: CaFiles) => ({ 'tls.crt': certificate, 'tls.key': key });
    const server = () => openssl.signedBy(other, 'public.example', { extensions: ['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'subjectAltName=DNS:public.example'] });
    const manifest = async (name: string) => (JSON.parse((await certificates.configMap(`${name}-proxy`)).data?.['manifest'] ?? '{}') as { files: Record<string, string> }).files;
    const hash = (text: string) => createHash('sha256').update(text).digest('hex');

    it('is named in the manifest with its hashes, which follow when it is renewed', async () => {
      const first = server();
      await certificates.putSecret('purchased', pair(first));
      await apply('public', { certificate: { name: 'purchased' } });
      await certificates.ready('public');
      const files = await manifest('public');
      assert.deepEqual([files['certs/purchased.crt'], files['certs/purchased.key']], [hash(first.certificate), hash(first.key)]);
      assert.match((await certificates.configMap('public-proxy')).data?.['nginx.conf'] ?? '', /certs\/purchased\.crt/);
      assert.doesNotMatch(JSON.stringify(await certificates.configMap('public-proxy')), /PRIVATE KEY/);
      const second = server();
      await certificates.putSecret('purchased', pair(second));
      await eventually(async () => assert.equal((await manifest('public'))['certs/purchased.key'], hash(second.key)));
      assert.equal((await certificates.get('public')).status?.revision, 1);
    });

    const broken: Record<string, { data?: () => Data; reason: string; says: RegExp }> = {
      'is not there': { reason: 'ServerCertificateMissing', says: /does not exist/ },
      'has no key': { data: () => ({ 'tls.crt': server().certificate }), reason: 'ServerCertificateMissing', says: /lacks tls\.crt or tls\.key/ },
      'is no certificate': { data: () => ({ 'tls.crt': 'hello', 'tls.key': server().key }), reason: 'ServerCertificateMalformed', says: /tls\.crt holds no readable certificate/ },
      'has no readable key': { data: () => ({ 'tls.crt': server().certificate, 'tls.key': 'hello' }), reason: 'ServerCertificateMalformed', says: /tls\.key: / },
      'has an encrypted key': { data: () => ({ 'tls.crt': server().certificate, 'tls.key': openssl.convertKey(other.key, '-aes256', '-passout', 'pass:x') }), reason: 'ServerCertificateMalformed', says: /tls\.key: .*encrypted/ },
      'has another\'s key': { data: () => ({ 'tls.crt': server().certificate, 'tls.key': server().key }), reason: 'ServerCertificateMalformed', says: /does not belong/ },
    };
    for (const [index, [sentence, { data, reason, says }]] of Object.entries(broken).entries()) {
      it(`is refused and healed when it ${sentence}`, async () => {
        const name = `broken-${index}`;
        if (data !== undefined) await certificates.putSecret(`${name}-server`, data());
        await apply(name, { certificate: { name: `${name}-server` } });
        const { message } = await certificates.refused(name, reason);
        assert.match(message, says);
        assert.ok(message.includes(`Secret ${certificates.namespace}/${name}-server`), message);
        await certificates.putSecret(`${name}-server`, pair(server()));
        await certificates.ready(name);
      });
    }
  });
});
