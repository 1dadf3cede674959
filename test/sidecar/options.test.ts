import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseOptions } from '../../src/sidecar/options.ts';

describe('parseOptions', () => {
  it('has the defaults of the container', () => {
    const parsed = parseOptions([], {});
    assert.equal(parsed.kind, 'run');
    assert.deepEqual(parsed.kind === 'run' && [parsed.options.directory, parsed.options.statusPort, parsed.options.manifest, parsed.options.pod], ['/opt/tenant-mtls', 15643, 'required', {}]);
  });

  it('takes the ports of the pod from the environment', () => {
    const parsed = parseOptions(['--dir', '/x'], { TENANT_MTLS_APP_PORT: '8080', TENANT_MTLS_PORT: '9443' });
    assert.deepEqual(parsed.kind === 'run' && parsed.options.pod, { appPort: 8080, listenerPort: 9443 });
  });

  it('tells every problem at once', () => {
    const parsed = parseOptions(['--status-port', '70000', '--drain-timeout', '-1x'.slice(1)], { TENANT_MTLS_APP_PORT: 'http' });
    assert.ok(parsed.kind === 'invalid');
    assert.equal(parsed.problems.length, 3);
  });

  it('refuses an unknown flag', () => assert.equal(parseOptions(['--nonsense'], {}).kind, 'invalid'));
  it('shows its help', () => assert.equal(parseOptions(['--help'], {}).kind, 'help'));
});
