// The two PKCS#12 files of a Java kit, made by the programs whose format it is. openssl packs key and certificate (keytool cannot);
// keytool packs the authority with the mark without which Java does not trust it (openssl can only from 3.2 on).
// One rule: the key goes to openssl through a pipe and stands in no other file.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { KIT_FILE } from './kit-parts.ts';
import type { KeyStores } from './kit-parts.ts';
import { KitRefused } from './kit-refused.ts';

const PACKAGE = { openssl: 'openssl', keytool: 'default-jre-headless' } as const;

/** In a folder that has the file with the password already. Throws KitRefused where a program is missing. */
export async function makeKeyStores(folder: string, { alias, keyAndChainPem, anchors }: KeyStores, env: NodeJS.ProcessEnv): Promise<void> {
  const password = join(folder, KIT_FILE.password);
  await run(['openssl', 'pkcs12', '-export', '-name', alias, '-out', join(folder, KIT_FILE.keyStore), '-passout', `file:${password}`], keyAndChainPem, env);
  for (const [index, anchor] of anchors.entries()) {
    await run(['keytool', '-importcert', '-noprompt', '-alias', `anchor-${index}`, '-keystore', join(folder, KIT_FILE.trustStore), '-storetype', 'PKCS12', '-storepass:file', password], anchor, env);
  }
}

async function run([program, ...args]: readonly [keyof typeof PACKAGE, ...string[]], input: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(program, args, { env, stdio: ['pipe', 'ignore', 'pipe'] });
  // A program that ends early does not read all of it; its exit code says more.
  child.stdin.on('error', () => undefined).end(input);
  const said = text(child.stderr);
  const [code] = (await once(child, 'close').catch((error: unknown) => {
    if (!isMissing(error)) throw new Error(`running ${program}`, { cause: error });
    throw new KitRefused(`a Java kit is made by openssl and keytool, and ${program} is not installed: apt-get install ${PACKAGE[program]} (or your system's package)`);
  })) as [number | null];
  if (code !== 0) throw new Error(`${program} ${args[0]} failed: ${(await said).split('\n')[0]?.slice(0, 200) ?? ''}`);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
