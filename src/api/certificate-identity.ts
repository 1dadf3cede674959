// Schema of what a certificate says and who signs it: the identity half of TenantCertificate.spec.
import { Type } from 'typebox';
import { ALGORITHMS, ISSUER_KINDS, REVOCATION_REASONS, USAGES } from './closed-sets.ts';
import { duration, flag, integer, listOf, objectName, oneOf, record, text } from './schema-parts.ts';

const ATTRIBUTE = '^[^\\x00-\\x1f\\x7f]*$';

function attribute(what: string, maxLength = 64) {
  return listOf(text(maxLength, { description: what, pattern: ATTRIBUTE }), 8, { description: `${what} of the subject, in this order.` });
}

export const Subject = record(
  {
    organizations: Type.Optional(attribute('O (organization)')),
    organizationalUnits: Type.Optional(attribute('OU (organizational unit)')),
    countries: Type.Optional(
      listOf(text(2, { description: 'C (two-letter country)', pattern: '^[A-Z]{2}$', minLength: 2 }), 4, { description: 'C (country) of the subject.' }),
    ),
    provinces: Type.Optional(attribute('ST (state or province)', 128)),
    localities: Type.Optional(attribute('L (locality)', 128)),
  },
  { description: 'Attributes of the subject other than the common name (RFC 5280, 4.1.2.6).' },
);

export const IssuerReference = record(
  {
    kind: oneOf(ISSUER_KINDS, {
      description: 'Secret: a CA Secret of this namespace (tls.crt with its chain, tls.key). Tenant: a Tenant\'s authority, under its policy. SelfSigned: a root.',
      default: 'Secret',
    }),
    name: Type.Optional(objectName({ description: 'Name of the Secret or Tenant.' })),
  },
  {
    description: 'Who signs the certificate.',
    rules: [
      { rule: "self.kind == 'SelfSigned' || has(self.name)", message: 'spec.issuer.name is required for kind Secret and kind Tenant' },
      { rule: "self.kind != 'SelfSigned' || !has(self.name)", message: 'spec.issuer.name has no meaning for kind SelfSigned; remove it' },
    ],
  },
);

export const PrivateKeySpec = record(
  {
    algorithm: oneOf(ALGORITHMS, { description: 'Kind of key.', default: 'ECDSA' }),
    size: Type.Optional(integer(256, 4096, { description: 'ECDSA: 256 (default), 384, 521. RSA: 2048 (default), 3072, 4096. Ed25519: leave out.' })),
    rotationPolicy: oneOf(['Always', 'Never'] as const, { description: 'Always: a new key with every certificate. Never: the key is kept.', default: 'Always' }),
  },
  {
    description: 'The private key.',
    default: {},
    rules: [
      { rule: "self.algorithm != 'ECDSA' || !has(self.size) || self.size in [256, 384, 521]", message: 'an ECDSA key has size 256, 384 or 521', fieldPath: '.size' },
      { rule: "self.algorithm != 'RSA' || !has(self.size) || self.size in [2048, 3072, 4096]", message: 'an RSA key has size 2048, 3072 or 4096', fieldPath: '.size' },
      { rule: "self.algorithm != 'Ed25519' || !has(self.size)", message: 'an Ed25519 key has one size only; remove it', fieldPath: '.size' },
    ],
  },
);

export const RevocationReason = oneOf(REVOCATION_REASONS, { description: 'Reason code (RFC 5280, 5.3.1).', default: 'unspecified' });

/** Fields of the spec that decide what is signed. */
export const identityFields = {
  issuer: IssuerReference,
  commonName: Type.Optional(text(64, { description: 'CN of the subject; at most 64 characters (RFC 5280, ub-common-name).', pattern: ATTRIBUTE })),
  subject: Type.Optional(Subject),
  dnsNames: Type.Optional(listOf(text(253, { description: 'A DNS name; * may stand for the first label.', pattern: '^[^\\s\\x00-\\x1f\\x7f]+$' }), 64, { description: 'DNS names (SAN).' })),
  ipAddresses: Type.Optional(
    listOf(text(45, { description: 'An IPv4 or IPv6 address.', rules: [{ rule: 'isIP(self)', message: 'must be an IPv4 or IPv6 address' }] }), 32, { description: 'IP addresses (SAN).' }),
  ),
  uris: Type.Optional(listOf(text(2048, { description: 'A URI, such as a SPIFFE id.', pattern: '^[a-zA-Z][a-zA-Z0-9+.-]*:[!-~]+$' }), 32, { description: 'URIs (SAN).' })),
  emailAddresses: Type.Optional(listOf(text(254, { description: 'A mail address.', pattern: '^[!-?A-~]+@[!-?A-~]+$' }), 32, { description: 'Mail addresses (SAN).' })),
  isCA: flag({ description: 'An intermediate (or root) authority, whose Secret is again an issuer of kind Secret.', default: false }),
  usages: Type.Optional(listOf(oneOf(USAGES, { description: 'A key usage or extended key usage.' }), 12, { description: 'Usages; absent: server auth and client auth, or none for a CA.', unique: true })),
  duration: Type.Optional(duration({ description: 'Lifetime; absent: 168h, or 43800h for a CA.', minimum: '10m' })),
  renewBefore: Type.Optional(duration({ description: 'Renewed so long before its end; absent: a third of the lifetime.', minimum: '1m' })),
  privateKey: PrivateKeySpec,
  revoked: Type.Optional(
    record({ reason: RevocationReason }, { description: 'Present: every unexpired serial issued for this object goes on the CRL, and nothing is issued again.' }),
  ),
};
