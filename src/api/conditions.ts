// Condition types and the closed set of reasons. A reason is public: alerts and scripts match it.

export const CONDITION = {
  ready: 'Ready',
  issuing: 'Issuing',
  converged: 'Converged',
  issuanceSuspended: 'IssuanceSuspended',
  plaintextReachable: 'PlaintextReachable',
  crlTooLarge: 'CRLTooLarge',
  crlExpiring: 'CRLExpiring',
  crlIncomplete: 'CRLIncomplete',
  clockSkewed: 'ClockSkewed',
  notRevoked: 'NotRevoked',
  revocationsUnmatched: 'RevocationsUnmatched',
  validityClipped: 'ValidityClipped',
  inUse: 'InUse',
  nameCollision: 'NameCollision',
  patternsIgnored: 'PatternsIgnored',
  engineAdvice: 'EngineAdvice',
  networkPolicyReady: 'NetworkPolicyReady',
  podsMissed: 'PodsMissed',
} as const;

/** Conditions of a TenantCertificate that follow from its pods; whoever reconciles the certificate hands them on as they are. */
export const OBSERVED_CONDITIONS: ReadonlySet<string> = new Set([CONDITION.converged, CONDITION.plaintextReachable, CONDITION.networkPolicyReady]);

/** Why a certificate is (or is about to be) issued; the reason of condition Issuing. */
export const ISSUE_REASONS = [
  'NeverIssued', 'SecretMissing', 'SecretDataMissing', 'CertificateMalformed', 'KeyMalformed', 'KeyMismatch',
  'SpecChanged', 'IssuerChanged', 'SerialRevoked', 'Expired', 'RenewalDue', 'RenewalRequested',
] as const;

/** Why a certificate cannot be issued or served; the reason of condition Ready. */
export const REFUSE_REASONS = [
  'IssuerNotFound', 'IssuerMalformed', 'IssuerKeyMismatch', 'IssuerKeyEncrypted', 'IssuerExpired', 'IssuerNotYetValid', 'IssuerNotCA', 'IssuerForbidsCA', 'IssuerBeingReplaced',
  'SecretNotOwned', 'SecretNameTaken', 'ConfigMapNotOwned', 'InvalidSpec', 'NotSupportedByEngine',
  'TenantNotFound', 'TenantNotReady', 'NamespaceNotAllowed', 'PolicyViolation', 'NameCollision',
  'TrustSourceMissing', 'TrustSourceMalformed', 'TrustSourceMixedCRLs', 'TooManyTrustBundles', 'ProxyInvalid', 'ServerCertificateMissing', 'ServerCertificateMalformed',
  'Revoked', 'IssuanceSuspended', 'BudgetExceeded', 'VerificationFailed', 'WriteFailed', 'CRLTooLarge', 'CRLExpired',
] as const;

export type IssueReason = (typeof ISSUE_REASONS)[number];
export type RefuseReason = (typeof REFUSE_REASONS)[number];

/** A finding that stops an object, for people (message) and programs (reason, field). */
export interface Refusal {
  readonly reason: RefuseReason;
  readonly message: string;
  readonly field?: string;
  /** What refused it: a rule of a Tenant, such as `allow.dnsNames`. */
  readonly rule?: string;
}

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  observedGeneration?: number;
  lastTransitionTime: string;
}

/** `next` in `conditions`: the time of transition changes only with the status; equal conditions keep the array's content. */
export function setCondition(conditions: readonly Condition[], next: Omit<Condition, 'lastTransitionTime'>, now: Date): Condition[] {
  const before = conditions.find(({ type }) => type === next.type);
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : now.toISOString().replace(/\.\d{3}Z$/, 'Z');
  const condition: Condition = { ...next, lastTransitionTime };
  return before === undefined ? [...conditions, condition] : conditions.map((each) => (each.type === next.type ? condition : each));
}
