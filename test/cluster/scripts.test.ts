// The shell scripts of hack/: bash must be able to read them, and what they lack they say in one line.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

const hack = `${import.meta.dirname}/../../hack`;
const scripts = ['', 'cluster', 'cluster/lib', 'images', 'images/apps', 'deploy', 'demo', 'test', 'bench', 'soak']
  .flatMap((folder) => readdirSync(`${hack}/${folder}`).map((name) => join(folder, name)))
  .filter((path) => statSync(`${hack}/${path}`).isFile() && (path.endsWith('.sh') || readFileSync(`${hack}/${path}`, 'utf8').startsWith('#!')));

describe('the scripts of hack/', () => {
  it('are found at all', () => assert.ok(scripts.includes('cluster/up') && scripts.includes('cluster/lib/node.sh')));

  for (const path of scripts) {
    it(`${path} is free of syntax errors`, () => {
      const { status, stderr } = spawnSync('bash', ['-n', `${hack}/${path}`], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    });
  }
});

describe('what hack/cluster needs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'needs-'));
  after(() => rmSync(folder, { recursive: true }));

  /** With `go` of a version (absent: none, and no Debian that offers one), or whatever else is prepared in bash. */
  const requireGo = (version?: string) => {
    const bin = join(folder, version ?? 'none');
    mkdirSync(bin);
    if (version !== undefined) writeFileSync(join(bin, 'go'), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
    const script = `source ${hack}/cluster/lib/all.sh; has() { [[ -x ${bin}/$1 ]]; }; apt-cache() { return 1; }; go_folder=/nonexistent; PATH=${bin}:$PATH; require_go && echo "$GOTOOLCHAIN"`;
    const { GOTOOLCHAIN: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', env });
    return { status, says: (stdout + stderr).trim().split('\n') };
  };

  it('says in one line that Go is lacking, and the command that installs it', () => {
    const { status, says } = requireGo();
    assert.equal(status, 1);
    assert.equal(says.length, 1, says.join('\n'));
    assert.match(says[0] ?? '', /lacking: Go 1\.21 or later; installed by: curl .*go\.dev.* \/usr\/local$/);
  });

  it('says that Go is too old', () => {
    const { status, says } = requireGo('go1.19.8');
    assert.equal(status, 1);
    assert.match(says.join('\n'), /lacking: Go 1\.21 or later; .*there is go1\.19\.8$/);
  });

  it('lets a Go that is old enough fetch the toolchain it needs', () => assert.deepEqual(requireGo('go1.24.4'), { status: 0, says: ['auto'] }));
});

describe('hack/cluster/down', () => {
  const env = { ...process.env, CLUSTER: 'orphaned' };
  const state = join(hack, '../.cluster-orphaned');

  it('ends what goes on running although its state was deleted', async () => {
    mkdirSync(join(state, 'bin'), { recursive: true });
    const etcd = realpathSync(join(state, 'bin')) + '/etcd';
    copyFileSync('/bin/sleep', etcd);
    const process = spawn(etcd, ['5']);
    await once(process, 'spawn');
    rmSync(state, { recursive: true });
    const ended = once(process, 'exit');
    const { status, stdout, stderr } = spawnSync(join(hack, 'cluster/down'), { encoding: 'utf8', env });
    if (status !== 0) process.kill();
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    assert.equal(existsSync(state), false);
  });
});

describe('CONTEXT', () => {
  const folder = mkdtempSync(join(tmpdir(), 'context-'));
  after(() => rmSync(folder, { recursive: true }));
  for (const name of ['kind', 'k3d', 'minikube', 'kubectl']) writeFileSync(join(folder, name), `#!/bin/sh\necho ${name} "$@"\n`, { mode: 0o755 });
  const run = (script: string, CONTEXT: string, ...args: string[]) => {
    const { status, stdout } = spawnSync(join(hack, script), args, { encoding: 'utf8', env: { ...process.env, CONTEXT, PATH: `${folder}:${process.env['PATH']}` } });
    return { status, says: stdout.trim() };
  };

  const loads: Record<string, string> = {
    'kind-shop': 'kind load image-archive --name shop a.tar',
    'k3d-shop': 'k3d image import --cluster shop a.tar',
    minikube: 'minikube image load a.tar',
  };
  for (const [context, command] of Object.entries(loads)) {
    it(`${context} gets images by ${command}`, () => assert.deepEqual(run('images/load', context, 'a.tar'), { status: 0, says: command }));
  }

  it('of another kind gets no images, and make images says so', () => {
    assert.equal(run('images/load', 'production', '--check').status, 1);
    const { status, says } = run('images/build', 'production', 'all');
    assert.equal(status, 0);
    assert.match(says, /context production is none of kind, k3d, minikube/);
  });

  it('is neither started nor removed', () => {
    assert.match(run('cluster/up', 'kind-shop').says, /ready: the cluster of context kind-shop$/);
    assert.match(run('cluster/down', 'kind-shop').says, /the cluster of context kind-shop is yours and stays$/);
  });

  it('is all that tests find in their KUBECONFIG', () => {
    assert.deepEqual(run('test/with-context', 'kind-shop', 'sh', '-c', 'cat "$KUBECONFIG"'), { status: 0, says: 'kubectl --context kind-shop config view --raw --minify --flatten' });
  });
});
