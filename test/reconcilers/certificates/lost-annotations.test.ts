import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OWN_ANNOTATION, RENEW_ANNOTATION } from '../../../src/api/names.ts';
import type { TenantCertificateStatus } from '../../../src/api/tenant-certificate.ts';
import { desireCertificate } from '../../../src/issuance/desired-certificate.ts';
import { rememberIssue } from '../../../src/issuance/loop-breaker.ts';
import { requestHash } from '../../../src/issuance/request-hash.ts';
import { lostAnnotations } from '../../../src/reconcilers/certificates/lost-annotations.ts';
import type { OwnedSecret } from '../../../src/reconcilers/owned-secret.ts';
import { aStoredPair, aTenantCertificate, at, desired } from '../../issuance/builders.ts';

const ISSUER = 'f'.repeat(64);
const HASH = requestHash(desired().request);
const FACTS = { [OWN_ANNOTATION.certificateHash]: 'beef', [OWN_ANNOTATION.issuerHash]: ISSUER };
const REQUEST = { [OWN_ANNOTATION.requestHash]: HASH };
const RENEWED = { [OWN_ANNOTATION.renewed]: 'once' };

const ready = (status: 'True' | 'False', observedGeneration = 3) => [{ type: 'Ready', status, reason: 'any', message: '', lastTransitionTime: at(0).toISOString(), observedGeneration }];
const issuedFor = (generation: number, renewToken?: string) => [...rememberIssue([], { reason: 'SpecChanged', generation, renewToken, issuerSHA256: ISSUER }, at(0))];
const REPORTED: TenantCertificateStatus = { certificateSHA256: 'beef', issuerSHA256: ISSUER, conditions: ready('True') };

interface World {
  readonly status?: TenantCertificateStatus;
  readonly annotations?: Record<string, string>;
  readonly secret?: Partial<OwnedSecret>;
  readonly renew?: string;
}

function lost({ status = REPORTED, annotations = {}, secret = {}, renew }: World): object {
  const certificate = aTenantCertificate({}, renew === undefined ? {} : { [RENEW_ANNOTATION]: renew });
  const found: OwnedSecret = { metadata: { name: 'hello-tls', namespace: 'shop', annotations }, stored: aStoredPair(), certificateSHA256: 'beef', files: {}, ...secret };
  return lostAnnotations({ ...certificate, metadata: { ...certificate.metadata, generation: 3 }, status }, desireCertificate(certificate), found);
}

describe('lostAnnotations', () => {
  const table: Record<string, [World, expected: object]> = {
    'all that a Ready certificate was issued for': [{}, { ...FACTS, ...REQUEST }],
    'nothing of the request when the status is of an older spec': [{ status: { ...REPORTED, conditions: ready('True', 2) } }, FACTS],
    'nothing of the request when it is not Ready': [{ status: { ...REPORTED, conditions: ready('False') } }, FACTS],
    'nothing of the request when another spec was issued for last': [{ status: { ...REPORTED, conditions: ready('False'), recentIssues: issuedFor(2) } }, FACTS],
    'the request when this very spec was issued for last': [{ status: { ...REPORTED, conditions: ready('False'), recentIssues: issuedFor(3) } }, { ...FACTS, ...REQUEST }],
    'nothing of a request that says something else': [{ annotations: { [OWN_ANNOTATION.requestHash]: 'other' } }, FACTS],
    'the renewal that was issued for last': [{ renew: 'once', status: { ...REPORTED, recentIssues: issuedFor(1, 'once') } }, { ...FACTS, ...REQUEST, ...RENEWED }],
    'no renewal when another was issued for last': [{ renew: 'once', status: { ...REPORTED, recentIssues: issuedFor(1, 'before') } }, { ...FACTS, ...REQUEST }],
    'no renewal when none was issued for last': [{ renew: 'once', status: { ...REPORTED, recentIssues: issuedFor(1) } }, { ...FACTS, ...REQUEST }],
    'no renewal when nothing is known of the last': [{ renew: 'once' }, { ...FACTS, ...REQUEST }],
    'no renewal that says something else': [{ renew: 'once', annotations: { ...RENEWED, [OWN_ANNOTATION.renewed]: 'other' }, status: { ...REPORTED, recentIssues: issuedFor(1, 'once') } }, { ...FACTS, ...REQUEST }],
    'nothing of another certificate than the one in the status': [{ secret: { certificateSHA256: 'cafe' } }, {}],
    'nothing of a certificate with another key': [{ secret: { stored: aStoredPair({ keyMatches: false }) } }, {}],
    'nothing of what cannot be read': [{ secret: { stored: { state: 'CertificateMalformed', message: '' } } }, {}],
    'nothing when the status says nothing': [{ status: {} }, {}],
    'the count of the status, which is larger': [{ status: { revision: 7 }, annotations: { [OWN_ANNOTATION.revision]: '3' } }, { [OWN_ANNOTATION.revision]: '7' }],
    'no count when that of the Secret is larger': [{ status: { revision: 7 }, annotations: { [OWN_ANNOTATION.revision]: '8' } }, {}],
  };
  for (const [sentence, [world, expected]] of Object.entries(table)) {
    it(`tells ${sentence}`, () => assert.deepEqual(lost(world), expected));
  }
});
