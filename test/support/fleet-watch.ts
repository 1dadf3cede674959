// Pods that are not there: at any moment each of them may have loaded anything that was written within the last while. Samples what is
// written and lets every certificate meet every bundle that a pod could still, or already, have.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyWithOpenssl } from '../pki/openssl.ts';
import type { IssuanceWorld } from './issuance-world.ts';

interface Sample {
  readonly at: number;
  /** By name of the certificate. */
  readonly leaves: Readonly<Record<string, string>>;
  readonly bundles: Readonly<Record<string, Bundle>>;
}

interface Bundle {
  readonly anchors: string;
  /** Empty: none is checked. */
  readonly crls: string;
}

const SAMPLE_MS = 100;

export class FleetWatch implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #latestMs: number;
  #samples: Sample[] = [];
  readonly #refused: string[] = [];
  readonly #judged = new Map<string, boolean>();
  handshakes = 0;

  /** `latestMs`: how late a pod may load what was written. */
  constructor(world: IssuanceWorld, namespace: string, names: readonly string[], latestMs: number) {
    this.#latestMs = latestMs;
    this.#running = this.#run(async () => ({
      leaves: Object.fromEntries(await Promise.all(names.map(async (name) => [name, (await world.secret(namespace, `${name}-tls`))['tls.crt'] ?? '']))) as Record<string, string>,
      bundles: Object.fromEntries(await Promise.all(names.map(async (name) => [name, bundleOf(await world.configMap(namespace, name))]))) as Record<string, Bundle>,
    }));
  }

  assertNoneRefused(): void {
    assert.deepEqual([...new Set(this.#refused)], []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(read: () => Promise<Omit<Sample, 'at'>>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const sample = { at: performance.now(), ...(await read()) };
      this.#samples = [...this.#samples.filter(({ at }) => sample.at - at <= this.#latestMs), sample];
      for (const other of this.#samples) {
        this.#meet(sample, other);
        this.#meet(other, sample);
      }
      await sleep(SAMPLE_MS);
    }
  }

  #meet({ leaves }: Sample, { bundles }: Sample): void {
    for (const [client, leaf] of Object.entries(leaves)) {
      for (const [server, bundle] of Object.entries(bundles)) {
        this.handshakes += 1;
        if (!this.#accepts(bundle, leaf)) this.#refused.push(`${client} (${new X509Certificate(leaf).issuer}) at ${server}`);
      }
    }
  }

  #accepts(bundle: Bundle, leaf: string): boolean {
    const key = `${bundle.anchors}${bundle.crls}${leaf}`;
    const known = this.#judged.get(key) ?? isTrusted(bundle, leaf);
    this.#judged.set(key, known);
    return known;
  }
}

function bundleOf(data: Readonly<Record<string, string>>): Bundle {
  return { anchors: data['trust-0.crt'] ?? '', crls: data['trust-0.crl'] ?? '' };
}

function isTrusted({ anchors, crls }: Bundle, leaf: string): boolean {
  return verifyWithOpenssl({ anchors, leaf, purpose: 'sslclient', at: new Date(), ...(crls === '' ? {} : { crls }) }) === 'OK';
}
