// Schema of the status of our kinds.
import { Type } from 'typebox';
import { integer, listOf, oneOf, record, text } from './schema-parts.ts';

const time = (description: string) => Type.String({ format: 'date-time', description });
const optionalText = (description: string, maxLength = 256) => Type.Optional(text(maxLength, { description, minLength: 0 }));

export const Conditions = listOf(
  record(
    {
      type: text(316, { description: 'Type of the condition.' }),
      status: oneOf(['True', 'False', 'Unknown'] as const, { description: 'Whether it holds.' }),
      reason: text(1024, { description: 'Reason from a closed set.', pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$' }),
      message: text(32_768, { description: 'For people.', minLength: 0 }),
      observedGeneration: Type.Optional(Type.Integer({ format: 'int64', minimum: 0, description: 'Generation it was seen for.' })),
      lastTransitionTime: time('When the status last changed.'),
    },
    { description: 'An observation about the object.' },
  ),
  16,
  { description: 'Observations about the object.', mapKey: 'type' },
);

export const PodCounts = record(
  {
    total: integer(0, 2_147_483_647, { description: 'Pods with the sidecar.' }),
    current: integer(0, 2_147_483_647, { description: 'Pods whose sidecar has loaded the current files.' }),
    summary: text(32, { description: 'current/total, for the printer column.' }),
    oldestPendingSince: Type.Optional(time('Since when the slowest pod has been behind.')),
  },
  { description: 'How far the pods have got.' },
);

export const IssuedSerial = record(
  {
    serialNumber: text(64, { description: 'Serial number as openssl prints it.' }),
    notAfter: time('End of validity.'),
    issuerSHA256: text(64, { description: 'SHA-256 of the issuer\'s certificate.' }),
    certificateSHA256: Type.Optional(text(64, { description: 'SHA-256 of the certificate.' })),
  },
  { description: 'A certificate issued for this object.' },
);

export const certificateStatus = {
  conditions: Type.Optional(Conditions),
  observedGeneration: Type.Optional(Type.Integer({ format: 'int64', description: 'Generation that was last reconciled.' })),
  secretName: optionalText('Secret that holds the certificate.'),
  issuer: optionalText('Issuer, for the printer column.', 300),
  serialNumber: optionalText('Serial number of the current certificate.', 64),
  certificateSHA256: optionalText('SHA-256 of the current certificate.', 64),
  issuerSHA256: optionalText('SHA-256 of the issuer\'s certificate.', 64),
  notBefore: Type.Optional(time('Start of validity.')),
  notAfter: Type.Optional(time('End of validity.')),
  renewalTime: Type.Optional(time('When it is renewed.')),
  revision: Type.Optional(integer(0, 2_147_483_647, { description: 'How many certificates have been issued for this object.' })),
  issued: Type.Optional(listOf(IssuedSerial, 512, { description: 'Every unexpired certificate issued for this object; what revocation puts on the CRL.' })),
  failedIssuanceAttempts: Type.Optional(integer(0, 2_147_483_647, { description: 'Failures since the last success.' })),
  lastFailureTime: Type.Optional(time('When issuance last failed.')),
  recentIssues: Type.Optional(
    listOf(
      record(
        {
          reason: text(64, { description: 'Why it was issued.' }),
          cause: text(128, { description: 'What it was issued for: generation, issuer and request for renewal.' }),
          time: time('When.'),
        },
        { description: 'An issuance of the last day.' },
      ),
      12,
      { description: 'Issuances of the last day; a loop is recognised by them.' },
    ),
  ),
  pods: Type.Optional(PodCounts),
};

export const tenantStatus = {
  conditions: Type.Optional(Conditions),
  observedGeneration: Type.Optional(Type.Integer({ format: 'int64', description: 'Generation that was last reconciled.' })),
  anchor: optionalText('The tenant\'s anchor, PEM.', 16_384),
  certificateSHA256: optionalText('SHA-256 of the authority\'s certificate.', 64),
  notAfter: Type.Optional(time('End of the authority.')),
  certificates: Type.Optional(
    record(
      { total: integer(0, 2_147_483_647, { description: 'Certificates of this tenant.' }), ready: integer(0, 2_147_483_647, { description: 'Ready ones.' }) },
      { description: 'Certificates of this tenant.' },
    ),
  ),
  pods: Type.Optional(PodCounts),
  crl: Type.Optional(
    record({ number: text(64, { description: 'cRLNumber.' }), nextUpdate: time('When the CRL ends.') }, { description: 'The tenant\'s CRL.' }),
  ),
  rotation: Type.Optional(
    record(
      {
        phase: oneOf(['Stable', 'Prepared', 'Distributed', 'Reissued'] as const, { description: 'How far a replacement of the authority has got.' }),
        since: Type.Optional(time('Since when.')),
      },
      { description: 'Replacement of the authority.' },
    ),
  ),
};
