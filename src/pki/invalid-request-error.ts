// The refusal of a certificate request. One rule: it names the field of the TenantCertificate that must be changed.

export class InvalidRequestError extends Error {
  override readonly name = 'InvalidRequestError';
  /** For example `spec.commonName` or `spec.dnsNames[1]`. */
  readonly field: string;

  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`);
    this.field = field;
  }
}
