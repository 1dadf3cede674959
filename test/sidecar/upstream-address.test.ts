import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AddressList, type Address } from '../../src/sidecar/upstream-address.ts';

const texts = (addresses: readonly Address[]) => addresses.map(({ text }) => text);

function listOf(hosts: readonly string[], answers: Record<string, string[] | undefined> = {}) {
  const clock = { now: 0 };
  const list = new AddressList(hosts.map((host) => ({ host, port: 80 })), async (name) => answers[name] ?? Promise.reject(new Error('no such name')), () => clock.now);
  return { list, clock, answers };
}

describe('AddressList', () => {
  it('gives each address its turn', () => {
    const { list } = listOf(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    const firsts = Array.from({ length: 6 }, () => list.candidates()[0]?.host);
    for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) assert.equal(firsts.filter((first) => first === host).length, 2, host);
  });

  it('puts a failed one last for two seconds', () => {
    const { list, clock } = listOf(['10.0.0.1', '10.0.0.2']);
    const failed = list.all[0] as Address;
    list.markFailed(failed);
    for (let index = 0; index < 4; index += 1) assert.deepEqual(texts(list.candidates()), ['10.0.0.2:80', '10.0.0.1:80']);
    clock.now = 2000;
    const firsts = new Set(Array.from({ length: 4 }, () => list.candidates()[0]?.host));
    assert.equal(firsts.size, 2);
  });

  it('leaves one out as long as its check fails', () => {
    const { list, clock } = listOf(['10.0.0.1', '10.0.0.2']);
    list.markChecked(list.all[0] as Address, 'sick');
    clock.now = 60_000;
    assert.equal(list.candidates()[0]?.host, '10.0.0.2');
    list.markChecked(list.all[0] as Address, 'healthy');
    assert.equal(new Set(Array.from({ length: 4 }, () => list.candidates()[0]?.host)).size, 2);
  });

  it('tries all when all have failed', () => {
    const { list } = listOf(['10.0.0.1', '10.0.0.2']);
    for (const address of list.all) list.markFailed(address);
    assert.equal(list.candidates().length, 2);
  });

  it('follows a name to its addresses, as of a headless Service', async () => {
    const { list, answers } = listOf(['pods.shop.svc'], { 'pods.shop.svc': ['10.0.0.1', 'fd00::1'] });
    assert.deepEqual(list.candidates(), []);
    await list.refresh();
    assert.deepEqual(texts(list.all), ['10.0.0.1:80', '[fd00::1]:80']);
    answers['pods.shop.svc'] = ['10.0.0.2'];
    await list.refresh();
    assert.deepEqual(texts(list.all), ['10.0.0.2:80']);
  });

  it('keeps the last answer when a name cannot be resolved', async () => {
    const { list, answers } = listOf(['pods.shop.svc'], { 'pods.shop.svc': ['10.0.0.1'] });
    await list.refresh();
    answers['pods.shop.svc'] = undefined;
    await list.refresh();
    assert.deepEqual(texts(list.all), ['10.0.0.1:80']);
  });
});
