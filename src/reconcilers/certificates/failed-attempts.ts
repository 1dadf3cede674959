// Who was to sign what failed last: when somebody else is to sign, it is tried again at once. Forgotten with the certificate, when an attempt
// succeeds, and at a restart, which only makes the wait longer.
import type { Authority } from '../authorities/authority.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import type { CertificateRun } from './certificate-run.ts';

const failures = new WeakMap<object, Map<string, string>>();

type Context = Pick<ReconcilerContext, 'authorities'>;

function of({ authorities }: Context): Map<string, string> {
  const known = failures.get(authorities) ?? new Map<string, string>();
  failures.set(authorities, known);
  return known;
}

const keyOf = ({ certificate: { metadata } }: CertificateRun) => `${metadata.namespace}/${metadata.name}`;

/** To be called when an attempt has failed. */
export function rememberFailure(run: CertificateRun, authority: Authority | undefined): void {
  of(run.context).set(keyOf(run), authority?.issuer.sha256 ?? '');
}

/** `key`: namespace/name of a certificate that was issued, or is gone. */
export function forgetFailure(context: Context, key: string): void {
  of(context).delete(key);
}

export function hasOtherIssuer(run: CertificateRun, authority: Authority | undefined): boolean {
  const failed = of(run.context).get(keyOf(run));
  return failed !== undefined && failed !== (authority?.issuer.sha256 ?? '');
}
