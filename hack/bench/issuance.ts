// Certificates per second on one core, with key generation, verification and PEM, beside the limit that the cryptography alone sets
// (generate a key, make one signature). Run: node hack/bench/issuance.ts [seconds per row]
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { cpus } from 'node:os';

import { makeAnchor } from '../../src/pki/anchor.ts';
import { issueCertificate, selfSign } from '../../src/pki/issue-certificate.ts';
import { readIssuer } from '../../src/pki/issuer.ts';
import type { Issuer } from '../../src/pki/issuer.ts';
import { CURVES } from '../../src/pki/key-specification.ts';
import type { KeySpecification } from '../../src/pki/key-specification.ts';
import { generatePrivateKey, writePrivateKey } from '../../src/pki/private-key.ts';
import { verifyIssued } from '../../src/pki/verify-issued.ts';

export interface IssuanceRow {
  readonly name: string;
  /** Key, certificate and PEM. */
  readonly issuedPerSecond: number;
  /** The same and `verifyIssued`, as the operator does it; per second of CPU, whatever else the machine does. */
  readonly issuedAndVerifiedPerCpuSecond: number;
  /** One key and one signature, nothing else. */
  readonly primitivePerSecond: number;
}

const CASES: readonly { readonly name: string; readonly authority: KeySpecification; readonly leaf: KeySpecification }[] = [
  { name: 'ECDSA P-256, signed by P-256', authority: { algorithm: 'ECDSA', size: 256 }, leaf: { algorithm: 'ECDSA', size: 256 } },
  { name: 'ECDSA P-256, signed by RSA 4096', authority: { algorithm: 'RSA', size: 4096 }, leaf: { algorithm: 'ECDSA', size: 256 } },
  { name: 'ECDSA P-384, signed by P-384', authority: { algorithm: 'ECDSA', size: 384 }, leaf: { algorithm: 'ECDSA', size: 384 } },
  { name: 'Ed25519, signed by Ed25519', authority: { algorithm: 'Ed25519' }, leaf: { algorithm: 'Ed25519' } },
  { name: 'RSA 2048, signed by RSA 2048', authority: { algorithm: 'RSA', size: 2048 }, leaf: { algorithm: 'RSA', size: 2048 } },
];

export async function benchIssuance(secondsPerRow: number): Promise<IssuanceRow[]> {
  const rows: IssuanceRow[] = [];
  for (const { name, authority, leaf } of CASES) {
    const issuer = await buildAuthority(authority);
    const anchor = (await makeAnchor(issuer)).der;
    const issued = await measure(secondsPerRow, () => issue(issuer, leaf));
    const verified = await measure(secondsPerRow, async () => {
      const { certificate, key } = await issue(issuer, leaf);
      const verdict = verifyIssued({ certificateDer: certificate.der, chain: certificate.chain, anchorDer: anchor, key }, NOW);
      if (!verdict.ok) throw new Error(verdict.message);
    });
    const primitive = await measure(secondsPerRow, async () => issuePrimitive(leaf, authority));
    rows.push({ name, issuedPerSecond: issued.perSecond, issuedAndVerifiedPerCpuSecond: verified.perCpuSecond, primitivePerSecond: primitive.perSecond });
  }
  return rows;
}

const NOW = new Date('2026-11-24T00:00:00Z');

async function buildAuthority(specification: KeySpecification): Promise<Issuer> {
  const key = await generatePrivateKey(specification);
  const request = { subject: { commonName: 'bench' }, isCA: true, usages: [], durationSeconds: 10 * 365 * 86_400 };
  const { pem } = await selfSign(request, { serial: randomBytes(16), now: NOW, key });
  const result = readIssuer({ certificatePem: pem, keyPem: writePrivateKey(key) });
  if (!result.ok) throw new Error(result.message);
  return result.issuer;
}

async function issue(issuer: Issuer, specification: KeySpecification) {
  const key = await generatePrivateKey(specification);
  const certificate = await issueCertificate(
    {
      subject: { commonName: 'hello.shop.example', organizations: ['Shop'] },
      isCA: false,
      usages: ['server auth', 'client auth'],
      durationSeconds: 168 * 3600,
      dnsNames: ['hello.shop.svc', 'hello.shop.svc.cluster.local'],
      uris: ['spiffe://shop/hello'],
    },
    issuer,
    { serial: randomBytes(16), now: NOW, key },
  );
  return { certificate, key, keyPem: writePrivateKey(key) };
}

const authorityKeys = new Map<string, ReturnType<typeof generate>>();

function issuePrimitive(leaf: KeySpecification, authority: KeySpecification): void {
  generate(leaf);
  const name = JSON.stringify(authority);
  const signer = authorityKeys.get(name) ?? generate(authority);
  authorityKeys.set(name, signer);
  sign(authority.algorithm === 'Ed25519' ? null : 'sha256', Buffer.alloc(500), signer);
}

function generate(specification: KeySpecification) {
  if (specification.algorithm === 'Ed25519') return generateKeyPairSync('ed25519').privateKey;
  if (specification.algorithm === 'RSA') return generateKeyPairSync('rsa', { modulusLength: specification.size }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: CURVES[specification.size].name }).privateKey;
}

interface Rate {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

async function measure(seconds: number, run: () => Promise<unknown>): Promise<Rate> {
  const warmUntil = performance.now() + seconds * 300;
  while (performance.now() < warmUntil) await run();
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  let count = 0;
  for (; performance.now() < start + seconds * 1000; count++) await run();
  const used = process.cpuUsage(cpu);
  return { perSecond: (count * 1000) / (performance.now() - start), perCpuSecond: (count * 1e6) / (used.user + used.system) };
}

if (import.meta.main) {
  const rows = await benchIssuance(Number(process.argv[2] ?? 2));
  console.log(`node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, one certificate at a time\n`);
  console.log(`${'leaf'.padEnd(34)}${'issued/s'.padStart(10)}${'issued+verified/CPU s'.padStart(23)}${'primitive/s'.padStart(13)}`);
  for (const row of rows) {
    const numbers = [row.issuedPerSecond.toFixed(0).padStart(10), row.issuedAndVerifiedPerCpuSecond.toFixed(0).padStart(23), row.primitivePerSecond.toFixed(0).padStart(13)];
    console.log(row.name.padEnd(34) + numbers.join(''));
  }
}
