// The tar writer, judged by the system's own tar.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { tar, type TarEntry } from '../../hack/images/tar.ts';

function listed(entries: readonly TarEntry[]): string[] {
  const listing = execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--file=-'], { input: Buffer.concat(tar(entries)), encoding: 'utf8' });
  return listing.trim().split('\n').map((line) => line.replace(/\s+/g, ' ').replace(/1970-01-01 \d\d:\d\d /, ''));
}

describe('tar', () => {
  it('writes files, links and folders that belong to root and have no time', () => {
    assert.deepEqual(listed([
      { path: 'etc/passwd', mode: 0o644, content: Buffer.from('root') },
      { path: 'bin', linkTo: 'usr/bin' },
      { path: 'tmp', mode: 0o1777, folder: true },
    ]), ['-rw-r--r-- 0/0 4 etc/passwd', 'lrwxrwxrwx 0/0 0 bin -> usr/bin', 'drwxrwxrwt 0/0 0 tmp']);
  });

  it('keeps paths of more than 100 characters', () => {
    const path = `${'folder/'.repeat(20)}file`;
    assert.deepEqual(listed([{ path, mode: 0o600, content: Buffer.alloc(513) }]), [`-rw------- 0/0 513 ${path}`]);
  });

  it('refuses a path that ustar cannot hold', () => {
    assert.throws(() => tar([{ path: 'x'.repeat(101), mode: 0o600, content: Buffer.alloc(0) }]), /path too long/);
  });
});
