import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resources } from '../../src/kube/resources.ts';
import { ServerClock } from '../../src/kube/server-clock.ts';
import { json, play, status } from './scripted-server.ts';

const DATE = 'Tue, 24 Nov 2026 10:00:00 GMT';

describe('ServerClock', () => {
  const heard = (...dates: (string | undefined)[]) => {
    let elapsedMs = 1000;
    const clock = new ServerClock(() => elapsedMs);
    for (const date of dates) clock.hear(date);
    return { clock, wait: (ms: number) => (elapsedMs += ms) };
  };
  it('knows nothing before the first answer', () => assert.equal(heard().clock.now(), undefined));
  it('goes on by itself', () => {
    const { clock, wait } = heard(DATE);
    wait(90_000);
    assert.deepEqual(clock.now(), new Date('2026-11-24T10:01:30Z'));
  });
  it('believes the newest answer', () => assert.deepEqual(heard(DATE, 'Tue, 24 Nov 2026 09:00:00 GMT').clock.now(), new Date('2026-11-24T09:00:00Z')));
  for (const [what, date] of Object.entries({ 'no date': undefined, 'nonsense': 'soon' })) {
    it(`ignores an answer that says ${what}`, () => assert.deepEqual(heard(DATE, date).clock.now(), new Date('2026-11-24T10:00:00Z')));
  }
});

describe('ApiClient: what time it is there', () => {
  it('is heard from answers, refusals too', async () => {
    const { client } = await play(json({}, 200, { date: DATE }), status(404, 'NotFound', { date: 'Wed, 25 Nov 2026 10:00:00 GMT' }));
    assert.equal(client.serverTime(), undefined);
    const days: (number | undefined)[] = [];
    for (let call = 0; call < 2; call += 1) {
      await client.get(resources.Secret, { namespace: 'shop', name: 'hello' }).catch(() => {});
      days.push(client.serverTime()?.getUTCDate());
    }
    assert.deepEqual(days, [24, 25]);
  });
});
