// What the API server refuses of a TenantCertificate, with a message that names the field; what it fills in; what kubectl prints.
import assert from 'node:assert/strict';
import https from 'node:https';
import { before, describe, it } from 'node:test';
import { ApiError } from '../../src/kube/api-error.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { connect, freshNamespace, missingCluster } from '../support/cluster.ts';
import { installPrerequisites } from '../support/operator.ts';

const DRY_RUN: { readonly query: Readonly<Record<string, string>> } = { query: { dryRun: 'All' } };
const ISSUER = { kind: 'Secret', name: 'shop-ca' };
const valid = { issuer: ISSUER, commonName: 'hello.example' };
const listener = (more: object) => ({ ...valid, proxy: { listeners: [{ name: 'https', port: 8443, ...more }] } });
const tls = (more: object) => listener({ tls: more });
const upstream = (more: object) => ({ ...valid, proxy: { upstreams: [{ name: 'app', ...more }] } });
const many = <T>(count: number, of: (index: number) => T) => Array.from({ length: count }, (_, index) => of(index));

describe('the API server', { skip: missingCluster() }, () => {
  const cluster = connect();
  let namespace: string;

  before(async () => {
    await installPrerequisites(cluster);
    namespace = await freshNamespace(cluster, 'validation');
  });

  const create = async (spec: object, { name = 'hello', options = DRY_RUN } = {}) =>
    await cluster.admin.create(resources.TenantCertificate, { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name, namespace }, spec } as KubeObject, options);

  const refusals: Record<string, [spec: object, says: RegExp]> = {
    'no issuer': [{ commonName: 'x' }, /spec\.issuer: Required/],
    'an unknown kind of issuer': [{ ...valid, issuer: { kind: 'Vault', name: 'x' } }, /spec\.issuer\.kind: Unsupported value: "Vault"/],
    'an issuer without a name': [{ ...valid, issuer: { kind: 'Secret' } }, /spec\.issuer: .*spec\.issuer\.name is required/],
    'a name that is none': [{ ...valid, issuer: { kind: 'Secret', name: '../etc' } }, /spec\.issuer\.name: Invalid value/],
    'a name for SelfSigned': [{ ...valid, isCA: true, issuer: { kind: 'SelfSigned', name: 'x' } }, /spec\.issuer: .*has no meaning for kind SelfSigned/],
    'SelfSigned without isCA': [{ ...valid, issuer: { kind: 'SelfSigned' } }, /SelfSigned needs spec\.isCA: true/],
    'nothing to certify': [{ issuer: ISSUER }, /needs spec\.commonName, spec\.dnsNames/],
    'empty lists only': [{ issuer: ISSUER, dnsNames: [] }, /needs spec\.commonName, spec\.dnsNames/],
    'a common name that is too long': [{ ...valid, commonName: 'x'.repeat(65) }, /spec\.commonName: Too long/],
    'a common name with a line break': [{ ...valid, commonName: 'a\nb' }, /spec\.commonName: Invalid value/],
    'a DNS name with a space': [{ ...valid, dnsNames: ['a b'] }, /spec\.dnsNames\[0\]: Invalid value/],
    'too many DNS names': [{ ...valid, dnsNames: many(65, (index) => `n${index}.example`) }, /spec\.dnsNames: Too many: 65/],
    'an address that is none': [{ ...valid, ipAddresses: ['10.0.0.1', '10.0.0.256'] }, /spec\.ipAddresses\[1\]: .*must be an IPv4 or IPv6 address/],
    'a URI without a scheme': [{ ...valid, uris: ['shop'] }, /spec\.uris\[0\]: Invalid value/],
    'a mail address that is none': [{ ...valid, emailAddresses: ['shop'] }, /spec\.emailAddresses\[0\]: Invalid value/],
    'a country that is none': [{ ...valid, subject: { countries: ['Utopia'] } }, /spec\.subject\.countries\[0\]: /],
    'an unknown usage': [{ ...valid, usages: ['server auth', 'anything'] }, /spec\.usages\[1\]: Unsupported value: "anything"/],
    'a usage twice': [{ ...valid, usages: ['server auth', 'server auth'] }, /spec\.usages\[1\]: Duplicate value/],
    'a duration that is none': [{ ...valid, duration: '7d' }, /spec\.duration: Invalid value: "7d"/],
    'a duration of a minute': [{ ...valid, duration: '1m' }, /spec\.duration: .*must be at least 10m/],
    'a renewal before its beginning': [{ ...valid, duration: '1h', renewBefore: '2h' }, /spec\.renewBefore: .*must be shorter than spec\.duration/],
    'a renewal before the beginning of the default duration': [{ ...valid, renewBefore: '200h' }, /spec\.renewBefore: .*must be shorter/],
    'a renewal before the beginning of a CA\'s default duration': [{ ...valid, isCA: true, renewBefore: '43800h' }, /spec\.renewBefore: .*must be shorter/],
    'an unknown algorithm': [{ ...valid, privateKey: { algorithm: 'DSA' } }, /spec\.privateKey\.algorithm: Unsupported value: "DSA"/],
    'an RSA key of 1024 bits': [{ ...valid, privateKey: { algorithm: 'RSA', size: 1024 } }, /spec\.privateKey\.size: .*2048, 3072 or 4096/],
    'an ECDSA key of 2048 bits': [{ ...valid, privateKey: { size: 2048 } }, /spec\.privateKey\.size: .*256, 384 or 521/],
    'an Ed25519 key with a size': [{ ...valid, privateKey: { algorithm: 'Ed25519', size: 256 } }, /spec\.privateKey\.size: .*remove it/],
    'a CA with a proxy': [{ ...valid, isCA: true, proxy: {} }, /spec\.proxy: .*a CA certificate is not served/],
    'a label whose key is none': [{ ...valid, secretTemplate: { labels: { ok: 'x', 'not a key': 'x' } } }, /spec\.secretTemplate\.labels: .*a key of labels is a name of up to 63 letters/],
    'a label with capitals in its domain': [{ ...valid, secretTemplate: { labels: { 'Example.com/team': 'x' } } }, /spec\.secretTemplate\.labels: .*a key of labels is/],
    'a label whose name is too long': [{ ...valid, secretTemplate: { labels: { [`example.com/${'x'.repeat(64)}`]: 'x' } } }, /spec\.secretTemplate\.labels: .*a key of labels is/],
    'a label whose domain is too long': [{ ...valid, secretTemplate: { labels: { [`${'x'.repeat(254)}/team`]: 'x' } } }, /spec\.secretTemplate\.labels: .*a key of labels is/],
    'a label whose value is none': [{ ...valid, secretTemplate: { labels: { team: 'not a value' } } }, /spec\.secretTemplate\.labels\.team: Invalid value: "not a value"/],
    'a label whose value is too long': [{ ...valid, secretTemplate: { labels: { team: 'x'.repeat(64) } } }, /spec\.secretTemplate\.labels\.team: Too long/],
    'an annotation whose key is none': [{ ...valid, secretTemplate: { annotations: { 'a/b/c': 'x' } } }, /spec\.secretTemplate\.annotations: .*a key of annotations is a name of up to 63 letters/],
    'an annotation without a key': [{ ...valid, secretTemplate: { annotations: { '': 'x' } } }, /spec\.secretTemplate\.annotations: .*a key of annotations is/],
    'an unknown reason of revocation': [{ ...valid, revoked: { reason: 'whim' } }, /spec\.revoked\.reason: Unsupported value: "whim"/],
    'an unknown deletion policy': [{ ...valid, deletionPolicy: 'Keep' }, /spec\.deletionPolicy: Unsupported value: "Keep"/],
    'a Secret\'s name with capitals': [{ ...valid, secretName: 'Hello' }, /spec\.secretName: Invalid value: "Hello"/],
    'an unknown engine': [{ ...valid, proxy: { engine: 'envoy' } }, /spec\.proxy\.engine: Unsupported value: "envoy"/],
    'a privileged port': [listener({ port: 443 }), /spec\.proxy\.listeners\[0\]\.port: /],
    'the sidecar\'s own port': [listener({ port: 15_643 }), /spec\.proxy\.listeners\[0\]\.port: .*15643/],
    'two listeners on one port': [{ ...valid, proxy: { listeners: [{ name: 'a', port: 8443 }, { name: 'b', port: 8443 }] } }, /spec\.proxy\.listeners: .*two listeners cannot share a port/],
    'two listeners of one name': [{ ...valid, proxy: { listeners: [{ name: 'a', port: 8443 }, { name: 'a', port: 8444 }] } }, /spec\.proxy\.listeners\[1\]: Duplicate value/],
    'no listener': [{ ...valid, proxy: { listeners: [] } }, /spec\.proxy\.listeners: /],
    'too many listeners': [{ ...valid, proxy: { listeners: many(17, (index) => ({ name: `l${index}`, port: 2000 + index })) } }, /spec\.proxy\.listeners: Too many: 17/],
    'a port name of digits': [listener({ name: '8443' }), /spec\.proxy\.listeners\[0\]\.name: .*needs at least one letter/],
    'a bind address that is none': [listener({ bind: 'localhost' }), /spec\.proxy\.listeners\[0\]\.bind: .*must be an IP address/],
    'an old version of TLS': [tls({ minVersion: 'TLSv1.1' }), /listeners\[0\]\.tls\.minVersion: Unsupported value/],
    'a cipher that is configuration': [tls({ ciphers: ['AES;include /etc/passwd'] }), /listeners\[0\]\.tls\.ciphers\[0\]: Invalid value/],
    'an empty trust': [tls({ trust: [] }), /listeners\[0\]\.tls\.trust: /],
    'a trust source without a name': [tls({ trust: [{ kind: 'Secret' }] }), /listeners\[0\]\.tls\.trust\[0\]: .*name is required/],
    'a key for a Tenant': [tls({ trust: [{ kind: 'Tenant', name: 'a', key: 'ca.crt' }] }), /tls\.trust\[0\]: .*key and crlKey belong to/],
    'routes with clients that nobody verifies': [listener({ tls: { clientAuth: 'OptionalNoCA' }, routes: [{ clients: [{ commonName: 'a' }], upstream: 'app' }] }), /listeners\[0\]: .*no client is verified/],
    'a client without a field': [listener({ tls: {}, routes: [{ clients: [{}], upstream: 'app' }] }), /routes\[0\]\.clients\[0\]: /],
    'a route to nowhere': [listener({ tls: {}, routes: [{ path: '/' }] }), /routes\[0\]: .*either an upstream or a response/],
    'a path with a space': [listener({ tls: {}, routes: [{ path: '/a b', upstream: 'app' }] }), /routes\[0\]\.path: Invalid value/],
    'a path on TCP': [listener({ protocol: 'TCP', tls: {}, routes: [{ path: '/', upstream: 'app' }] }), /listeners\[0\]: .*TCP listener know clients and upstream only/],
    'a redirect behind TLS': [listener({ tls: {}, redirect: {} }), /listeners\[0\]: .*redirect is for a plaintext HTTP listener/],
    'a redirect with another status': [listener({ redirect: { statusCode: 200 } }), /redirect\.statusCode: Unsupported value: 200/],
    'a header with a colon': [listener({ tls: {}, forwardClientCertificate: { header: 'X: y' } }), /forwardClientCertificate\.header: Invalid value/],
    'an upstream without a port': [upstream({ addresses: ['app'] }), /upstreams\[0\]\.addresses\[0\]: Invalid value: "app"/],
    'an unknown upstream protocol': [upstream({ protocol: 'HTTP3' }), /upstreams\[0\]\.protocol: Unsupported value/],
    'a server name that is configuration': [upstream({ tls: { serverName: 'a;b' } }), /upstreams\[0\]\.tls\.serverName: Invalid value/],
    'an unknown network policy': [{ ...valid, networkPolicy: 'On' }, /spec\.networkPolicy: Unsupported value: "On"/],
  };

  describe('refuses', { concurrency: 8 }, () => {
    for (const [sentence, [spec, says]] of Object.entries(refusals)) {
      it(sentence, async () => {
        await assert.rejects(create(spec), (error) => {
          assert.ok(error instanceof ApiError);
          assert.deepEqual([error.code, error.reason], [422, 'Invalid'], error.message);
          assert.match(error.message, says);
          return true;
        });
      });
    }

    it('a name that is too long for a label', async () => {
      await assert.rejects(create(valid, { name: 'x'.repeat(64) }), /metadata\.name.*63|63.*metadata\.name/s);
    });

    it('a field that does not exist, when asked to be strict', async () => {
      await assert.rejects(create({ ...valid, dnsNmaes: ['x'] }, { options: { query: { dryRun: 'All', fieldValidation: 'Strict' } } }), /unknown field "spec\.dnsNmaes"/);
    });
  });

  const accepted: Record<string, object> = {
    'the least there can be': valid,
    'only a URI': { issuer: ISSUER, uris: ['spiffe://shop/ns/shop/sa/hello'] },
    'only an address': { issuer: ISSUER, ipAddresses: ['fd00::1'] },
    'a root': { issuer: { kind: 'SelfSigned' }, isCA: true, commonName: 'root' },
    'a Tenant\'s certificate': { ...valid, issuer: { kind: 'Tenant', name: 'customer1' } },
    'umlauts in the subject': { ...valid, subject: { organizations: ['Bäckerei Süß'], countries: ['DE'] } },
    'a duration of several units': { ...valid, duration: '1h30m', renewBefore: '45m' },
    'a renewal that fits the default duration': { ...valid, renewBefore: '167h' },
    'sixteen listeners': { ...valid, proxy: { listeners: many(16, (index) => ({ name: `l${index}`, port: 2000 + index, tls: {} })) } },
    'a gateway': {
      ...valid,
      proxy: {
        engine: 'node',
        listeners: [
          { name: 'https', port: 8443, tls: { trust: [{ kind: 'Tenant', name: 'a' }, { kind: 'ConfigMap', name: 'b', key: 'ca.pem', crlKey: 'ca.crl' }] }, routes: [{ clients: [{ tenant: 'a', commonName: 'x' }], path: '/api', rewritePrefix: '/', upstream: 'app' }, { response: { statusCode: 404 } }] },
          { name: 'http', port: 8080, redirect: {} },
          { name: 'tcp', port: 5432, protocol: 'TCP', tls: { clientAuth: 'Optional' } },
        ],
        upstreams: [{ name: 'app', addresses: ['127.0.0.1:9090', '[::1]:9090', 'db.shop.svc:9090'], tls: { trust: [{ kind: 'System' }] } }],
      },
    },
  };
  describe('accepts', { concurrency: 8 }, () => {
    for (const [sentence, spec] of Object.entries(accepted)) it(sentence, async () => void (await create(spec)));
  });

  describe('takes of a Secret\'s template what it takes of a Secret', { concurrency: 8 }, () => {
    const domain = many(4, () => 'd'.repeat(63)).join('.').slice(0, 253);
    const templates: Record<string, { labels?: Record<string, string>; annotations?: Record<string, string> }> = {
      'keys with and without a domain, an empty value': { labels: { team: 'shop', 'example.com/a_B.c-9': '', 'x/y': 'A.b_c-9' }, annotations: { note: 'any text: äöü\n', 'Example.COM/Y': '' } },
      'the longest keys and values, as many as there may be': {
        labels: Object.fromEntries(many(32, (index) => [`${domain}/${'x'.repeat(61)}${10 + index}`, 'v'.repeat(63)])),
        annotations: Object.fromEntries(many(32, (index) => [`${domain}/${'x'.repeat(61)}${10 + index}`, 'v'.repeat(4096)])),
      },
    };
    for (const [sentence, secretTemplate] of Object.entries(templates)) {
      it(sentence, async () => {
        await create({ ...valid, secretTemplate });
        await cluster.admin.create(resources.Secret, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'templated', namespace, ...secretTemplate } } as KubeObject, DRY_RUN);
      });
    }
  });

  it('fills in what is left out', async () => {
    const { spec } = (await create({ ...valid, proxy: { listeners: [{ name: 'https', port: 8443, tls: {} }], upstreams: [{ name: 'app' }] } })) as KubeObject & { spec: object };
    assert.deepEqual(spec, {
      ...valid, isCA: false, networkPolicy: 'Unmanaged', privateKey: { algorithm: 'ECDSA', rotationPolicy: 'Always' },
      proxy: {
        engine: 'nginx', accessLog: 'Errors',
        listeners: [{ name: 'https', port: 8443, protocol: 'HTTP', tls: { clientAuth: 'Required', minVersion: 'TLSv1.2' } }],
        upstreams: [{ name: 'app', protocol: 'HTTP1' }],
      },
    });
  });

  it('prints a line that answers the first questions', async () => {
    await create(valid, { name: 'printed', options: { query: {} } });
    const status = {
      secretName: 'printed-tls', issuer: 'Secret/shop-ca', notAfter: '2099-01-01T00:00:00Z', renewalTime: '2098-01-01T00:00:00Z', serialNumber: '0A', revision: 3,
      pods: { total: 2, current: 1, summary: '1/2' },
      conditions: [{ type: 'Ready', status: 'True', reason: 'Issued', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    };
    await cluster.admin.patchStatus(resources.TenantCertificate, { namespace, name: 'printed' }, status);
    const table = await printedTable();
    const shown = Object.fromEntries(table.columnDefinitions.map(({ name, priority }, index) => [`${name}${priority === 0 ? '' : ' (wide)'}`, String(table.rows[0]?.cells[index])]));
    delete shown['Name'];
    assert.match(shown['Age'] ?? '', /^\d+s$/);
    assert.deepEqual({ ...shown, Age: '' }, {
      Ready: 'True', Secret: 'printed-tls', Issuer: 'Secret/shop-ca', Expires: '2099-01-01T00:00:00Z', Renews: '2098-01-01T00:00:00Z', Pods: '1/2', Age: '',
      'Reason (wide)': 'Issued', 'Serial (wide)': '0A', 'Revision (wide)': '3',
    });
  });

  interface Table {
    readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
    readonly rows: readonly { readonly cells: readonly unknown[] }[];
  }

  /** As kubectl asks for it: the API client of the operator has no use for tables. */
  async function printedTable(): Promise<Table> {
    const options: Parameters<typeof https.request>[1] = {};
    await cluster.kubeConfig.applyToHTTPSOptions(options);
    const url = `${cluster.kubeConfig.getCurrentCluster()?.server}/apis/tenant-mtls.dev/v1alpha1/namespaces/${namespace}/tenantcertificates?fieldSelector=metadata.name%3Dprinted`;
    return await new Promise((resolve, reject) => {
      const request = https.request(url, { ...options, headers: { ...options.headers, accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('end', () => resolve(JSON.parse(body) as Table));
      });
      request.on('error', reject).end();
    });
  }
});
