import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { NamespaceSelector } from '../../src/api/tenant.ts';
import { namespaceMayUse } from '../../src/policy/namespace-selection.ts';
import { SHOP } from './builders.ts';

describe('namespaceMayUse', () => {
  type Expression = NonNullable<NonNullable<NamespaceSelector['selector']>['matchExpressions']>[number];
  const expressions = (...matchExpressions: Expression[]): NamespaceSelector => ({ selector: { matchExpressions } });
  const cases: Record<string, readonly [NamespaceSelector, boolean]> = {
    'a name that is listed': [{ names: ['other', 'shop'] }, true],
    'a name that is not listed': [{ names: ['shopping'] }, false],
    'an empty list of names': [{ names: [] }, false],
    'neither names nor selector': [{}, false],
    'both names and selector': [{ names: ['shop'], selector: { matchLabels: { team: 'shop' } } }, false],
    'an empty selector': [{ selector: {} }, false],
    'a selector with empty parts': [{ selector: { matchLabels: {}, matchExpressions: [] } }, false],
    'a label that is there': [{ selector: { matchLabels: { team: 'shop' } } }, true],
    'two labels of which one differs': [{ selector: { matchLabels: { team: 'shop', tier: 'db' } } }, false],
    'a label that every object inherits': [expressions({ key: 'constructor', operator: 'Exists' }), false],
    'In with the value': [expressions({ key: 'team', operator: 'In', values: ['a', 'shop'] }), true],
    'In without the value': [expressions({ key: 'team', operator: 'In', values: ['a'] }), false],
    'In without values': [expressions({ key: 'team', operator: 'In' }), false],
    'In of a label that is absent': [expressions({ key: 'none', operator: 'In', values: ['a'] }), false],
    'NotIn with another value': [expressions({ key: 'team', operator: 'NotIn', values: ['a'] }), true],
    'NotIn with the value': [expressions({ key: 'team', operator: 'NotIn', values: ['shop'] }), false],
    'NotIn of a label that is absent': [expressions({ key: 'none', operator: 'NotIn', values: ['a'] }), true],
    'NotIn without values': [expressions({ key: 'team', operator: 'NotIn' }), false],
    'Exists': [expressions({ key: 'team', operator: 'Exists' }), true],
    'Exists of a label that is absent': [expressions({ key: 'none', operator: 'Exists' }), false],
    'DoesNotExist': [expressions({ key: 'none', operator: 'DoesNotExist' }), true],
    'DoesNotExist of a label that is there': [expressions({ key: 'team', operator: 'DoesNotExist' }), false],
    'two requirements of which one fails': [expressions({ key: 'team', operator: 'Exists' }, { key: 'tier', operator: 'DoesNotExist' }), false],
    'labels that match and a requirement that fails': [{ selector: { matchLabels: { team: 'shop' }, matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['web'] }] } }, false],
  };
  for (const [sentence, [namespaces, expected]] of Object.entries(cases)) {
    it(`${expected ? 'selects by' : 'selects nothing by'} ${sentence}`, () => assert.equal(namespaceMayUse({ namespaces }, SHOP), expected));
  }
});
