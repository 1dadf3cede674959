import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ANNOTATION, OWN_ANNOTATION } from '../../src/api/names.ts';
import { KNOWN_KEYS, warnOfUnknown } from '../../src/injection/unknown-annotations.ts';

const warn = (...annotations: Record<string, string>[]) => warnOfUnknown(annotations.map((each) => ({ metadata: { annotations: each } })));

describe(warnOfUnknown.name, () => {
  const slips: Record<string, string> = {
    'tenant-mtls.dev/certficate': ANNOTATION.certificate,
    'tenant-mtls.dev/cert': ANNOTATION.certificate,
    'tenant-mtls.dev/appport': ANNOTATION.appPort,
    'tenant-mtls.dev/app-ports': ANNOTATION.appPort,
    'tenant-mtls.dev/Engine': ANNOTATION.engine,
    'tenant-mtls.dev/rewriteProbes': ANNOTATION.rewriteProbes,
    'tenant-mtls.dev/injected': ANNOTATION.inject,
    'tenant-mtls.dev/memory-limits': ANNOTATION.memoryLimit,
  };
  for (const [key, nearest] of Object.entries(slips)) {
    it(`names ${nearest} for ${key}`, () =>
      assert.deepEqual(warn({ [key]: 'x' }), [`tenant-mtls: the annotation "${key}" is not known and has no effect on a workload or pod; the nearest known one is ${nearest}`]));
  }

  it('says nothing of those that are known, whoever writes them, nor of other people\'s', () => {
    const known = Object.fromEntries(KNOWN_KEYS.map((key) => [key, 'x']));
    assert.deepEqual(warn({ ...known, 'example.com/certficate': 'x', 'tenant-mtls.developer/x': 'x', certificate: 'x' }), []);
    for (const key of [...Object.values(ANNOTATION), OWN_ANNOTATION.carried, OWN_ANNOTATION.nudged]) assert.ok(KNOWN_KEYS.includes(key), key);
  });

  it('says nothing where there are no annotations', () => assert.deepEqual(warnOfUnknown([{}, { metadata: null }, { metadata: {} }]), []));

  it('says each once, in order, and no more than five', () => {
    assert.equal(warn({ 'tenant-mtls.dev/b': 'x', 'tenant-mtls.dev/a': 'x' }, { 'tenant-mtls.dev/a': 'y' }).length, 2);
    const many = Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`tenant-mtls.dev/x${index}`, '']));
    assert.equal(warn(many).length, 5);
  });

  it('is one line of bounded length, whatever the key is', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (name) => {
      for (const warning of warn({ [`tenant-mtls.dev/${name}`]: '' })) assert.match(warning, /^[ -~]{1,400}$/);
    }));
    assert.ok((warn({ [`tenant-mtls.dev/${'x'.repeat(1_000_000)}`]: '' })[0] ?? '').length < 256);
  });
});
