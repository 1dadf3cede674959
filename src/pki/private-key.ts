// Private keys as opaque values. One rule: the only ways out are `writePrivateKey` (for the Secret) and a signature;
// logging, inspecting or stringifying one prints `[private key]`.
import { createPrivateKey, createPublicKey, generateKeyPair, sign as signWithCallback } from 'node:crypto';
import type { KeyObject, X509Certificate } from 'node:crypto';
import { inspect, promisify } from 'node:util';

import { hasExplicitParameters } from './explicit-parameters.ts';
import { CURVES, describeKey, signatureScheme } from './key-specification.ts';
import type { KeyDescription, KeySpecification } from './key-specification.ts';
import { parsePem, PemError } from './pem.ts';

const keyPair = promisify(generateKeyPair);
const sign = promisify(signWithCallback) as (
  hash: string | null,
  data: Uint8Array,
  key: KeyObject,
) => Promise<Buffer<ArrayBuffer>>;

/** Key objects live beside the class, not in it, so that no serializer can reach them. */
const keyObjects = new WeakMap<PrivateKey, KeyObject>();

export class PrivateKey {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Buffer;
  readonly description: KeyDescription;

  constructor(keyObject: KeyObject, description: KeyDescription) {
    keyObjects.set(this, keyObject);
    this.description = description;
    this.publicKey = createPublicKey(keyObject).export({ type: 'spki', format: 'der' });
  }

  /** Signs with the scheme that belongs to the key; see `signatureScheme`. */
  sign(data: Uint8Array): Promise<Buffer<ArrayBuffer>> {
    return sign(signatureScheme(this.description).hash, data, keyObjectOf(this));
  }

  toString(): string {
    return '[private key]';
  }

  toJSON(): string {
    return '[private key]';
  }

  [inspect.custom](): string {
    return '[private key]';
  }
}

export type PrivateKeyFailure = 'KeyMalformed' | 'KeyEncrypted' | 'KeyUnsupported';

/** Thrown by `readPrivateKey`; the message is for people and never quotes the text that was read. */
export class PrivateKeyError extends Error {
  override readonly name = 'PrivateKeyError';
  readonly reason: PrivateKeyFailure;

  constructor(reason: PrivateKeyFailure, message: string) {
    super(message);
    this.reason = reason;
  }
}

const ENCRYPTED =
  'the private key is encrypted; store it decrypted: openssl pkcs8 -topk8 -nocrypt -in encrypted.key -out tls.key';

const EXPLICIT =
  'the private key has explicit EC parameters, which TLS libraries refuse; store it with a named curve: openssl pkey -in explicit.key -ec_param_enc named_curve -out tls.key';

export async function generatePrivateKey(specification: KeySpecification): Promise<PrivateKey> {
  const { privateKey } = await generate(specification);
  const description: KeyDescription =
    specification.algorithm === 'Ed25519'
      ? { algorithm: 'Ed25519' }
      : { algorithm: specification.algorithm, size: specification.size };
  return new PrivateKey(privateKey, description);
}

/** Reads PKCS#8, PKCS#1 or SEC1 (EC PARAMETERS before it are skipped). Throws PrivateKeyError. */
export function readPrivateKey(pem: string): PrivateKey {
  const keyObject = decodeKey(pem);
  const description = describeKey(keyObject);
  if (description === undefined) {
    throw new PrivateKeyError('KeyUnsupported', 'the private key is none of RSA from 2048 bits, ECDSA P-256, P-384 or P-521, Ed25519');
  }
  const key = new PrivateKey(keyObject, description);
  if (hasExplicitParameters(key.publicKey)) throw new PrivateKeyError('KeyUnsupported', EXPLICIT);
  return key;
}

/** PKCS#8 PEM, for the Secret the key belongs to and nothing else. */
export function writePrivateKey(key: PrivateKey): string {
  return keyObjectOf(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Whether the certificate's public key belongs to this key. */
export function keyMatchesCertificate(key: PrivateKey, certificate: X509Certificate): boolean {
  return certificate.checkPrivateKey(keyObjectOf(key));
}

function keyObjectOf(key: PrivateKey): KeyObject {
  const keyObject = keyObjects.get(key);
  if (keyObject === undefined) throw new TypeError('this is not a private key of this process');
  return keyObject;
}

function generate(specification: KeySpecification): Promise<{ privateKey: KeyObject }> {
  switch (specification.algorithm) {
    case 'ECDSA':
      return keyPair('ec', { namedCurve: CURVES[specification.size].name });
    case 'RSA':
      return keyPair('rsa', { modulusLength: specification.size });
    case 'Ed25519':
      return keyPair('ed25519');
  }
}

const KEY_FORMATS: Readonly<Record<string, 'pkcs8' | 'pkcs1' | 'sec1'>> = {
  'PRIVATE KEY': 'pkcs8',
  'RSA PRIVATE KEY': 'pkcs1',
  'EC PRIVATE KEY': 'sec1',
};

function decodeKey(pem: string): KeyObject {
  const { type, der } = findKey(pem);
  try {
    return createPrivateKey({ key: der, format: 'der', type });
  } catch {
    // The cause is left out on purpose: OpenSSL's errors may carry parts of what they parsed.
    throw new PrivateKeyError('KeyMalformed', 'the private key cannot be decoded');
  }
}

function findKey(pem: string): { type: 'pkcs8' | 'pkcs1' | 'sec1'; der: Buffer } {
  const keys = parseKeyBlocks(pem).filter((block) => block.label.endsWith('PRIVATE KEY'));
  const [key] = keys;
  if (key === undefined) throw new PrivateKeyError('KeyMalformed', 'there is no PEM block with a private key');
  if (keys.length > 1) throw new PrivateKeyError('KeyMalformed', 'there is more than one private key');
  if (key.encrypted || key.label === 'ENCRYPTED PRIVATE KEY') throw new PrivateKeyError('KeyEncrypted', ENCRYPTED);
  const type = KEY_FORMATS[key.label];
  if (type === undefined) throw new PrivateKeyError('KeyUnsupported', 'the private key is in none of the formats PKCS#8, PKCS#1 and SEC1');
  return { type, der: key.der };
}

function parseKeyBlocks(pem: string): ReturnType<typeof parsePem> {
  try {
    return parsePem(pem);
  } catch (error) {
    if (error instanceof PemError) throw new PrivateKeyError('KeyMalformed', error.message);
    throw error;
  }
}
