import { createHash } from 'node:crypto';
import type { CertificateSkeleton } from './certificate-content.ts';

/** An authority is known by its name and its key, whichever of its certificates is at hand: root-signed, renewed, or a twin. */
export function authorityId({ subject, publicKey }: Pick<CertificateSkeleton, 'subject' | 'publicKey'>): string {
  return createHash('sha256').update(subject).update(publicKey).digest('hex');
}
