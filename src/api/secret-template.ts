// Schema of spec.secretTemplate: labels and annotations as the API server takes them on a Secret, so that a bad one is refused with its
// field when it is applied, and not when the Secret is written. Which keys are the operator's own is its reconciler's to say.
import { Type } from 'typebox';
import { mapOfStrings, record } from './schema-parts.ts';
import type { CelRule } from './schema-parts.ts';

const LABEL_VALUE = { maxLength: 63, pattern: '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$' };

/** A qualified name: up to 63 characters, behind a DNS name of up to 253 and a slash. `letter`: what stands in that DNS name besides digits. */
function qualifiedKeys(what: string, letter: 'a-z' | 'A-Za-z'): CelRule {
  const part = `[${letter}0-9]([-${letter}0-9]*[${letter}0-9])?`;
  const pattern = `^(${part}(\\\\.${part})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`;
  return {
    rule: `self.all(k, k.indexOf('/') <= 253 && k.matches('${pattern}'))`,
    message: `a key of ${what} is a name of up to 63 letters, digits, "-", "_" and "." that begins and ends with a letter or digit, alone or behind a DNS name and "/"`,
  };
}

export const SecretTemplate = record(
  {
    labels: Type.Optional(mapOfStrings(32, { description: 'Labels of the Secret.', values: LABEL_VALUE, rules: [qualifiedKeys('labels', 'a-z')] })),
    // The API server itself takes capitals before the slash here, and only here.
    annotations: Type.Optional(mapOfStrings(32, { description: 'Annotations of the Secret.', rules: [qualifiedKeys('annotations', 'A-Za-z')] })),
  },
  { description: 'Labels and annotations that the Secret gets besides ours; keys of tenant-mtls.dev are refused.' },
);
