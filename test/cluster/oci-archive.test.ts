// OCI archives: what the image specification asks for, and that nothing is written twice.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, describe, it } from 'node:test';
import { fileLayer } from '../../hack/images/layers.ts';
import { writeArchive, type Image } from '../../hack/images/oci-archive.ts';

const cache = mkdtempSync(`${tmpdir()}/images-`);
process.env['XDG_CACHE_HOME'] = cache;
after(() => rmSync(cache, { recursive: true }));

async function anImage(content: string): Promise<Image> {
  return { name: 'example.test/app:dev', layers: [await fileLayer([{ path: 'app', mode: 0o644, content: Buffer.from(content) }])], entrypoint: ['/app'] };
}

function members(archive: string): string[] {
  return execFileSync('tar', ['--list', '--file', archive], { encoding: 'utf8' }).trim().split('\n');
}

function member(archive: string, path: string): Buffer {
  return execFileSync('tar', ['--extract', '--to-stdout', '--file', archive, path]);
}

describe('writeArchive', () => {
  it('puts index.json first, where load-image looks for name and digest', async () => {
    const archive = writeArchive(await anImage('one'));
    assert.equal(members(archive)[0], 'index.json');
    const index = JSON.parse(member(archive, 'index.json').toString()) as { manifests: [{ digest: string; annotations: Record<string, string> }] };
    assert.equal(index.manifests[0].annotations['io.containerd.image.name'], 'example.test/app:dev');
    assert.ok(members(archive).includes(`blobs/${index.manifests[0].digest.replace(':', '/')}`));
  });

  it('names every blob by its SHA-256', async () => {
    const archive = writeArchive(await anImage('one'));
    const blobs = members(archive).filter((path) => path.startsWith('blobs/'));
    assert.equal(blobs.length, 3);
    for (const path of blobs) assert.equal(createHash('sha256').update(member(archive, path)).digest('hex'), path.split('/').at(-1));
  });

  it('leaves an archive of the same content untouched and replaces one of other content', async () => {
    const first = writeArchive(await anImage('one'));
    const written = statSync(first, { bigint: true }).mtimeNs;
    assert.equal(writeArchive(await anImage('one')), first);
    assert.equal(statSync(first, { bigint: true }).mtimeNs, written);
    assert.notEqual(writeArchive(await anImage('two')), first);
    assert.throws(() => statSync(first), /ENOENT/);
  });
});
