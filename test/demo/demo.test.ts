// The story that make demo tells, with stand-ins for the cluster: what is printed, and that a wrong answer ends it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

const ANSWER = 'case "$*" in *--cert\\ *) echo "HTTP status ${OK:-200}" ;; *curl*) echo "HTTP status 400" ;; esac';

describe('make demo', () => {
  const checkout = mkdtempSync(join(tmpdir(), 'demo-'));
  after(() => rmSync(checkout, { recursive: true }));
  for (const folder of ['demo', 'cluster', 'images', 'deploy']) mkdirSync(join(checkout, 'hack', folder), { recursive: true });
  copyFileSync(`${import.meta.dirname}/../../hack/demo/run`, join(checkout, 'hack/demo/run'));
  for (const path of ['cluster/up', 'images/build', 'deploy/apply', 'kubectl']) {
    const stub = `#!/bin/bash\necho "hack/${path} $*" >>${checkout}/called\n${ANSWER}\n`;
    writeFileSync(join(checkout, 'hack', path), stub, { mode: 0o755 });
  }

  const demo = (env: Record<string, string> = {}) => {
    writeFileSync(join(checkout, 'called'), '');
    const { DEMO_VERBOSE: _, CONTEXT: __, ...rest } = process.env;
    const { status, stdout, stderr } = spawnSync(join(checkout, 'hack/demo/run'), { encoding: 'utf8', env: { ...rest, ...env } });
    return { status, stdout, stderr, called: readFileSync(join(checkout, 'called'), 'utf8').trim().split('\n') };
  };

  it('tells which commands stand for its steps', () => {
    const { status, stdout, stderr } = demo();
    assert.equal(status, 0, stderr);
    for (const command of ['kubectl -n shop apply -f deploy/examples/hello/hello.yaml', 'kubectl -n shop annotate deployment hello tenant-mtls.dev/certificate=hello', 'kubectl get tenantcertificates -A']) {
      assert.ok(stdout.split('\n').includes(`  $ ${command}`), command);
    }
    assert.equal(stderr, '');
  });

  it('shows with DEMO_VERBOSE every command, once and as one would type it', () => {
    const { status, stderr, called } = demo({ DEMO_VERBOSE: '1' });
    assert.equal(status, 0);
    const shown = stderr.split('\n').flatMap((line) => (line.startsWith('  $ ') ? [line.slice(4)] : []));
    // The two ends of a pipe start in any order.
    assert.deepEqual(shown.map((line) => line.replaceAll("'", '')).sort(), called.map((line) => line.trim()).sort());
    assert.ok(shown.some((line) => line.includes("-w 'HTTP status %{http_code}\\n' https://hello.shop.svc/date")), stderr);
  });

  it('fails when a client with a certificate is not answered', () => {
    const { status, stderr } = demo({ OK: '503' });
    assert.equal(status, 1);
    assert.match(stderr, /error: the request with a certificate was not answered/);
  });
});
