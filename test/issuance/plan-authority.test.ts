import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { readRotationState, writeRotationState } from '../../src/issuance/rotation-state.ts';
import type { AuthorityIdentity, RotationState } from '../../src/issuance/rotation-state.ts';
import { acceptedIssuers, anchorsToPublish, planAuthority, signingAuthority } from '../../src/issuance/plan-authority.ts';
import type { RotationGates } from '../../src/issuance/plan-authority.ts';
import { planSuccessor, successionTime } from '../../src/issuance/plan-successor.ts';
import type { SuccessorFacts } from '../../src/issuance/plan-successor.ts';
import { DAY, at } from './builders.ts';
import { soaked } from '../support/soak.ts';

const WAIT = 120_000;
const SHUT: RotationGates = { writtenEverywhere: false, reissuedAll: false, waitedMs: 0 };
const ca = (name: string, notAfter = at(1000 * DAY)): AuthorityIdentity => ({ sha256: name, notBefore: at(0), notAfter });
const aState = (overrides: Partial<RotationState> = {}): RotationState => ({ phase: 'Stable', since: at(0), active: ca('A'), retiring: [], ...overrides });
const step = (state: RotationState | undefined, observed: AuthorityIdentity, gates: Partial<RotationGates> = {}, now = at(1)) => planAuthority(state, { observed, gates: { ...SHUT, ...gates }, minimumWaitMs: WAIT }, now);

describe('planAuthority', () => {
  const prepared = aState({ phase: 'Prepared', active: ca('B'), retiring: [ca('A')] });
  const distributed = aState({ phase: 'Distributed', active: ca('B'), retiring: [ca('A')] });
  const reissued = aState({ phase: 'Reissued', active: ca('B'), retiring: [ca('A')] });
  const summary = ({ phase, active, retiring }: RotationState) => `${phase} ${active.sha256} (${retiring.map(({ sha256 }) => sha256).join()})`;

  const cases: Record<string, readonly [RotationState | undefined, string, Partial<RotationGates>, string]> = {
    'begins with the authority it finds': [undefined, 'A', {}, 'Stable A ()'],
    'stays while the authority is the same': [aState(), 'A', { writtenEverywhere: true, reissuedAll: true, waitedMs: WAIT }, 'Nothing'],
    'prepares when there is another one': [aState(), 'B', {}, 'Prepared B (A)'],
    'waits until both anchors are written': [prepared, 'B', { waitedMs: WAIT }, 'AnchorsWritten'],
    'waits until pods have had time to load them': [prepared, 'B', { writtenEverywhere: true, waitedMs: WAIT - 1 }, 'MinimumWait'],
    'distributes when they had it': [prepared, 'B', { writtenEverywhere: true, waitedMs: WAIT }, 'Distributed B (A)'],
    'waits until certificates are re-issued': [distributed, 'B', { writtenEverywhere: true, waitedMs: WAIT }, 'CertificatesReissued'],
    'goes on when they are': [distributed, 'B', { reissuedAll: true }, 'Reissued B (A)'],
    'keeps the old anchor until pods have had time to load their certificates': [reissued, 'B', { reissuedAll: true, waitedMs: WAIT - 1 }, 'MinimumWait'],
    'keeps the old anchor when an old certificate comes back': [reissued, 'B', { waitedMs: WAIT }, 'CertificatesReissued'],
    'retires the old anchor': [reissued, 'B', { reissuedAll: true, waitedMs: WAIT }, 'Stable B ()'],
    'drops a successor that has signed nothing for the next one': [prepared, 'C', {}, 'Prepared C (A)'],
    'retires both when a third one comes after certificates were re-issued': [distributed, 'C', {}, 'Prepared C (A,B)'],
    'retires both when a third one comes before the first is retired': [reissued, 'C', {}, 'Prepared C (A,B)'],
    'is at rest at once when the former one comes back before the other has signed': [prepared, 'A', {}, 'Stable A ()'],
    'takes the way back in full when the former one comes back later': [distributed, 'A', {}, 'Prepared A (A,B)'],
    'remembers that the one that came back has signed': [aState({ phase: 'Prepared', active: ca('A'), retiring: [ca('A'), ca('B')] }), 'C', {}, 'Prepared C (A,B)'],
    'keeps each authority once, in the order of its last signing': [aState({ phase: 'Distributed', active: ca('A'), retiring: [ca('A'), ca('B')] }), 'C', {}, 'Prepared C (B,A)'],
  };
  for (const [sentence, [state, observed, gates, expected]] of Object.entries(cases)) {
    it(sentence, () => {
      const plan = step(state, ca(observed), gates);
      assert.equal(plan.kind === 'stay' ? plan.waitingFor : summary(plan.state), expected);
      if (plan.kind === 'stay') assert.equal(plan.state, state);
      else assert.deepEqual(plan.state.since, at(1));
    });
  }

  it('waits for nobody when every earlier authority has ended', () => {
    const plan = step({ ...prepared, retiring: [ca('A', at(DAY))] }, ca('B'), {}, at(DAY));
    assert.equal(plan.state.phase, 'Distributed');
  });
});

describe('signingAuthority', () => {
  const prepared = aState({ phase: 'Prepared', active: ca('C'), retiring: [ca('A'), ca('B')] });
  it('is the newest of the retiring ones while the successor is prepared', () => assert.equal(signingAuthority(prepared, new Set(['A', 'B', 'C'])), 'B'));
  it('is nobody when its key is gone', () => assert.equal(signingAuthority(prepared, new Set(['C'])), undefined));
  it('is the active one in every other phase', () => {
    for (const phase of ['Stable', 'Distributed', 'Reissued'] as const) assert.equal(signingAuthority({ ...prepared, phase }, new Set(['B', 'C'])), 'C');
  });
});

describe('anchorsToPublish', () => {
  it('names each once', () => assert.deepEqual(anchorsToPublish(aState({ phase: 'Prepared', active: ca('A'), retiring: [ca('A'), ca('B')] })), ['A', 'B']));
  it('is the active one, then the retiring ones, newest first', () => {
    assert.deepEqual(anchorsToPublish(aState({ phase: 'Prepared', active: ca('C'), retiring: [ca('A'), ca('B')] })), ['C', 'B', 'A']);
  });
});

describe('writeRotationState', () => {
  const state = aState({ phase: 'Reissued', active: ca('C'), retiring: [ca('A'), ca('B')] });
  it('is read back as it was', () => assert.deepEqual(readRotationState(writeRotationState(state)), state));
  const text = writeRotationState(state);
  const broken = { nothing: '', 'no JSON': text.slice(2), 'no object': 'null', 'another version': text.replace('"version": 1', '"version": 2'), 'an unknown phase': text.replace('Reissued', 'Lost'), 'no active one': text.replace('active', 'x'), 'no list': text.replace('retiring', 'x'), 'a broken retiring one': text.replace(/"sha256": "A"/u, '"sha256": 1') };
  for (const [what, each] of Object.entries(broken)) it(`is not read where there is ${what}`, () => assert.equal(readRotationState(each), undefined));
});

describe('planSuccessor', () => {
  const made = { requestHash: 'h', renewToken: undefined, issuerSHA256: 'R' };
  const cases: Record<string, readonly [RotationState | undefined, SuccessorFacts, Date, string]> = {
    'makes a first authority': [undefined, { made: undefined, wanted: made }, at(0), 'NeverIssued'],
    'makes none because the state was lost': [undefined, { made, wanted: made }, at(0), 'none'],
    'makes none while all is well': [aState(), { made, wanted: made }, at(DAY), 'none'],
    'makes one when asked to': [aState(), { made, wanted: { ...made, renewToken: '1' } }, at(DAY), 'RenewalRequested'],
    'makes none when the request is taken away': [aState(), { made: { ...made, renewToken: '1' }, wanted: made }, at(DAY), 'none'],
    'makes one when the spec has changed': [aState(), { made, wanted: { ...made, requestHash: 'i' } }, at(DAY), 'SpecChanged'],
    'makes one when the root has changed': [aState(), { made, wanted: { ...made, issuerSHA256: 'S' } }, at(DAY), 'IssuerChanged'],
    'makes one at two thirds of the life': [aState(), { made, wanted: made }, successionTime(aState()), 'RenewalDue'],
    'makes none in the middle of a replacement': [aState({ phase: 'Prepared', retiring: [ca('Z')] }), { made, wanted: { ...made, renewToken: '1', requestHash: 'i' } }, at(999 * DAY), 'none'],
  };
  for (const [sentence, [state, facts, now, expected]] of Object.entries(cases)) {
    it(sentence, () => {
      const plan = planSuccessor(state, facts, now);
      assert.equal(plan.kind === 'none' ? 'none' : plan.reason, expected);
    });
  }
});

interface Pod {
  /** What the API server holds, and what the pod has loaded of it. */
  readonly stored: { bundle: readonly string[]; leaf: string | undefined };
  readonly loaded: { bundle: readonly string[]; leaf: string | undefined };
  seenBundle: boolean;
  seenLeaf: boolean;
}

/** A tenant whose bundles are written, certificates issued and files loaded in any order that the gates permit. */
class Tenant {
  state: RotationState;
  readonly pods: Pod[] = [];
  readonly #overwritten: boolean;
  #names = 0;
  #gateWasOpen = false;

  /** `overwritten`: the key of an earlier CA is gone (a CA Secret replaced by hand). */
  constructor(overwritten: boolean) {
    this.#overwritten = overwritten;
    this.state = step(undefined, ca('CA0')).state;
    for (let index = 0; index < 3; index += 1) this.addPod();
  }

  #observed = ca('CA0');

  #signer(): string | undefined {
    const earlier = this.#overwritten ? [] : this.state.retiring.map(({ sha256 }) => sha256);
    return signingAuthority(this.state, new Set([this.#observed.sha256, ...earlier]));
  }

  addPod(): void {
    const stored = { bundle: anchorsToPublish(this.state), leaf: this.#signer() };
    this.pods.push({ stored, loaded: { ...stored }, seenBundle: true, seenLeaf: true });
    this.#watchGate();
  }

  replaceAuthority(): void {
    this.#names += 1;
    this.#observed = ca(`CA${this.#names}`);
  }

  restoreAuthority(): void {
    this.#observed = this.state.retiring.at(-1) ?? this.#observed;
  }

  writeBundle(pod: Pod): void {
    pod.stored.bundle = anchorsToPublish(this.state);
    this.#watchGate();
  }

  /** `force`: it is renewed for another reason. */
  issue(pod: Pod, force: boolean): void {
    if (force || pod.stored.leaf === undefined || !acceptedIssuers(this.state).includes(pod.stored.leaf)) pod.stored.leaf = this.#signer() ?? pod.stored.leaf;
    this.#watchGate();
  }

  loadBundle(pod: Pod): void {
    pod.loaded.bundle = pod.stored.bundle;
    pod.seenBundle = true;
  }

  loadLeaf(pod: Pod): void {
    pod.loaded.leaf = pod.stored.leaf;
    pod.seenLeaf = true;
  }

  advance(): void {
    const gates = this.#gates();
    const { state } = step(this.state, this.#observed, { ...gates, waitedMs: this.#gateWasOpen && this.pods.every(({ seenBundle, seenLeaf }) => seenBundle && seenLeaf) ? WAIT : 0 });
    if (state === this.state) return;
    this.state = state;
    this.#gateWasOpen = false;
    this.#watchGate();
  }

  #gates(): Omit<RotationGates, 'waitedMs'> {
    return {
      writtenEverywhere: this.pods.every(({ stored }) => anchorsToPublish(this.state).every((anchor) => stored.bundle.includes(anchor))),
      reissuedAll: this.pods.every(({ stored }) => stored.leaf === this.state.active.sha256),
    };
  }

  /** The wait is over when every pod has loaded once after its gate has opened: that is what the minimum wait stands for. */
  #watchGate(): void {
    const { writtenEverywhere, reissuedAll } = this.#gates();
    const isOpen = this.state.phase === 'Prepared' ? writtenEverywhere : reissuedAll;
    if (isOpen && !this.#gateWasOpen) for (const pod of this.pods) Object.assign(pod, { seenBundle: false, seenLeaf: false });
    this.#gateWasOpen = isOpen;
  }

  check(): void {
    for (const { loaded: { leaf } } of this.pods) {
      for (const { loaded: { bundle } } of this.pods) assert.ok(leaf === undefined || bundle.includes(leaf), `a certificate of ${leaf} meets a bundle of ${bundle.join()} in ${this.state.phase}`);
    }
  }
}

const ACTIONS = {
  advance: (tenant: Tenant) => tenant.advance(),
  replace: (tenant: Tenant) => tenant.replaceAuthority(),
  restore: (tenant: Tenant) => tenant.restoreAuthority(),
  addPod: (tenant: Tenant) => (tenant.pods.length < 6 ? tenant.addPod() : undefined),
  writeBundle: (tenant: Tenant, pod: Pod) => tenant.writeBundle(pod),
  issue: (tenant: Tenant, pod: Pod) => tenant.issue(pod, false),
  renew: (tenant: Tenant, pod: Pod) => tenant.issue(pod, true),
  loadBundle: (tenant: Tenant, pod: Pod) => tenant.loadBundle(pod),
  loadLeaf: (tenant: Tenant, pod: Pod) => tenant.loadLeaf(pod),
} as const;

describe('the replacement of an authority', () => {
  type Action = keyof typeof ACTIONS;
  const often: readonly Action[] = ['advance', 'writeBundle', 'issue', 'loadBundle', 'loadLeaf'];
  const action = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...often) }, { weight: 1, arbitrary: fc.constantFrom<Action>('replace', 'restore', 'addPod', 'renew') });
  const everything = (tenant: Tenant) => {
    for (const pod of tenant.pods) for (const name of ['writeBundle', 'issue', 'loadBundle', 'loadLeaf'] as const) ACTIONS[name](tenant, pod);
    tenant.advance();
  };
  const script = fc.array(fc.record({ name: action, index: fc.nat({ max: 5 }), settle: fc.integer({ min: 0, max: 20 }) }), { maxLength: 150, size: 'max' });

  for (const overwritten of [false, true]) {
    it(`never lets two pods refuse each other, in any order of events, ${overwritten ? 'when the earlier key is gone' : 'when both keys are there'}`, () => {
      let finished = 0;
      fc.assert(fc.property(script, (events) => {
        const tenant = new Tenant(overwritten);
        for (const { name, index, settle } of events) {
          const pod = tenant.pods[index % tenant.pods.length];
          if (pod !== undefined) ACTIONS[name](tenant, pod);
          tenant.check();
          if (settle === 0) everything(tenant);
          tenant.check();
        }
        for (let round = 0; round < 12; round += 1) {
          everything(tenant);
          tenant.check();
        }
        assert.equal(tenant.state.phase, 'Stable');
        assert.ok(tenant.pods.every(({ loaded }) => loaded.leaf === tenant.state.active.sha256));
        finished += 1;
      }), { numRuns: soaked(300) });
      assert.equal(finished, soaked(300));
    });
  }
});
