// CA Secrets as people bring them: what is wrong is said with the Secret's name and key, and heals without a restart.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { newAuthority } from '../support/authority.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import { OpensslFolder } from '../support/openssl-ca.ts';
import type { CaFiles, KeyKind } from '../support/openssl-ca.ts';
import { becomesLeader, installPrerequisites, startOperator } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';
import { TenantCertificates, textOf } from '../support/tenant-certificates.ts';

const DAY_MS = 86_400_000;

describe('a CA Secret', { skip: missingCluster() }, () => {
  const cluster = connect();
  const openssl = new OpensslFolder();
  let operator: OperatorProcess;
  let certificates: TenantCertificates;
  let ca: CaFiles;

  before(async () => {
    await installPrerequisites(cluster);
    certificates = new TenantCertificates(cluster, await freshNamespace(cluster, 'ca-secret'));
    ca = openssl.selfSigned('shop-ca');
    operator = await startOperator(cluster, { args: ['--webhook', 'off', '--metrics-port', '0', '--rotation-wait', '1s'] });
    await becomesLeader(operator);
  });
  after(async () => {
    openssl[Symbol.dispose]();
    await operator.stop();
  });

  const putCa = async (name: string, { certificate, key }: CaFiles) => await certificates.putSecret(name, { 'tls.crt': certificate, 'tls.key': key });
  const ask = async (name: string, secret = `${name}-ca`) => await certificates.apply(name, { issuer: { kind: 'Secret', name: secret }, commonName: `${name}.example`, dnsNames: [`${name}.example`] });
  const encrypted = (...cipher: string[]) => openssl.convertKey(ca.key, ...cipher, '-passout', 'pass:secret');

  interface Fault {
    /** Absent: there is no Secret. */
    readonly data?: () => Promise<Record<string, string>> | Record<string, string>;
    readonly reason: string;
    readonly says: RegExp;
  }

  const faults: Record<string, Fault> = {
    'that does not exist': { reason: 'IssuerNotFound', says: /does not exist/ },
    'without a certificate': { data: () => ({ 'tls.key': ca.key }), reason: 'IssuerMalformed', says: /has no tls\.crt$/ },
    'without a key': { data: () => ({ 'tls.crt': ca.certificate, 'tls.key': '' }), reason: 'IssuerMalformed', says: /has no tls\.key$/ },
    'whose certificate is no PEM': { data: () => ({ 'tls.crt': 'hello', 'tls.key': ca.key }), reason: 'IssuerMalformed', says: /tls\.crt: / },
    'whose certificate is cut off': { data: () => ({ 'tls.crt': ca.certificate.slice(0, 200), 'tls.key': ca.key }), reason: 'IssuerMalformed', says: /tls\.crt: / },
    'whose certificate is damaged': { data: () => ({ 'tls.crt': ca.certificate.replace(/\n[A-Za-z0-9+/]{64}/, `\n${'A'.repeat(64)}`), 'tls.key': ca.key }), reason: 'IssuerMalformed', says: /tls\.crt: certificate 1/ },
    'whose key is no PEM': { data: () => ({ 'tls.crt': ca.certificate, 'tls.key': 'hello' }), reason: 'IssuerMalformed', says: /tls\.key: / },
    'whose key is damaged': { data: () => ({ 'tls.crt': ca.certificate, 'tls.key': ca.key.replace(/\n[A-Za-z0-9+/]{64}/, `\n${'A'.repeat(64)}`) }), reason: 'IssuerMalformed', says: /tls\.key: / },
    'whose key is another\'s': { data: () => ({ 'tls.crt': ca.certificate, 'tls.key': openssl.selfSigned('other').key }), reason: 'IssuerKeyMismatch', says: /tls\.key does not belong to a certificate in tls\.crt/ },
    'whose key is encrypted (PKCS#8)': { data: () => ({ 'tls.crt': ca.certificate, 'tls.key': encrypted('-aes256') }), reason: 'IssuerKeyEncrypted', says: /tls\.key: .*encrypted.*openssl/ },
    'whose key is encrypted (OpenSSL\'s old way)': { data: () => ({ 'tls.crt': ca.certificate, 'tls.key': encrypted('-traditional', '-aes256') }), reason: 'IssuerKeyEncrypted', says: /tls\.key: .*encrypted/ },
    'whose key is of an unusual curve': {
      data: () => ({ 'tls.crt': ca.certificate, 'tls.key': openssl.run('ecparam', '-name', 'secp256k1', '-genkey', '-noout') }),
      reason: 'IssuerMalformed', says: /tls\.key: .*P-256/,
    },
    'that expired': {
      data: async () => {
        const { certificatePem, keyPem } = await newAuthority('old', undefined, new Date(Date.now() - 400 * DAY_MS));
        return { 'tls.crt': certificatePem, 'tls.key': keyPem };
      },
      reason: 'IssuerExpired', says: /expired at 20/,
    },
    'that is not valid yet': {
      data: async () => {
        const { certificatePem, keyPem } = await newAuthority('early', undefined, new Date(Date.now() + 10 * DAY_MS));
        return { 'tls.crt': certificatePem, 'tls.key': keyPem };
      },
      reason: 'IssuerNotYetValid', says: /valid from 20/,
    },
    'that is no CA': {
      data: () => {
        const { certificate, key } = openssl.selfSigned('leaf', { extensions: ['-addext', 'basicConstraints=critical,CA:FALSE'] });
        return { 'tls.crt': certificate, 'tls.key': key };
      },
      reason: 'IssuerNotCA', says: /tls\.crt: .*not a CA/,
    },
    'that may not sign certificates': {
      data: () => {
        const { certificate, key } = openssl.selfSigned('no-sign', { extensions: ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,cRLSign'] });
        return { 'tls.crt': certificate, 'tls.key': key };
      },
      reason: 'IssuerNotCA', says: /tls\.crt: .*keyUsage/,
    },
  };

  describe('is refused, named, and taken as soon as it is right', { concurrency: 8 }, () => {
    for (const [index, [sentence, { data, reason, says }]] of Object.entries(faults).entries()) {
      it(`one ${sentence}`, async () => {
        const name = `faulty-${index}`;
        if (data !== undefined) await certificates.putSecret(`${name}-ca`, await data());
        await ask(name);
        const { message } = await certificates.refused(name, reason);
        assert.match(message, says);
        assert.ok(message.includes(`Secret ${certificates.namespace}/${name}-ca`), `names the Secret: ${message}`);
        const event = await certificates.hasEvent(name, reason);
        assert.equal(event.type, 'Warning');
        assert.ok(event.message.startsWith(message), event.message);
        await putCa(`${name}-ca`, ca);
        const { status } = await certificates.ready(name);
        assert.equal(status?.failedIssuanceAttempts, undefined);
      });
    }
  });

  it('that goes bad later stops nothing that was issued, and is good again when put back', async () => {
    await putCa('lasting-ca', ca);
    await ask('lasting');
    const before = (await certificates.ready('lasting')).status;
    await certificates.putSecret('lasting-ca', { 'tls.crt': 'nonsense', 'tls.key': ca.key });
    await certificates.refused('lasting', 'IssuerMalformed');
    assert.equal((await certificates.leaf('lasting-tls')).serialNumber, before?.serialNumber);
    await putCa('lasting-ca', ca);
    const after = (await certificates.ready('lasting')).status;
    assert.deepEqual([after?.serialNumber, after?.revision], [before?.serialNumber, before?.revision]);
  });

  it('never shows its key in a condition, an Event or the log', async () => {
    const lines = ca.key.split('\n').filter((line) => line.length > 30);
    const told = [operator.output()];
    for (const index of Object.keys(faults).keys()) told.push(JSON.stringify(await certificates.events(`faulty-${index}`)), JSON.stringify(await certificates.get(`faulty-${index}`)));
    assert.doesNotMatch(told.join('\n'), /\[private key\]|PRIVATE KEY/);
    assert.ok(lines.every((line) => !told.join('\n').includes(line)));
  });

  describe('signs with keys of all kinds and formats', { concurrency: 4 }, () => {
    const formats: Record<string, [KeyKind, (key: string) => string]> = {
      'ECDSA in PKCS#8': ['ECDSA', (key) => key],
      'ECDSA in SEC1': ['ECDSA', (key) => openssl.convertKey(key, '-traditional')],
      'ECDSA in SEC1 behind its parameters': ['ECDSA', (key) => openssl.run('ecparam', '-name', 'prime256v1') + openssl.convertKey(key, '-traditional')],
      'ECDSA P-384 in PKCS#8': ['ECDSA P-384', (key) => key],
      'RSA in PKCS#8': ['RSA', (key) => key],
      'RSA in PKCS#1': ['RSA', (key) => openssl.convertKey(key, '-traditional')],
      'Ed25519 in PKCS#8': ['Ed25519', (key) => key],
    };
    for (const [index, [sentence, [kind, convert]]] of Object.entries(formats).entries()) {
      it(sentence, async () => {
        const { certificate, key } = openssl.selfSigned(`ca-${index}`, { key: kind });
        await putCa(`format-${index}-ca`, { certificate, key: convert(key) });
        await ask(`format-${index}`);
        await certificates.ready(`format-${index}`);
        const secret = await certificates.secret(`format-${index}-tls`);
        assert.match(openssl.verify(certificate, textOf(secret, 'tls.crt')), /OK$/);
        assert.equal(textOf(secret, 'ca.crt').trim(), certificate.trim());
      });
    }
  });

  it('may be an intermediate: its chain travels, and a twin of it is the only anchor', async () => {
    const root = openssl.selfSigned('root');
    const upper = openssl.signedBy(root, 'upper');
    const lower = openssl.signedBy(upper, 'lower');
    // In the wrong order, and with the root, as people do.
    await putCa('chain-ca', { certificate: root.certificate + upper.certificate + lower.certificate, key: lower.key });
    await ask('chain');
    await certificates.ready('chain');
    const secret = await certificates.secret('chain-tls');
    const [tls, anchor] = [textOf(secret, 'tls.crt'), textOf(secret, 'ca.crt')];
    assert.match(openssl.verify(anchor, tls), /OK$/);
    assert.match(openssl.verify(root.certificate, tls), /OK$/);
    assert.equal(tls.match(/BEGIN CERTIFICATE/g)?.length, 3, 'leaf, lower, upper');
    assert.equal(anchor.match(/BEGIN CERTIFICATE/g)?.length, 1);
    const subject = (pem: string, what: string) => openssl.run('x509', '-in', openssl.write(pem), '-noout', what).replace(/^\w+=/, '').trim();
    assert.equal(subject(anchor, '-subject'), subject(lower.certificate, '-subject'));
    assert.equal(subject(anchor, '-issuer'), subject(anchor, '-subject'));
    const other = openssl.signedBy(upper, 'neighbour');
    const stranger = openssl.signedBy(other, 'stranger', { extensions: ['-addext', 'basicConstraints=critical,CA:FALSE'] });
    assert.throws(() => openssl.verify(anchor, stranger.certificate + other.certificate + upper.certificate), /error/i);
  });

  it('keeps the same twin for all its certificates', async () => {
    await ask('chain-again', 'chain-ca');
    await certificates.ready('chain-again');
    const [first, second] = [await certificates.secret('chain-tls'), await certificates.secret('chain-again-tls')];
    assert.equal(textOf(first, 'ca.crt'), textOf(second, 'ca.crt'));
  });

  it('that forbids a name is named with it, and the next one that allows it signs without delay', async () => {
    const strict = openssl.selfSigned('strict', { extensions: ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign', '-addext', 'nameConstraints=critical,permitted;DNS:allowed.example'] });
    await putCa('strict-ca', strict);
    await ask('constrained', 'strict-ca');
    await eventually(async () => {
      const { status } = await certificates.get('constrained');
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      assert.deepEqual([ready?.status, status?.failedIssuanceAttempts], ['False', 1]);
      assert.match(ready?.message ?? '', /constrained\.example|name constraints/);
    });
    await putCa('strict-ca', ca);
    await certificates.ready('constrained');
  });

  it('that is replaced makes each of its certificates be issued once more, and trust follows', async () => {
    await putCa('replaced-ca', ca);
    for (const name of ['one', 'two']) await ask(name, 'replaced-ca');
    for (const name of ['one', 'two']) await certificates.ready(name);
    const next = openssl.selfSigned('shop-ca-2');
    await putCa('replaced-ca', next);
    for (const name of ['one', 'two']) {
      await eventually(async () => assert.equal((await certificates.get(name)).status?.revision, 2));
      assert.match(openssl.verify(next.certificate, textOf(await certificates.secret(`${name}-tls`), 'tls.crt')), /OK$/);
      // For a while both are trusted, then only the new one.
      await eventually(async () => {
        const [secret, { data = {} }] = [await certificates.secret(`${name}-tls`), await certificates.configMap(`${name}-proxy`)];
        assert.equal(textOf(secret, 'ca.crt').trim(), next.certificate.trim());
        assert.equal(data['trust-0.crt']?.trim(), next.certificate.trim());
        const manifest = JSON.parse(data['manifest'] ?? '{}') as { files: Record<string, string> };
        assert.equal(manifest.files['certs/tls.crt'], createHash('sha256').update(textOf(secret, 'tls.crt')).digest('hex'));
      });
      await certificates.ready(name);
    }
    assert.equal(operator.log.filter(({ msg, reason }) => msg === 'certificate issued' && reason === 'IssuerChanged').length, 2);
  });
});
