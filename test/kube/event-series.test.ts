import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventSeries, type EventNote } from '../../src/kube/event-series.ts';

const hello = { kind: 'TenantCertificate', metadata: { namespace: 'shop', name: 'hello', uid: 'u1' } };
const other = { kind: 'TenantCertificate', metadata: { namespace: 'shop', name: 'other', uid: 'u2' } };
const issued: EventNote = { type: 'Normal', reason: 'Issued', message: 'serial 1' };
const MINUTE = 60_000;

describe('EventSeries.note', () => {
  it('counts the same thing said again within ten minutes', () => {
    const events = new EventSeries();
    events.note(hello, issued, 0);
    const series = events.note(hello, issued, 9 * MINUTE);
    assert.deepEqual([series?.count, series?.firstAt, series?.lastAt], [2, 0, 9 * MINUTE]);
  });

  it('begins anew after ten minutes of silence', () => {
    const events = new EventSeries();
    const first = events.note(hello, issued, 0);
    assert.ok(first);
    first.writtenAs = 'hello.1';
    const second = events.note(hello, issued, 10 * MINUTE);
    assert.deepEqual([second?.count, second?.writtenAs], [1, undefined]);
  });

  it('keeps objects, reasons and messages apart', () => {
    const events = new EventSeries();
    const notes = [issued, { ...issued, reason: 'Failed' }, { ...issued, message: 'serial 2' }, { ...issued, type: 'Warning' as const }];
    const counts = [hello, other].flatMap((object) => notes.map((note) => events.note(object, note, 0)?.count));
    assert.deepEqual(counts, Array.from({ length: 8 }, () => 1));
  });

  it('falls silent about an object after 25 notes, then says one in five minutes, and others are not affected', () => {
    const events = new EventSeries();
    const said = Array.from({ length: 40 }, (_, index) => events.note(hello, { ...issued, message: `serial ${index}` }, 0));
    assert.equal(said.filter((series) => series !== undefined).length, 25);
    assert.ok(events.note(other, issued, 0));
    assert.equal(events.note(hello, issued, 4 * MINUTE), undefined);
    assert.ok(events.note(hello, issued, 5 * MINUTE));
  });

  it('remembers a bounded number of series, the latest', () => {
    const events = new EventSeries();
    const about = (index: number): object => ({ metadata: { uid: String(index) } });
    const series = Array.from({ length: 5000 }, (_, index) => events.note(about(index), issued, 0));
    const known = series.filter((one) => one !== undefined && events.get(one.key) === one);
    assert.deepEqual([known.length, known.at(-1)], [4096, series.at(-1)]);
  });
});
