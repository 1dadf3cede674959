import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InFlightBudget } from '../../src/admission/in-flight-budget.ts';

const fail = (): never => assert.fail('not to be cut off');

function open(budget: InFlightBudget, address: string, cutOff: () => void = fail) {
  return budget.open(address, cutOff) ?? assert.fail('no room');
}

describe(InFlightBudget.name, () => {
  it('counts what has arrived, and takes it back once', () => {
    const budget = new InFlightBudget({ requests: 2, bytes: 100 });
    const share = open(budget, 'a');
    assert.ok(share.add(60));
    assert.equal(share.add(60), false);
    assert.deepEqual(budget.held, { requests: 1, bytes: 60 });
    share.release();
    share.release();
    assert.deepEqual(budget.held, { requests: 0, bytes: 0 });
    assert.equal(share.add(1), false);
  });

  it('refuses the address that holds most, and cuts nobody else off for it', () => {
    const budget = new InFlightBudget({ requests: 10, bytes: 100 });
    assert.ok(open(budget, 'small').add(10));
    const large = open(budget, 'large');
    assert.ok(large.add(90));
    assert.equal(large.add(1), false);
  });

  it('cuts off the oldest upload of the address that holds most bytes for one that asks for little', () => {
    const budget = new InFlightBudget({ requests: 10, bytes: 100 });
    const cut: string[] = [];
    assert.ok(open(budget, 'middle', () => cut.push('middle')).add(20));
    for (const name of ['first', 'second']) assert.ok(open(budget, 'large', () => cut.push(name)).add(40));
    const small = open(budget, 'small');
    assert.ok(small.add(15));
    assert.deepEqual([cut, budget.held], [['first'], { requests: 3, bytes: 75 }]);
  });

  it('makes room for requests in the same way', () => {
    const budget = new InFlightBudget({ requests: 3, bytes: 100 });
    const cut: string[] = [];
    for (const name of ['first', 'second', 'third']) open(budget, 'many', () => cut.push(name));
    open(budget, 'one');
    assert.deepEqual(cut, ['first']);
    assert.equal(budget.open('many', fail), undefined);
  });

  it('does not cut off what has arrived completely: it is being answered', () => {
    const budget = new InFlightBudget({ requests: 10, bytes: 100 });
    const complete = open(budget, 'large');
    assert.ok(complete.add(100));
    complete.complete();
    assert.equal(open(budget, 'small').add(1), false);
  });
});
