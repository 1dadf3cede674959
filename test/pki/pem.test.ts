import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { encodePem, parsePem, PemError, scanPem } from '../../src/pki/pem.ts';

describe('parsePem', () => {
  it('reads back every block that was written', () => {
    const block = fc.record({ label: fc.constantFrom('CERTIFICATE', 'X509 CRL', 'PRIVATE KEY'), der: fc.uint8Array({ minLength: 1, maxLength: 200 }) }, { noNullPrototype: true });
    fc.assert(
      fc.property(fc.array(block), fc.constantFrom('', '# comment\n', '\r\n\r\n', 'subject=CN=a\n'), (blocks, between) => {
        const { blocks: read, outside } = scanPem(between + blocks.map(({ label, der }) => encodePem(label, der) + between).join(''));
        assert.deepEqual(read.map(({ label, der }) => ({ label, der: new Uint8Array(der) })), blocks);
        assert.equal(outside.replaceAll('\n', ''), between.replaceAll('\n', '').repeat(blocks.length + 1));
      }),
    );
  });

  const broken: Readonly<Record<string, string>> = {
    'a block without end': '-----BEGIN CERTIFICATE-----\nAAAA\n',
    'a block with another label at its end': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n',
    'a block in a block': '-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    'an empty block': '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n',
    'what is no base64': '-----BEGIN CERTIFICATE-----\nse-cret\n-----END CERTIFICATE-----\n',
    'a label in small letters': '-----BEGIN certificate-----\nAAAA\n-----END certificate-----\n',
  };
  for (const [sentence, text] of Object.entries(broken)) {
    it(`refuses ${sentence}`, () => assert.throws(() => parsePem(text), PemError));
  }

  it('takes no longer for a megabyte written to keep it busy', () => {
    const started = performance.now();
    for (const part of ['-----BEGIN X-----\n', '-----BEGIN ', '-----', 'A:\n', '-----BEGIN A-----\nA:\n\n', `${' '.repeat(100)}\n`]) {
      const text = part.repeat(1_000_000 / part.length);
      for (const whole of [text, `-----BEGIN X-----\n${text}-----END X-----\n`]) assert.doesNotThrow(() => tolerate(whole));
    }
    assert.ok(performance.now() - started < 5000);
  });
});

function tolerate(text: string): void {
  try {
    parsePem(text);
  } catch (error) {
    if (!(error instanceof PemError)) throw error;
  }
}
