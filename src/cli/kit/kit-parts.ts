// What kits are made of: the material of a TenantCertificate, the place where the kit will stand, and the files that come out.
import type { PrivateKey } from '../../pki/private-key.ts';
import type { Address, ServerName } from './kit-values.ts';

export const TOOLS = ['curl', 'haproxy', 'nginx', 'stunnel', 'openssl', 'java'] as const;

export type Tool = (typeof TOOLS)[number];

/** What a certificate may be used for, as its own extension says. */
export type Role = 'server' | 'client';

/** Decoded and encoded again, so that nothing but certificates, CRLs and one key gets into a kit. */
export interface KitMaterial {
  readonly namespace: string;
  readonly name: string;
  readonly leafPem: string;
  /** '' where the anchor itself has signed the leaf. */
  readonly intermediatesPem: string;
  readonly key: PrivateKey;
  /** One PEM text each. */
  readonly anchors: readonly string[];
  /** Of every anchor, or '' where there are none. */
  readonly crlsPem: string;
  /** When the first of them ends; absent where there are none. */
  readonly crlsEnd?: Date;
  readonly serialNumber: string;
  readonly notAfter: Date;
  /** When the operator renews it. */
  readonly renewalTime?: Date;
  readonly roles: ReadonlySet<Role>;
}

/** Of the server that a client is to talk to. */
export interface KitServer {
  readonly address: Address;
  readonly name: ServerName;
}

export interface KitPlace {
  /** Absolute; configuration files name the other files by it. */
  readonly directory: string;
  readonly server?: KitServer;
}

export interface KitFile {
  /** Relative to the kit's directory; without folders. */
  readonly path: string;
  readonly content: string;
  /** Secret files are for their owner only. */
  readonly secrecy: 'secret' | 'public';
}

/** What stands in a PKCS#12 file, which other programs make: see make-key-stores.ts. */
export interface KeyStores {
  readonly alias: string;
  readonly keyAndChainPem: string;
  readonly anchors: readonly string[];
}

export interface KitContent {
  readonly files: readonly KitFile[];
  /** For README.txt: how the tool is told to use them. */
  readonly usage: readonly string[];
  readonly keyStores?: KeyStores;
}

export type RenderKit = (material: KitMaterial, place: KitPlace) => KitContent;

export interface KitRequest {
  readonly tool: Tool;
  readonly place: KitPlace;
  /** The command that makes the kit again. */
  readonly command: string;
  /** Random, for tools that want a password. */
  readonly password: string;
}

export interface Kit {
  readonly record: KitRecord;
  readonly files: readonly KitFile[];
  readonly keyStores?: KeyStores;
}

/** What kit.json says. */
export interface KitRecord {
  readonly kit: string;
  readonly namespace: string;
  readonly name: string;
  readonly tool: Tool;
  readonly files: readonly string[];
}

/** The names of the PEM files, and of the stores that Java reads. */
export const KIT_FILE = {
  chain: 'tls.crt', key: 'tls.key', anchors: 'ca.crt', crls: 'ca.crl',
  pair: 'tls.pem', intermediates: 'chain.crt', trust: 'trust.pem',
  keyStore: 'keystore.p12', trustStore: 'truststore.p12', password: 'password',
  readme: 'README.txt', record: 'kit.json',
} as const;

export function publicFile(path: string, content: string): KitFile {
  return { path, content, secrecy: 'public' };
}

export function secretFile(path: string, content: string): KitFile {
  return { path, content, secrecy: 'secret' };
}
