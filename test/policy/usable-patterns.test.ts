import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NameKind } from '../../src/policy/name-kinds.ts';
import { unusablePatterns, usableAllow } from '../../src/policy/usable-patterns.ts';

describe('unusablePatterns', () => {
  const none: readonly (readonly [NameKind, string])[] = [
    ['dnsNames', '*.shop.svc.'], ['dnsNames', 'web-*.shop.svc'], ['dnsNames', 'a..b'], ['dnsNames', '-a.b'], ['dnsNames', '*.bücher.example'],
    ['emailAddresses', '*@a..b'], ['emailAddresses', 'nobody'], ['emailAddresses', 'a..b@x.y'], ['emailAddresses', '**@x.y'],
    ['uris', 'urn:x:*'], ['uris', 'https://*.shop.example/'], ['uris', 'https://a..b/x'], ['uris', 'https://API.example/x'], ['uris', 'https:///x'], ['uris', 'https://u@a/x'],
    ['commonNames', 'Alice *'],
  ];
  for (const [kind, pattern] of none) {
    it(`says of ${kind} ${pattern} that it allows nothing, and where it stands`, () => {
      const allow = { isCA: false, [kind]: [pattern] };
      assert.match(unusablePatterns(allow).join(), new RegExp(`^spec\\.allow\\.${kind}\\[0\\] ".*" allows nothing: `));
      assert.deepEqual(usableAllow(allow), { isCA: false, [kind]: [] });
    });
  }

  it('says nothing of patterns that stand for names', () => {
    const allow = {
      isCA: true, commonNames: ['Acme-Inc.', '*', 'Alice B. Smith', '*@x.y'], dnsNames: ['**', 'a.*.b', '*.xn--bcher-kva.example'], emailAddresses: ['*@x.y', 'a.b@**'],
      uris: ['spiffe://shop/*', 'https://10.0.0.1:8443/x', 'https://[fd00::1]/x', 'urn:x:y'], ipAddresses: ['10.0.0.0/8'],
    };
    assert.deepEqual(unusablePatterns(allow), []);
    assert.deepEqual(usableAllow(allow), allow);
  });

  it('tells who writes an international name how it is written', () => assert.match(unusablePatterns({ isCA: false, dnsNames: ['*.bücher.example'] }).join(), /xn-- form$/));
});
