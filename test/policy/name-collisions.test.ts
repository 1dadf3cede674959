import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import type { TenantAllow } from '../../src/api/tenant.ts';
import { isAllowed } from '../../src/policy/check-policy.ts';
import { checkCollisions, collidingNames } from '../../src/policy/name-collisions.ts';
import { aRequest, aTenant } from './builders.ts';
import { soaked } from '../support/soak.ts';

const older = (allow: Partial<TenantAllow>) => aTenant('older', allow, '2026-01-01T00:00:00Z');
const newer = (allow: Partial<TenantAllow>) => aTenant('newer', allow, '2026-01-02T00:00:00Z');

describe('collidingNames', () => {
  const cases: Record<string, readonly [Partial<TenantAllow>, Partial<TenantAllow>, boolean]> = {
    'the same name': [{ dnsNames: ['a.svc'] }, { dnsNames: ['a.svc'] }, true],
    'the same name in other case': [{ dnsNames: ['a.svc'] }, { dnsNames: ['A.SVC'] }, true],
    'a name under a pattern': [{ dnsNames: ['*.shop.svc'] }, { dnsNames: ['a.shop.svc'] }, true],
    'a pattern over a name': [{ dnsNames: ['a.shop.svc'] }, { dnsNames: ['*.shop.svc'] }, true],
    'a pattern of several labels over one of one': [{ dnsNames: ['*.shop.svc'] }, { dnsNames: ['**.svc'] }, true],
    'patterns that meet in the middle': [{ dnsNames: ['a.*.svc'] }, { dnsNames: ['*.b.svc'] }, true],
    'patterns of several labels that meet': [{ dnsNames: ['a.**.z'] }, { dnsNames: ['**.b.z'] }, true],
    'patterns of different length': [{ dnsNames: ['*.svc'] }, { dnsNames: ['*.shop.svc'] }, false],
    'names beside each other': [{ dnsNames: ['*.shop.svc'] }, { dnsNames: ['*.other.svc'] }, false],
    'the end of a pattern': [{ dnsNames: ['**.svc'] }, { dnsNames: ['svc'] }, false],
    'a trust domain': [{ uris: ['spiffe://shop/**'] }, { uris: ['spiffe://shop/ns/*'] }, true],
    'other trust domains': [{ uris: ['spiffe://shop/**'] }, { uris: ['spiffe://other/**'] }, false],
    'a mail domain': [{ emailAddresses: ['*@shop.example'] }, { emailAddresses: ['ops@shop.example'] }, true],
    'common names': [{ commonNames: ['*.shop.example'] }, { commonNames: ['hello.shop.example'] }, true],
    'common names of free text': [{ commonNames: ['Alice Smith'] }, { commonNames: ['Alice Smith'] }, true],
    'free text and a lone *': [{ commonNames: ['Alice Smith'] }, { commonNames: ['*'] }, false],
    'names of different kinds': [{ commonNames: ['a.svc'] }, { dnsNames: ['a.svc'] }, false],
    'patterns that stand for nothing': [{ dnsNames: ['web-*.svc'] }, { dnsNames: ['web-*.svc'] }, false],
    'the same networks, which are no names': [{ ipAddresses: ['10.0.0.0/8'] }, { ipAddresses: ['10.0.0.0/8'] }, false],
  };
  for (const [sentence, [first, second, collide]] of Object.entries(cases)) {
    it(`${collide ? 'sees' : 'sees no'} collision: ${sentence}`, () => {
      const tenants = [newer(second), older(first)];
      assert.equal(collidingNames(newer(second), tenants).length, collide ? 1 : 0);
      assert.deepEqual(collidingNames(older(first), tenants), []);
    });
  }

  it('says which pattern collides with which of whom', () => {
    const [collision] = collidingNames(newer({ dnsNames: ['x.y', '**.svc'] }), [older({ dnsNames: ['a.b', '*.shop.svc'] })]);
    assert.equal(collision?.message, 'spec.allow.dnsNames[1] "**.svc" collides with "*.shop.svc" of the older Tenant older');
  });

  it('decides by name where both were created in the same second', () => {
    const [a, b] = [aTenant('a', { dnsNames: ['x.y'] }), aTenant('b', { dnsNames: ['x.y'] })];
    assert.deepEqual([collidingNames(a, [b, a]).length, collidingNames(b, [a, b]).length], [0, 1]);
  });

  it('gives every name to at most one of any set of tenants', () => {
    const pattern = fc.array(fc.constantFrom('a', 'b', '*', '**'), { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
    const name = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
    fc.assert(fc.property(fc.array(fc.array(pattern, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 4 }), name, (all, asked) => {
      const tenants = all.map((dnsNames, index) => aTenant(`t${index}`, { dnsNames }, `2026-01-0${(index * 7) % 3 + 1}T00:00:00Z`));
      const request = aRequest({ dnsNames: [asked] });
      const owners = tenants.filter((each) => isAllowed('dnsNames', asked, each.spec.allow.dnsNames ?? []) && checkCollisions(request, collidingNames(each, tenants)).length === 0);
      const claimed = tenants.some((each) => isAllowed('dnsNames', asked, each.spec.allow.dnsNames ?? []));
      assert.equal(owners.length, claimed ? 1 : 0);
    }), { numRuns: soaked(500) });
  });
});

describe('checkCollisions', () => {
  const collisions = collidingNames(newer({ dnsNames: ['**.svc'] }), [older({ dnsNames: ['a.shop.svc'] })]);
  it('refuses the name of the older Tenant and says whose it is', () => {
    const [violation, ...more] = checkCollisions(aRequest({ dnsNames: ['b.shop.svc', 'a.shop.svc'] }), collisions);
    assert.equal(more.length, 0);
    assert.deepEqual([violation?.reason, violation?.field], ['NameCollision', 'spec.dnsNames[1]']);
    assert.match(violation?.message ?? '', /belongs to the older Tenant older/u);
  });
  it('refuses a wildcard certificate that covers a name of the older Tenant', () => {
    assert.equal(checkCollisions(aRequest({ dnsNames: ['*.shop.svc'] }), collisions).length, 1);
    assert.equal(checkCollisions(aRequest({ dnsNames: ['*.other.svc'] }), collisions).length, 0);
  });
});
