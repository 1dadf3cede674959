import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { dump, load } from 'js-yaml';
import { buildRegistration, DEFAULT_REGISTRATION } from '../../src/admission/webhook-configuration.ts';

const FILE = new URL('../../deploy/base/webhook.yaml', import.meta.url);
const HEADER = '# Generated from src/admission/webhook-configuration.ts by `UPDATE_GOLDEN=1 node --test test/admission/webhook-configuration.test.ts`.\n';

describe(buildRegistration.name, () => {
  it('is what deploy/base/webhook.yaml says', () => {
    const registration = buildRegistration(DEFAULT_REGISTRATION);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(FILE, HEADER + dump(registration, { lineWidth: 140, noRefs: true }));
    assert.deepEqual(load(readFileSync(FILE, 'utf8')), registration);
  });

  it('never calls the webhook about its own namespace or the system\'s, but for the self-test, nor about one that has opted out', () => {
    for (const { name, namespaceSelector } of buildRegistration({ ...DEFAULT_REGISTRATION, namespace: 'elsewhere' }).webhooks) {
      if (name.startsWith('self-test')) continue;
      assert.deepEqual(namespaceSelector.matchExpressions, [
        { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', 'kube-node-lease', 'elsewhere'] },
        { key: 'tenant-mtls.dev/inject', operator: 'NotIn', values: ['false'] },
      ]);
    }
  });

  it('never asks about deletions, nor about all objects of a kind', () => {
    for (const { rules, matchConditions } of buildRegistration(DEFAULT_REGISTRATION).webhooks) {
      assert.ok(matchConditions.length > 0);
      for (const rule of rules) assert.deepEqual([...rule.operations, ...rule.resources].filter((text) => text === '*' || text === 'DELETE' || (text.includes('/') && text !== 'pods/ephemeralcontainers')), []);
    }
  });
});
