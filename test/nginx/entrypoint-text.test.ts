import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ENTRYPOINT } from '../../src/nginx/entrypoint.ts';
import { POD_FILES_SCRIPT } from '../../src/nginx/entrypoint-pod-files.ts';

describe('ENTRYPOINT', () => {
  it('starts as a program and is text that a shell can parse', () => {
    assert.ok(ENTRYPOINT.startsWith('#!/bin/sh\n'));
    const { status, stderr } = spawnSync('sh', ['-n'], { input: ENTRYPOINT, encoding: 'utf8' });
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  it('has no trace of the template it is written in', () => assert.doesNotMatch(ENTRYPOINT, /\$\{|undefined|\[object/));
});

const CONFIGURATION = `http {
  upstream a {
    server backend:8080 resolve max_fails=1;
    server backend.shop.svc:8080 resolve;
    server api.example.com:443 resolve;
    server 10.0.0.1:80 max_fails=1;
  }
}
`;

interface Pod {
  readonly resolvConf?: string;
  readonly hasIpv6?: boolean;
}

/** nginx.conf as the entrypoint adapts it, and the name servers it finds, in such a pod. */
function adapt({ resolvConf = '', hasIpv6 = true }: Pod, original = CONFIGURATION): { configuration: string; servers: string } {
  const directory = mkdtempSync(join(tmpdir(), 'tenant-mtls-names-'));
  try {
    mkdirSync(join(directory, 'conf'));
    writeFileSync(join(directory, 'conf/nginx.conf'), original);
    writeFileSync(join(directory, 'resolv.conf'), resolvConf);
    const script = `${POD_FILES_SCRIPT.replace('/etc/resolv.conf', `${directory}/resolv.conf`)}\nhas_ipv6() { ${hasIpv6}; }\nread_resolv_conf\nadapt_configuration ${directory}\necho "$servers"`;
    const { stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
    assert.equal(stderr, '');
    return { configuration: readFileSync(join(directory, 'conf/adapted.conf'), 'utf8'), servers: stdout.trim() };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('the pod\'s name service', () => {
  it('completes the names of Services, which nginx would ask for as they stand', () => {
    const { configuration, servers } = adapt({ resolvConf: 'nameserver 10.96.0.10\nnameserver fd00::a\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n' });
    assert.equal(servers, '10.96.0.10 [fd00::a]');
    assert.equal(configuration, CONFIGURATION.replace('backend:8080', 'backend.shop.svc.cluster.local:8080').replace('backend.shop.svc:8080', 'backend.shop.svc.cluster.local:8080'));
  });

  it('leaves names alone outside of a cluster', () => {
    const { configuration, servers } = adapt({ resolvConf: 'nameserver 192.0.2.1;evil\nnameserver 192.0.2.2\n' });
    assert.equal(servers, '192.0.2.2');
    assert.equal(configuration, CONFIGURATION);
  });
});

describe('a node without IPv6', () => {
  const ALL = '  server {\n    listen 8443 ssl;\n    listen [::]:8443 ssl;\n    server_name a;\n  }\n  server {\n    listen 80;\n    listen [::]:80;\n  }\n';
  const ASKED_FOR = '  server {\n    listen [::]:8443 ssl;\n    server_name a;\n  }\n  server {\n    listen 127.0.0.1:9443 ssl;\n    server_name b;\n  }\n  server {\n    listen [::1]:8444;\n  }\n';

  it('gets the addresses of IPv4 where all were meant', () => {
    assert.equal(adapt({ hasIpv6: false }, ALL).configuration, ALL.replaceAll(/ *listen \[::\]:.*\n/g, ''));
    assert.equal(adapt({ hasIpv6: true }, ALL).configuration, ALL);
  });

  it('does not get another address than the one that was asked for', () => assert.equal(adapt({ hasIpv6: false }, ASKED_FOR).configuration, ASKED_FOR));
});
