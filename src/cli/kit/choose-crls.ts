// Of all CRLs that were found, the newest of each anchor. One rule: as soon as one anchor has a CRL all must, because TLS programs that
// check CRLs ask for one of every authority and refuse everybody where one is missing.
import { encodePem, parsePem } from '../../pki/pem.ts';
import { DerError } from '../../pki/der.ts';
import { PemError } from '../../pki/pem.ts';
import { decodeCrl, verifyCrl } from '../../pki/read-crl.ts';
import type { Crl } from '../../pki/read-crl.ts';
import type { KitMaterial } from './kit-parts.ts';
import { KitRefused } from './kit-refused.ts';

/** Throws KitRefused. */
export function chooseCrls(anchors: readonly Buffer[], texts: readonly string[], now: Date): Pick<KitMaterial, 'crlsPem' | 'crlsEnd'> {
  const found = texts.flatMap(readCrls);
  const chosen = anchors.map((anchor) => newest(found.filter((crl) => verifyCrl(crl, anchor) === 'Valid')));
  const crls = [...new Set(chosen.filter((crl) => crl !== undefined))];
  if (crls.length === 0) return { crlsPem: '' };
  if (chosen.includes(undefined)) throw new KitRefused('some of its authorities have a CRL and some have none: its authority is being replaced; try again later');
  const ends = crls.flatMap(({ nextUpdate }) => (nextUpdate === undefined ? [] : [nextUpdate.getTime()]));
  const crlsEnd = new Date(Math.min(...ends, LAST));
  if (crlsEnd <= now) throw new KitRefused(`the CRL of its authority ended at ${crlsEnd.toISOString()}, and nobody would be let in: see that the operator runs (kubectl tenant-mtls doctor)`);
  return { crlsPem: crls.map(({ der }) => encodePem('X509 CRL', der)).join(''), crlsEnd };
}

/** No certificate has a later date (RFC 5280, 4.1.2.5). */
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59);

/** A text that cannot be read has none: whoever wrote it was not the operator. */
function readCrls(text: string): Crl[] {
  try {
    return parsePem(text).flatMap(({ label, der }) => (label === 'X509 CRL' ? [decodeCrl(der)] : []));
  } catch (error) {
    if (error instanceof DerError || error instanceof PemError) return [];
    throw error;
  }
}

function newest(crls: readonly Crl[]): Crl | undefined {
  return crls.reduce<Crl | undefined>((best, crl) => (best === undefined || (crl.number ?? 0n) > (best.number ?? 0n) ? crl : best), undefined);
}
