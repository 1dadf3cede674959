import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';

import { generatePrivateKey, PrivateKeyError, readPrivateKey, writePrivateKey } from '../../src/pki/private-key.ts';
import { P256 } from './authorities.ts';
import { file, openssl } from './openssl.ts';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const ed25519 = generateKeyPairSync('ed25519').privateKey;

const pem = (key: typeof ec, type: 'pkcs8' | 'pkcs1' | 'sec1', secret?: string): string =>
  key.export({ type, format: 'pem', ...(secret && { cipher: 'aes-256-cbc', passphrase: secret }) } as never).toString();

describe('readPrivateKey', () => {
  const formats: Readonly<Record<string, string>> = {
    'PKCS#8 with ECDSA': pem(ec, 'pkcs8'),
    'PKCS#8 with RSA': pem(rsa, 'pkcs8'),
    'PKCS#8 with Ed25519': pem(ed25519, 'pkcs8'),
    'PKCS#1': pem(rsa, 'pkcs1'),
    SEC1: pem(ec, 'sec1'),
    'SEC1 behind EC PARAMETERS, as openssl ecparam writes it': openssl('ecparam', '-name', 'prime256v1', '-genkey').output,
    'a key with Windows line ends': pem(ec, 'pkcs8').replaceAll('\n', '\r\n'),
    'a key behind a comment': `Bag Attributes\n  friendlyName: ca\n${pem(rsa, 'pkcs8')}`,
  };
  for (const [sentence, text] of Object.entries(formats)) {
    it(`reads ${sentence}, and writes PKCS#8 that OpenSSL accepts`, () => {
      const written = writePrivateKey(readPrivateKey(text));
      assert.match(written, /^-----BEGIN PRIVATE KEY-----\n/);
      assert.ok(createPrivateKey(written).equals(createPrivateKey(text)));
      assert.equal(openssl('pkey', '-noout', '-in', file('key.pem', written)).status, 0);
    });
  }

  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const otherCurve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
  const refused: Readonly<Record<string, [string, string]>> = {
    'an encrypted PKCS#8 key': [pem(ec, 'pkcs8', 'secret'), 'KeyEncrypted'],
    'an encrypted PKCS#1 key': [pem(rsa, 'pkcs1', 'secret'), 'KeyEncrypted'],
    'an encrypted SEC1 key': [pem(ec, 'sec1', 'secret'), 'KeyEncrypted'],
    'an RSA key of 1024 bits': [pem(short, 'pkcs8'), 'KeyUnsupported'],
    'another curve': [pem(otherCurve, 'pkcs8'), 'KeyUnsupported'],
    'an OpenSSH key': ['-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n', 'KeyUnsupported'],
    'a public key': [createPublicKey(ec).export({ type: 'spki', format: 'pem' }).toString(), 'KeyMalformed'],
    'two keys': [pem(ec, 'pkcs8') + pem(rsa, 'pkcs8'), 'KeyMalformed'],
    'a key cut short': [pem(ec, 'pkcs8').slice(0, 120), 'KeyMalformed'],
    'damaged base64': [pem(ec, 'pkcs8').replace('M', '!'), 'KeyMalformed'],
    'a key with explicit EC parameters': [openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-param_enc', 'explicit').output, 'KeyUnsupported'],
    nothing: ['', 'KeyMalformed'],
  };
  for (const [sentence, [text, reason]] of Object.entries(refused)) {
    it(`refuses ${sentence} with ${reason}, and quotes nothing of it`, () => {
      assert.throws(() => readPrivateKey(text), (error) => {
        assert.ok(error instanceof PrivateKeyError);
        assert.equal(error.reason, reason);
        assert.equal(error.cause, undefined);
        for (const line of text.split('\n').filter((line) => line.length > 8 && !line.startsWith('-----'))) {
          assert.ok(!inspect(error).includes(line));
        }
        return true;
      });
    });
  }

  it('says how to decrypt an encrypted key, with a command that works', () => {
    assert.throws(() => readPrivateKey(pem(ec, 'pkcs8', 'secret')), /encrypted.*openssl pkcs8 -topk8 -nocrypt/);
    const encrypted = file('encrypted.key', pem(ec, 'pkcs8', 'secret'));
    const { output } = openssl('pkcs8', '-topk8', '-nocrypt', '-passin', 'pass:secret', '-in', encrypted);
    assert.ok(createPrivateKey(writePrivateKey(readPrivateKey(output))).equals(ec));
  });
});

it('says how to name the curve of a key that spells it out, with a command that works', () => {
  const text = openssl('ecparam', '-name', 'secp384r1', '-genkey', '-noout', '-param_enc', 'explicit').output;
  assert.throws(() => readPrivateKey(text), /explicit EC parameters.*openssl pkey -in explicit\.key -ec_param_enc named_curve -out tls\.key/);
  const { output } = openssl('pkey', '-in', file('explicit.key', text), '-ec_param_enc', 'named_curve');
  assert.deepEqual(readPrivateKey(output).description, { algorithm: 'ECDSA', size: 384 });
});

describe('PrivateKey', () => {
  it('prints as [private key], however it is printed', async () => {
    const key = await generatePrivateKey(P256);
    const prints = [inspect(key), inspect({ key }, { showHidden: true, depth: 9 }), JSON.stringify({ key }), String(key)];
    for (const print of prints) assert.match(print, /\[private key\]/);
    const copy = Object.assign({}, key);
    for (const print of [...prints, inspect(copy, { depth: 9 })]) assert.doesNotMatch(print, /PRIVATE KEY|KeyObject/);
  });

  it('cannot be forged from its public parts', async () => {
    const key = await generatePrivateKey(P256);
    assert.throws(() => writePrivateKey(Object.create(key) as typeof key), TypeError);
  });

  it('signs what its public key verifies', async () => {
    const key = await generatePrivateKey({ algorithm: 'Ed25519' });
    const data = Buffer.from('content');
    const publicKey = createPublicKey({ key: key.publicKey, format: 'der', type: 'spki' });
    assert.ok(verify(null, data, publicKey, await key.sign(data)));
  });
});
