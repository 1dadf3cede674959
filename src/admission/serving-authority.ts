// Keeps the webhook's certificate valid and trusted: observes the Secret and the registration, plans, acts; every 10 s and on
// every replica. One rule: a check that fails changes nothing, is reported, and is tried again at the next.
import type { Secret } from '../api/object-meta.ts';
import type { Clock } from '../controller/clock.ts';
import { describeError } from '../errors.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isAlreadyExists, isNotFound } from '../kube/api-error.ts';
import type { Logger } from '../kube/logger.ts';
import { resources } from '../kube/resources.ts';
import type { ServingCertificate } from './admission-server.ts';
import { patchBundles, readBundles } from './ca-bundle.ts';
import type { BundledAuthority, Registration } from './ca-bundle.ts';
import { DistributionWatch } from './distribution-watch.ts';
import { planServingAuthority } from './plan-serving-authority.ts';
import type { ServingAction, ServingState } from './plan-serving-authority.ts';
import { makeAuthority, readAuthorities, signLeaf, writeAuthorities } from './webhook-authority.ts';
import type { ServingLeaf, ServingNames, WebhookAuthority } from './webhook-authority.ts';

export interface ServingAuthorityOptions {
  readonly client: Pick<ApiClient, 'get' | 'create' | 'replace' | 'jsonPatch'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The operator's. */
  readonly namespace: string;
  readonly names: ServingNames;
  /** Name of the MutatingWebhookConfiguration. */
  readonly registration: string;
  readonly isLeader: () => boolean;
  /** Called with each new certificate; it serves from then on. */
  readonly onServing: (serving: ServingCertificate) => void;
}

export const AUTHORITY_SECRET = 'tenant-mtls-webhook-ca';
const CHECK_MS = 10_000;
const FIRST_CHECKS_MS = 500;
/** Enough for create, publish and sign after one another; more would be a plan that never comes to rest. */
const MAX_ROUNDS = 4;
const NO_ANSWER_MS = 5000;

interface Observed {
  readonly secret: Secret | undefined;
  readonly authorities: readonly WebhookAuthority[];
  readonly registration: Registration | undefined;
  readonly bundles: readonly (readonly BundledAuthority[])[];
}

export class ServingAuthority {
  readonly #options: ServingAuthorityOptions;
  readonly #distribution: DistributionWatch;
  #observed: Observed | undefined;
  #leaf: ServingLeaf | undefined;

  constructor(options: ServingAuthorityOptions) {
    this.#options = options;
    this.#distribution = new DistributionWatch(options.clock);
  }

  /** Checks until the signal is aborted. Resolves `ready` of its own when there is a certificate: see `onServing`. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.check();
      await this.#options.clock.sleep(this.#leaf === undefined ? FIRST_CHECKS_MS : CHECK_MS, signal);
    }
  }

  /** One check; never throws. */
  async check(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const isCurrent = await this.#observe();
      const plan = planServingAuthority(this.#state(isCurrent), this.#now());
      const results = [];
      for (const action of plan) results.push(await this.#attempt(action));
      if (!results.includes('done')) return;
    }
  }

  /** `false`: the API server did not answer; then we go by what we know, and write nothing. */
  async #observe(): Promise<boolean> {
    const { client, namespace, registration: name, log } = this.#options;
    const call = { timeoutMs: NO_ANSWER_MS };
    try {
      const [secret, registration] = await Promise.all([
        absentAsUndefined(client.get<Secret>(resources.Secret, { namespace, name: AUTHORITY_SECRET }, call)),
        absentAsUndefined(client.get<Registration>(resources.MutatingWebhookConfiguration, { name }, call)),
      ]);
      const bundles = registration === undefined ? [] : readBundles(registration);
      this.#observed = { secret, registration, bundles, authorities: secret === undefined ? [] : readAuthorities(secret) };
      this.#distribution.observe(bundles);
      return true;
    } catch (error) {
      log.warn({ error: describeError(error) }, 'webhook authority not observed');
      return false;
    }
  }

  #state(isCurrent: boolean): ServingState {
    const { observed, leaf } = { observed: this.#observed, leaf: this.#leaf };
    const distributedForMs = this.#distribution.spans();
    if (observed === undefined) return { role: 'follower', stored: 'unknown', bundles: 'absent', distributedForMs, leaf };
    return {
      role: isCurrent && this.#options.isLeader() ? 'leader' : 'follower',
      stored: observed.secret === undefined ? (isCurrent ? 'absent' : 'unknown') : observed.authorities,
      bundles: observed.registration === undefined ? 'absent' : observed.bundles,
      distributedForMs,
      leaf,
    };
  }

  async #attempt(action: ServingAction): Promise<'done' | 'failed'> {
    const { log } = this.#options;
    try {
      await this.#act(action);
      log.info({ action }, 'webhook authority changed');
      return 'done';
    } catch (error) {
      log.warn({ action, error: describeError(error) }, 'webhook authority not changed');
      return 'failed';
    }
  }

  async #act(action: ServingAction): Promise<void> {
    switch (action.do) {
      case 'create':
        return await this.#create();
      case 'rotate':
        return await this.#store([await makeAuthority(this.#now()), ...this.#find(action.keep)]);
      case 'retire':
        return await this.#store(this.#find(action.keep));
      case 'publish':
        return await this.#publish(action.authorities);
      case 'sign':
        return await this.#sign(action.issuer);
    }
  }

  async #create(): Promise<void> {
    const { client, namespace } = this.#options;
    const labels = { 'app.kubernetes.io/name': 'tenant-mtls', 'app.kubernetes.io/component': 'webhook' };
    const data = writeAuthorities([await makeAuthority(this.#now())]);
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: AUTHORITY_SECRET, namespace, labels }, type: 'Opaque', data };
    try {
      await client.create(resources.Secret, secret);
    } catch (error) {
      // Another replica was first; the next round reads what it made.
      if (!isAlreadyExists(error)) throw error;
    }
  }

  /** Under the resourceVersion that was read: of two leaders (there may be two for a moment) one fails. */
  async #store(authorities: readonly WebhookAuthority[]): Promise<void> {
    const secret = this.#observed?.secret;
    if (secret === undefined) throw new Error('the Secret of the webhook authority has not been read');
    await this.#options.client.replace(resources.Secret, { ...secret, apiVersion: 'v1', kind: 'Secret', data: writeAuthorities(authorities) });
  }

  async #publish(wanted: readonly string[]): Promise<void> {
    const { client, registration: name } = this.#options;
    const { registration, authorities = [], bundles = [] } = this.#observed ?? {};
    if (registration === undefined) throw new Error(`MutatingWebhookConfiguration ${name} has not been read`);
    const known = new Map([...bundles.flat(), ...authorities].map(({ sha256, certificate }) => [sha256, certificate]));
    const certificates = wanted.map((sha256) => known.get(sha256)).filter((certificate) => certificate !== undefined);
    await client.jsonPatch(resources.MutatingWebhookConfiguration, { name }, patchBundles(registration, certificates));
  }

  async #sign(issuer: string): Promise<void> {
    const [authority] = this.#find(issuer);
    if (authority === undefined) throw new Error('the webhook authority to sign with is not stored');
    const leaf = await signLeaf(authority, this.#options.names, this.#now());
    this.#options.onServing(leaf.serving);
    this.#leaf = leaf;
  }

  #find(sha256: string | undefined): WebhookAuthority[] {
    return (this.#observed?.authorities ?? []).filter((authority) => authority.sha256 === sha256);
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

async function absentAsUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
