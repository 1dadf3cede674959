import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ANNOTATION } from '../../src/api/names.ts';
import { quote } from '../../src/injection/reasons.ts';
import { readSettings } from '../../src/injection/settings.ts';
import { aPod } from './builders.ts';

const HOSTILE = ['', ' ', '8080 ', '8080\n', '80\u0000', '"', "'", '$(HOSTNAME)', '${x}', '`id`', '; }', '\u202Etxt', '\u{1F600}', 'x'.repeat(10_240), '../..', '-1', '1E3', '0x5_0', '٨٠٨٠', 'True', '__proto__'];

describe('readSettings', () => {
  it('reads every annotation', () => {
    const annotations = {
      certificate: 'hello', appPort: '8080', port: '9443', engine: 'node', rewriteProbes: 'true', inject: 'true', cpuRequest: '50m', cpuLimit: '1.5', memoryRequest: '64Mi', memoryLimit: '1Gi',
    };
    const pod = aPod({}, { annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [ANNOTATION[key as keyof typeof ANNOTATION], value])) });
    assert.deepEqual(readSettings(pod), { settings: { ...annotations, appPort: 8080, port: 9443, rewriteProbes: true, inject: true }, findings: [] });
  });

  for (const [setting, key] of Object.entries(ANNOTATION)) {
    it(`refuses every hostile value of ${key}, in one short line`, () => {
      for (const value of HOSTILE) {
        const { settings, findings } = readSettings(aPod({}, { annotations: { [key]: value } }));
        assert.equal(settings[setting as keyof typeof settings], undefined, value);
        assert.equal(findings.length, 1, value);
        assert.match(findings[0]?.message ?? '', /^[ -~]{1,300}$/);
      }
    });
  }

  const ports: Record<string, { key: string; value: string; valid: boolean }> = {
    'the lowest app port': { key: ANNOTATION.appPort, value: '1', valid: true }, 'the highest app port': { key: ANNOTATION.appPort, value: '65535', valid: true },
    'an app port of zero': { key: ANNOTATION.appPort, value: '0', valid: false }, 'an app port above the highest': { key: ANNOTATION.appPort, value: '65536', valid: false },
    'a privileged listener port': { key: ANNOTATION.port, value: '443', valid: false }, 'the status port as listener port': { key: ANNOTATION.port, value: '15643', valid: false },
    'a certificate of 63 characters': { key: ANNOTATION.certificate, value: 'a'.repeat(63), valid: true }, 'a certificate of 64 characters': { key: ANNOTATION.certificate, value: 'a'.repeat(64), valid: false },
    'a zero quantity': { key: ANNOTATION.cpuRequest, value: '0', valid: false }, 'a unit that is none': { key: ANNOTATION.memoryLimit, value: '1MiB', valid: false },
  };
  for (const [sentence, { key, value, valid }] of Object.entries(ports)) {
    it(`${valid ? 'takes' : 'refuses'} ${sentence}`, () => assert.equal(readSettings(aPod({}, { annotations: { [key]: value } })).findings.length, valid ? 0 : 1));
  }
});

describe('quote', () => {
  const cases = { 'a"b': String.raw`"a\"b"`, 'a\nb': String.raw`"a\nb"`, 'ü': String.raw`"\u{fc}"`, ['x'.repeat(41)]: `"${'x'.repeat(40)}"... (41 characters)` };
  for (const [value, expected] of Object.entries(cases)) it(`writes ${expected}`, () => assert.equal(quote(value), expected));
});
