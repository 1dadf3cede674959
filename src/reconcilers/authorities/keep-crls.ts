// Keeps the CRLs of an authority: one for each key whose anchor is published, signed anew when something was revoked or half of its life is
// gone. Rule: what cannot be signed or stored leaves the last one in force, and a condition says so; an entry is never dropped.
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import type { CrlState } from '../../issuance/crl-state.ts';
import { HOUR_MS, MINUTE_MS, later } from '../../issuance/instant.ts';
import type { ClockVerdict } from '../../issuance/judge-clocks.ts';
import { planRevocation } from '../../issuance/plan-revocation.ts';
import { revocationsOf, tenantRevocations } from '../../issuance/revocations.ts';
import type { Revocation } from '../../issuance/revocations.ts';
import { encodeCrl } from '../../pki/crl.ts';
import { inspectCertificate } from '../../pki/inspect-certificate.ts';
import type { Issuer } from '../../pki/issuer.ts';
import { parsePem } from '../../pki/pem.ts';
import { maySignCrls, readCrl, verifyCrl } from '../../pki/read-crl.ts';
import type { Notice, Revocations, StoredAnchor, StoredCrl } from './authority.ts';
import { signers } from './authority-source.ts';
import type { AuthoritySource } from './authority-source.ts';
import { doesNotFit, expiring, forbidden, incomplete, mayNotSign, postponed, skewed, tooLarge, unreadable } from './crl-notices.ts';
import { readCrlMark, writeCrlMark } from './crl-mark.ts';
import type { CrlMark } from './crl-mark.ts';
import { crlIssuerId, crlSecretName, CrlStore } from './crl-store.ts';
import type { Signed } from './crl-store.ts';
import { INDEX } from '../reconciler-context.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { readClocks } from './read-clocks.ts';
import { RefusedError } from './refused-error.ts';
import type { Rotation } from './rotate-authority.ts';
import { findState } from './state-secret.ts';

export interface KeptCrls {
  readonly crls: readonly StoredCrl[];
  readonly revocations?: Revocations;
  readonly notices: readonly Notice[];
  readonly recheckAt?: Date;
}

/** Those who share a name and a key, the newest first. */
interface Group {
  readonly id: string;
  readonly issuers: readonly string[];
  /** Under which others judge the CRL; DER. */
  readonly anchors: readonly Buffer[];
  /** Undefined: the key is gone. */
  readonly signer: Issuer | undefined;
}

interface Kept {
  readonly group: Group;
  /** In force; absent where there is none and none can be signed. */
  readonly crl?: StoredCrl;
  readonly current?: Signed;
  readonly notices: readonly Notice[];
  readonly recheckAt?: Date;
}

export async function keepCrls(context: ReconcilerContext, source: AuthoritySource, rotation: Rotation): Promise<KeptCrls> {
  const certificates = certificatesOf(context, source, rotation);
  const place = { namespace: source.ca.namespace, name: crlSecretName(source.ca.name), authority: source.key };
  await findState(context, place);
  const store = new CrlStore(context, place);
  const mark = readCrlMark(context, source);
  if (isNew(store, mark) && !isWanted(source, certificates)) return { crls: [], notices: [] };
  const groups = groupByKey(source, rotation);
  if (groups.some(isMute)) return withoutCrls(source, store, groups);
  if (isNew(store, mark) && groups.some(({ signer }) => signer === undefined)) return { crls: [], notices: [postponed(source)] };
  const remembered = vanished(context, source, store);
  const revocations = [...(remembered ?? []), ...findRevocations(source, rotation, certificates)];
  const clocks = readClocks(context);
  const kept = await keepEach(context, { source, store, groups, revocations, clocks });
  const isLost = mark.wasKept && remembered === undefined;
  const lacking = issuersOf(rotation).filter((sha256) => isLost || mark.incomplete.includes(sha256));
  // Said before it is made anew: nobody could tell afterwards.
  if (isLost) await writeCrlMark(context, source, lacking);
  await store.write(context);
  await writeCrlMark(context, source, lacking);
  return summarise(kept, clocks, [...skewed(source, clocks), ...(lacking.length === 0 ? [] : [incomplete(source)])]);
}

async function keepEach(context: ReconcilerContext, { groups, ...task }: Omit<Task, 'group' | 'inForce'> & { readonly groups: readonly Group[] }): Promise<Kept[]> {
  const kept: Kept[] = [];
  const inForce = groups.map(({ id }) => id);
  for (const group of groups) kept.push(await keepOne(context, { ...task, group, inForce }));
  const missing = kept.find(({ crl }) => crl === undefined);
  if (missing === undefined) return kept;
  throw new RefusedError({ reason: 'CRLExpired', message: missing.notices[0]?.message ?? `${task.source.name} has no CRL for an anchor that is in use` });
}

function issuersOf({ published }: Rotation): string[] {
  return published.map(({ sha256 }) => sha256);
}

/** What the Secret said that is gone now; undefined: nobody remembers. */
function vanished({ authorities }: ReconcilerContext, { key }: AuthoritySource, { isThere }: CrlStore): readonly Revocation[] | undefined {
  if (isThere) return [];
  const state = authorities.get(key);
  return state?.kind === 'ready' ? state.authority.revocations?.published?.entries : undefined;
}

/** Those that name the authority as their issuer, and those for whom it has signed. */
function certificatesOf({ caches: { certificates } }: ReconcilerContext, { key }: AuthoritySource, { published }: Rotation): readonly TenantCertificate[] {
  const signedFor = published.flatMap(({ sha256 }) => certificates.by(INDEX.signedBy, sha256));
  return [...new Set([...certificates.by(INDEX.authority, key), ...signedFor])];
}

/** A tenant's always; a CA Secret's from the moment something of it is revoked, or its annotation asks for it. */
function isWanted({ crl }: AuthoritySource, certificates: readonly TenantCertificate[]): boolean {
  return crl.wanted || certificates.some(({ spec }) => spec.revoked !== undefined);
}

function isNew({ isThere }: CrlStore, { wasKept }: CrlMark): boolean {
  return !isThere && !wasKept;
}

function findRevocations({ crl }: AuthoritySource, { published }: Rotation, certificates: readonly TenantCertificate[]): Revocation[] {
  return [...certificates.flatMap((certificate) => revocationsOf(certificate, crl.revoked)), ...tenantRevocations(crl.revoked, certificates, published.flatMap(endOf))];
}

/** An anchor ends with the CA that it stands for. */
function endOf({ sha256, anchor }: Rotation['published'][number]): { readonly sha256: string; readonly notAfter: Date }[] {
  const certificate = inspectCertificate(anchor.pem);
  return certificate === undefined ? [] : [{ sha256, notAfter: certificate.notAfter }];
}

function isMute({ anchors }: Group): boolean {
  return !anchors.every(maySignCrls);
}

/** Servers that have one CRL demand one of every authority: so there is none at all, unless that would let revoked ones in again. */
function withoutCrls(source: AuthoritySource, store: CrlStore, groups: readonly Group[]): KeptCrls {
  const isInForce = groups.some((group) => !isMute(group) && store.read(group.id).kind !== 'none');
  if (isInForce) throw new RefusedError({ reason: 'IssuerNotCA', message: `${mayNotSign(source.name)}: the one before has a CRL, which stays in force until it ends` });
  return { crls: [], notices: [forbidden(source)] };
}

function groupByKey(source: AuthoritySource, { published }: Rotation): Group[] {
  const available = signers(source);
  const members = new Map<string, Rotation['published'][number][]>();
  for (const each of published) {
    const id = crlIssuerId(each.anchor);
    members.set(id, [...(members.get(id) ?? []), each]);
  }
  return [...members].map(([id, group]) => {
    const issuers = group.map(({ sha256 }) => sha256);
    return { id, issuers, anchors: group.map(({ anchor }) => decodeAnchor(anchor)), signer: issuers.flatMap((sha256) => available.get(sha256) ?? [])[0] };
  });
}

function decodeAnchor({ pem }: StoredAnchor): Buffer {
  const [block] = parsePem(pem);
  if (block === undefined) throw new Error('a stored anchor is not a certificate');
  return block.der;
}

interface Task {
  readonly source: AuthoritySource;
  readonly store: CrlStore;
  readonly group: Group;
  /** Identifiers of all groups. */
  readonly inForce: readonly string[];
  readonly revocations: readonly Revocation[];
  readonly clocks: ClockVerdict;
}

async function keepOne(context: ReconcilerContext, { source, store, group, inForce, revocations, clocks }: Task): Promise<Kept> {
  const { id, issuers, anchors, signer } = group;
  const before = store.read(id);
  const { now } = clocks;
  const mayPrune = clocks.disagreement === undefined;
  if (before.kind === 'malformed') return { group, notices: [unreadable(store.place)], ...describeForeign(before.pem, issuers[0]) };
  const current = before.kind === 'none' ? undefined : before;
  const unchanged = { group, ...(current && { current, crl: describeCrl(current) }) };
  if (signer === undefined) return { ...unchanged, notices: expiring(source, current, now) };
  const alsoSHA256 = issuers.filter((sha256) => sha256 !== signer.sha256);
  const mine = revocations.filter(({ issuerSHA256 }) => issuers.includes(issuerSHA256));
  const plan = planRevocation(current?.state, { issuer: { sha256: signer.sha256, alsoSHA256 }, revocations: mine, lifeMs: source.crl.lifeMs, mayPrune }, now);
  if (plan.kind === 'keep') return { ...unchanged, notices: [...tooLarge(source, current), ...expiring(source, current, now)], recheckAt: plan.recheckAt };
  const pem = await sign(signer, anchors, { number: plan.state.number, thisUpdate: plan.thisUpdate, nextUpdate: plan.state.nextUpdate, entries: plan.entries.map(({ revokedAt, ...entry }) => ({ ...entry, revocationDate: revokedAt })) });
  const next = { state: plan.state, pem };
  if (!store.add(id, next, { inForce, now: mayPrune ? now : undefined })) return { ...unchanged, notices: [doesNotFit(source, next, current)] };
  context.log.info({ authority: source.name, reason: plan.reason, number: plan.state.number.toString(), entries: plan.entries.length, nextUpdate: plan.state.nextUpdate, issuerSHA256: signer.sha256 }, 'crl signed');
  return { group, current: next, crl: describeCrl(next), notices: tooLarge(source, next), recheckAt: later(now, Math.min(HOUR_MS, source.crl.lifeMs / 2)) };
}

function describeCrl({ state, pem }: Signed): StoredCrl {
  return { pem, number: state.number.toString(), nextUpdate: state.nextUpdate, issuerSHA256: state.issuerSHA256 };
}

/** A CRL whose state is lost stays in force: without it, whoever is revoked would be welcome again. */
function describeForeign(pem: string | undefined, issuerSHA256 = ''): { crl?: StoredCrl } {
  const crl = pem === undefined ? undefined : readCrl(pem);
  if (pem === undefined || crl?.nextUpdate === undefined) return {};
  return { crl: { pem, number: String(crl.number ?? 0n), nextUpdate: crl.nextUpdate, issuerSHA256 } };
}

async function sign(signer: Issuer, anchors: readonly Buffer[], content: Parameters<typeof encodeCrl>[1]): Promise<string> {
  const { pem } = await encodeCrl(signer, content);
  const crl = readCrl(pem);
  if (crl === undefined || anchors.some((anchor) => verifyCrl(crl, anchor) !== 'Valid')) throw new Error('the CRL just signed could not be verified');
  return pem;
}

/** Clocks are set by people, who want to see that it helped. */
const SKEWED_RECHECK_MS = 5 * MINUTE_MS;

function summarise(kept: readonly Kept[], { now, disagreement }: ClockVerdict, said: readonly Notice[]): KeptCrls {
  const current = kept.flatMap((each) => each.current ?? []);
  const rechecks = [...kept.flatMap(({ recheckAt }) => recheckAt ?? []), ...(disagreement === undefined ? [] : [later(now, SKEWED_RECHECK_MS)])];
  const recheck = rechecks.sort((a, b) => a.getTime() - b.getTime())[0];
  const signing = kept.filter(({ group: { signer } }) => signer !== undefined).flatMap(({ group: { issuers } }) => issuers);
  return {
    crls: kept.flatMap(({ crl }) => crl ?? []),
    revocations: describeRevocations(new Set(signing), current.map(({ state }) => state)),
    notices: oneOfEachType([...kept.flatMap(({ notices }) => notices), ...said]),
    ...(recheck === undefined ? {} : { recheckAt: recheck }),
  };
}

/** Conditions are one of each type. */
function oneOfEachType(notices: readonly Notice[]): Notice[] {
  return [...new Map(notices.toReversed().map((notice) => [notice.type, notice])).values()];
}

function describeRevocations(issuers: ReadonlySet<string>, states: readonly CrlState[]): Revocations {
  const [first] = states;
  const entries = states.flatMap((state) => state.entries);
  const known = new Set(entries.map(({ issuerSHA256, serialNumber }) => `${issuerSHA256} ${serialNumber}`));
  return { issuers, published: first && { ...first, entries }, has: (issuerSHA256, serialNumber) => known.has(`${issuerSHA256} ${serialNumber}`) };
}
