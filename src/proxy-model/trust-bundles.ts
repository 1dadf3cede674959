// Trust policies as files: each content once, sorted, so that equal input gives equal bytes. One rule: a policy checks CRLs when all of its
// sources have one; a mixture is refused, because TLS servers demand a CRL of every authority as soon as they have one.
import { MAX_TRUST_BUNDLES, trustFileNames } from '../api/names.ts';
import type { ConfigFile } from './config-file.ts';
import type { Authority, TrustModel } from './model.ts';
import { ProxyRefused, refuse } from './proxy-refused.ts';
import { describeTrustSource } from './trust-lookup.ts';
import type { TrustLookup, TrustMaterial, TrustReference, TrustedCrl } from './trust-lookup.ts';

interface Source {
  readonly field: string;
  readonly reference: TrustReference;
  readonly material: TrustMaterial;
}

/** Collects the bundles of one TenantCertificate while its listeners and upstreams are built. */
export class TrustBundles {
  readonly #lookup: TrustLookup;
  readonly #texts: string[] = [];
  readonly #files: ConfigFile[] = [];
  readonly #crls = new Map<string, TrustedCrl>();

  constructor(lookup: TrustLookup) {
    this.#lookup = lookup;
  }

  get files(): readonly ConfigFile[] {
    return this.#files;
  }

  /** Every CRL in the files, once. */
  get crls(): readonly TrustedCrl[] {
    return [...this.#crls.values()];
  }

  /** `field`: path of the list, or of the object that has none and so trusts its own issuer. */
  resolve(references: readonly TrustReference[], field: string): TrustModel {
    const system = references.some(({ kind }) => kind === 'System');
    const sources = references.flatMap((reference, index) => (reference.kind === 'System' ? [] : [this.#read(reference, `${field}[${index}]`)]));
    if (sources.length === 0) return { system, authorities: [] };
    checkCrls(sources, system);
    const { certificates, crls } = this.#place(sources, field);
    return { certificates, ...(crls === undefined ? {} : { crls }), system, authorities: authoritiesOf(sources) };
  }

  #read(reference: TrustReference, field: string): Source {
    const material = this.#lookup(reference);
    if ('reason' in material) throw new ProxyRefused({ ...material, field: material.field ?? field });
    if (material.certificates.length === 0) refuse(field, `${describeTrustSource(reference)} holds no certificate`, 'TrustSourceMalformed');
    return { field, reference, material };
  }

  #place(sources: readonly Source[], field: string): { certificates: string; crls?: string } {
    const certificates = joined(sources.flatMap(({ material }) => material.certificates));
    const crls = joined(sources.flatMap(({ material }) => material.crls));
    const text = `${certificates}\0${crls}`;
    const known = this.#texts.indexOf(text);
    const index = known === -1 ? this.#texts.push(text) - 1 : known;
    if (index >= MAX_TRUST_BUNDLES) refuse(field, `more than ${MAX_TRUST_BUNDLES} different sets of trusted certificates`, 'TooManyTrustBundles');
    const names = trustFileNames(index);
    const paths = { certificates: `caCerts/${names.certificates}`, ...(crls === '' ? {} : { crls: `caCerts/${names.crls}` }) };
    if (known === -1) this.#write(paths, { certificates, crls });
    for (const crl of sources.flatMap(({ material }) => material.crls)) this.#crls.set(crl.pem, crl);
    return paths;
  }

  #write(paths: { certificates: string; crls?: string }, texts: { certificates: string; crls: string }): void {
    this.#files.push({ path: paths.certificates, mode: 0o444, content: texts.certificates });
    if (paths.crls !== undefined) this.#files.push({ path: paths.crls, mode: 0o444, content: texts.crls });
  }
}

function checkCrls(sources: readonly Source[], system: boolean): void {
  const without = sources.find(({ material }) => material.crls.length === 0);
  const having = sources.find(({ material }) => material.crls.length > 0);
  if (having === undefined || (without === undefined && !system)) return;
  const { field, name } = without === undefined ? { field: having.field, name: 'the system\'s CAs have' } : { field: without.field, name: `${describeTrustSource(without.reference)} has` };
  refuse(field, `${name} no CRL, but ${describeTrustSource(having.reference)} has one: give all of them a CRL or none`, 'TrustSourceMixedCRLs');
}

function authoritiesOf(sources: readonly Source[]): Authority[] {
  const found = sources.flatMap(({ material: { certificates, tenant } }) =>
    certificates.map(({ sha256, subject }): Authority => ({ sha256, subject, ...(tenant === undefined ? {} : { tenant }) })),
  );
  const distinct = new Map(found.map((authority) => [`${authority.sha256} ${authority.tenant ?? ''}`, authority]));
  return [...distinct].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, authority]) => authority);
}

/** PEM blocks each on lines of its own, sorted, each once. */
function joined(blocks: readonly { readonly pem: string }[]): string {
  return [...new Set(blocks.map(({ pem }) => `${pem.trim()}\n`))].sort((a, b) => (a < b ? -1 : 1)).join('');
}
