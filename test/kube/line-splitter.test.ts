import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { LineSplitter } from '../../src/kube/line-splitter.ts';

function split(bytes: Buffer, cuts: readonly number[]): string[] {
  const splitter = new LineSplitter();
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return edges.slice(1).flatMap((edge, index) => splitter.push(bytes.subarray(edges[index], edge)));
}

describe('LineSplitter', () => {
  it('gives the same lines however the bytes are cut, also within a character', () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat()), (lines, cuts) => {
        assert.deepEqual(split(Buffer.from(lines.map((text) => `${text}\n`).join('')), cuts), lines);
      }),
    );
  });

  it('keeps an unfinished line until its end has come', () => {
    const splitter = new LineSplitter();
    assert.deepEqual(splitter.push(Buffer.from('{"a":')), []);
    assert.deepEqual(splitter.push(Buffer.from('1}\n{"b"')), ['{"a":1}']);
  });

  it('skips empty lines', () => {
    assert.deepEqual(new LineSplitter().push(Buffer.from('\na\n\nb\n')), ['a', 'b']);
  });

  it('puts a 1.5 MiB object together from 16 KiB chunks', () => {
    const object = JSON.stringify({ data: 'x'.repeat(1.5 * 1024 * 1024) });
    const bytes = Buffer.from(`${object}\n`);
    const cuts = Array.from({ length: Math.floor(bytes.length / 16_384) }, (_, index) => (index + 1) * 16_384);
    assert.deepEqual(split(bytes, cuts), [object]);
  });

  it('refuses a line that no object can be as long as', () => {
    const splitter = new LineSplitter();
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    assert.throws(() => {
      for (let chunk = 0; chunk < 20; chunk += 1) splitter.push(megabyte);
    }, /longer than/);
  });
});
