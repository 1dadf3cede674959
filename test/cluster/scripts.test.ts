// The shell scripts of hack/: at least bash must be able to read them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';

const hack = `${import.meta.dirname}/../../hack`;
const scripts = ['cluster', 'cluster/lib', 'images', 'images/apps']
  .flatMap((folder) => readdirSync(`${hack}/${folder}`).map((name) => `${folder}/${name}`))
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
