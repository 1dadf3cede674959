// Closed sets of values and defaults, apart from the schemas, so that a program that only uses them does not load the schema library.

export const ISSUER_KINDS = ['Secret', 'Tenant', 'SelfSigned'] as const;

export const USAGES = [
  'digital signature', 'key encipherment', 'key agreement', 'content commitment', 'cert sign', 'crl sign',
  'server auth', 'client auth', 'code signing', 'email protection', 'timestamping', 'ocsp signing',
] as const;

export const ALGORITHMS = ['ECDSA', 'RSA', 'Ed25519'] as const;

export const REVOCATION_REASONS = [
  'unspecified', 'keyCompromise', 'cACompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'privilegeWithdrawn',
] as const;

export const ENGINES = ['nginx', 'node'] as const;

export const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

export const TRUST_KINDS = ['Tenant', 'Secret', 'ConfigMap', 'System'] as const;

export const CLIENT_AUTH = ['Required', 'Optional', 'OptionalNoCA', 'None'] as const;

/** Where spec.duration is absent. */
export const LEAF_DURATION = '168h';

export const AUTHORITY_DURATION = '43800h';
