import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { KIT_FILE, publicFile, secretFile } from '../../../src/cli/kit/kit-parts.ts';
import type { Kit, Tool } from '../../../src/cli/kit/kit-parts.ts';
import { KitRefused } from '../../../src/cli/kit/kit-refused.ts';
import { writeKit } from '../../../src/cli/kit/write-kit.ts';

const HAS_NO_PROGRAMS = { PATH: '/nonexistent' };

function aKit({ name = 'a', tool = 'curl', files = { 'tls.crt': 'certificate', 'tls.key': 'key' } }: { name?: string; tool?: Tool; files?: Record<string, string> } = {}): Kit {
  const record = { kit: 'tenant-mtls.dev/v1alpha1', namespace: 'shop', name, tool, files: Object.keys(files) };
  const written = Object.entries(files).map(([path, content]) => (path === 'tls.key' ? secretFile(path, content) : publicFile(path, content)));
  return { record, files: [...written, publicFile(KIT_FILE.record, JSON.stringify(record))] };
}

describe('writeKit', () => {
  let folder: string;
  let directory: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tenant-mtls-write-'));
    directory = join(folder, 'new', 'kit');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = async (kit = aKit(), overwrite: 'own' | 'anything' = 'own') => await writeKit(kit, { directory, overwrite, env: HAS_NO_PROGRAMS });
  const read = (file: string) => readFileSync(join(directory, file), 'utf8');
  const modeOf = (file: string) => (statSync(join(directory, file)).mode & 0o777).toString(8);

  it('writes for its owner only', async () => {
    await write();
    assert.deepEqual([modeOf('.'), modeOf('tls.key'), modeOf('tls.crt')], ['700', '600', '644']);
    assert.deepEqual(readdirSync(directory).sort(), ['kit.json', 'tls.crt', 'tls.key']);
  });

  it('writes into an empty directory', async () => {
    mkdirSync(directory, { recursive: true });
    await write();
    assert.equal(read('tls.key'), 'key');
  });

  it('renews a kit, and takes away what the new one lacks', async () => {
    await write(aKit({ files: { 'tls.crt': 'old', 'tls.key': 'old', 'ca.crl': 'old' } }));
    writeFileSync(join(directory, 'notes.txt'), 'mine');
    await write();
    assert.deepEqual(readdirSync(directory).sort(), ['kit.json', 'notes.txt', 'tls.crt', 'tls.key']);
    assert.deepEqual([read('tls.crt'), modeOf('tls.key')], ['certificate', '600']);
  });

  const refused: Record<string, [() => void | Promise<void>, RegExp]> = {
    'a directory of something else': [() => {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'tls.key'), 'mine');
    }, /kit is not empty and holds no kit: choose another with --out, or overwrite files of the same names with --force$/],
    'the kit of another certificate': [async () => await write(aKit({ name: 'b', files: { 'tls.key': 'mine' } })), /holds the curl kit of TenantCertificate shop\/b/],
    'the kit for another tool': [async () => await write(aKit({ tool: 'openssl', files: { 'tls.key': 'mine' } })), /holds the openssl kit of TenantCertificate shop\/a/],
    'a record that steers a terminal': [() => {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'tls.key'), 'mine');
      writeFileSync(join(directory, 'kit.json'), JSON.stringify({ ...aKit().record, name: '\u001b[31m' }));
    }, /holds no kit/],
  };
  for (const [name, [prepare, message]] of Object.entries(refused)) {
    it(`leaves ${name} alone, unless forced`, async () => {
      await prepare();
      await assert.rejects(write(), (error) => error instanceof KitRefused && message.test(error.message));
      assert.equal(read('tls.key'), 'mine');
      await write(aKit(), 'anything');
      assert.equal(read('tls.key'), 'key');
    });
  }

  it('refuses a file in the place of the directory', async () => {
    mkdirSync(join(folder, 'new'));
    writeFileSync(directory, 'mine');
    await assert.rejects(write(), new KitRefused('the kit\'s directory is a file'));
  });

  it('replaces a link instead of writing where it leads', async () => {
    await write();
    const elsewhere = join(folder, 'elsewhere');
    writeFileSync(elsewhere, 'theirs');
    rmSync(join(directory, 'tls.key'));
    symlinkSync(elsewhere, join(directory, 'tls.key'));
    await write();
    assert.deepEqual([readFileSync(elsewhere, 'utf8'), read('tls.key')], ['theirs', 'key']);
  });

  it('deletes nothing that a forged record names', async () => {
    await write();
    writeFileSync(join(folder, 'new', 'theirs'), '');
    writeFileSync(join(directory, 'kit.json'), JSON.stringify({ ...aKit().record, files: ['../theirs', 'notes.txt', 'ca.crl'] }));
    for (const file of ['notes.txt', 'ca.crl']) writeFileSync(join(directory, file), '');
    await write();
    assert.deepEqual([existsSync(join(folder, 'new', 'theirs')), existsSync(join(directory, 'notes.txt')), existsSync(join(directory, 'ca.crl'))], [true, true, false]);
  });

  it('says which program a Java kit lacks, and leaves nothing behind', async () => {
    const keyStores = { alias: 'a', keyAndChainPem: '', anchors: [] };
    const kit = { ...aKit({ tool: 'java', files: { password: 'p' } }), keyStores };
    await assert.rejects(write(kit), new KitRefused('a Java kit is made by openssl and keytool, and openssl is not installed: apt-get install openssl (or your system\'s package)'));
    assert.equal(existsSync(directory), false);
  });

  it('keeps the earlier edition when a new one cannot be made', async () => {
    const { record, files } = aKit({ tool: 'java', files: { password: 'old' } });
    await write({ record, files });
    await assert.rejects(write({ ...aKit({ tool: 'java', files: { password: 'new' } }), keyStores: { alias: 'a', keyAndChainPem: '', anchors: [] } }));
    assert.deepEqual([read('password'), readdirSync(directory).sort()], ['old', ['kit.json', 'password']]);
  });
});
