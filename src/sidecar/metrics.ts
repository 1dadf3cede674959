// Counts what a sidecar does and prints it as Prometheus text; names are those of proxy-model/sidecar-metrics.ts. Written by hand: loading a library
// costs start time and memory. Rule: label values come from closed sets or from the configuration, never from a client.
import { SIDECAR_METRICS, type SidecarMetric } from '../proxy-model/sidecar-metrics.ts';

const HANDSHAKE_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export const REFUSALS = ['limit', 'handshake', 'handshake_timeout', 'no_certificate', 'bad_certificate', 'no_route', 'not_trusted', 'revoked', 'bad_request'] as const;
export type Refusal = (typeof REFUSALS)[number];

export type UpstreamError = 'connect' | 'connect_timeout' | 'tls' | 'reset' | 'timeout' | 'protocol' | 'no_address' | 'health';

type CounterName = 'connectionsAccepted' | 'connectionsRefused' | 'handshakes' | 'reloads' | 'upstreamErrors';
type GaugeName = 'certificateNotAfter' | 'crlNextUpdate' | 'pending' | 'plaintextReachable';
/** Sums that are taken over the open connections at each scrape. */
export interface Traffic {
  readonly open: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

type Series = Map<string, number>;

export class Metrics {
  readonly #series = new Map<CounterName | GaugeName, Series>();
  readonly #responses = new Map<number, number>();
  readonly #buckets = HANDSHAKE_BUCKETS.map(() => 0);
  readonly #traffic = new Set<() => Traffic>();
  /** Of sources that have ended. */
  readonly #past = { open: 0, receivedBytes: 0, sentBytes: 0 };
  #requests = 0;
  #handshakes = 0;
  #handshakeSeconds = 0;

  /** Every series of a closed set is there from the start, so that a rate is right from the first event on. */
  constructor() {
    this.count('connectionsAccepted', '', 0);
    for (const reason of REFUSALS) this.count('connectionsRefused', reason, 0);
    for (const result of ['success', 'failure', 'timeout']) this.count('handshakes', result, 0);
    for (const result of ['success', 'failure']) this.count('reloads', result, 0);
  }

  /** `label`: value of the metric's one label, '' if it has none. */
  count(name: CounterName, label = '', amount = 1): void {
    const series = this.#seriesOf(name);
    series.set(label, (series.get(label) ?? 0) + amount);
  }

  /** On the path of every request, so kept apart. */
  countResponse(status: number): void {
    this.#requests += 1;
    this.#responses.set(status, (this.#responses.get(status) ?? 0) + 1);
  }

  /** Replaces the gauge; no values: it is not known. */
  set(name: GaugeName, values: Iterable<readonly [label: string, value: number]>): void {
    this.#series.set(name, new Map(values));
  }

  observeHandshake(seconds: number): void {
    this.#handshakes += 1;
    this.#handshakeSeconds += seconds;
    const bucket = HANDSHAKE_BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
  }

  /** The function returned ends it; what has been counted until then stays, since a counter never falls. */
  onScrape(traffic: () => Traffic): () => void {
    this.#traffic.add(traffic);
    return () => {
      if (!this.#traffic.delete(traffic)) return;
      const { receivedBytes, sentBytes } = traffic();
      this.#past.receivedBytes += receivedBytes;
      this.#past.sentBytes += sentBytes;
    };
  }

  /** Text format 0.0.4. */
  text(): string {
    const traffic = [this.#past, ...[...this.#traffic].map((read) => read())];
    const sum = (field: keyof Traffic): Series => new Map([['', traffic.reduce((total, part) => total + part[field], 0)]]);
    const computed: Partial<Record<keyof typeof SIDECAR_METRICS, Series>> = {
      connectionsOpen: sum('open'),
      receivedBytes: sum('receivedBytes'),
      sentBytes: sum('sentBytes'),
      requests: new Map([['', this.#requests]]),
      responses: new Map([...this.#responses].map(([status, count]) => [String(status), count])),
    };
    const lines = Object.entries(SIDECAR_METRICS).flatMap(([name, metric]) => {
      if (name === 'handshakeSeconds') return this.#histogram(metric);
      return print(metric, computed[name as keyof typeof SIDECAR_METRICS] ?? this.#seriesOf(name as CounterName));
    });
    return `${lines.join('\n')}\n`;
  }

  #histogram(metric: SidecarMetric): string[] {
    let below = 0;
    const buckets = HANDSHAKE_BUCKETS.map((bound, index) => {
      below += this.#buckets[index] ?? 0;
      return `${metric.name}_bucket{le="${bound}"} ${below}`;
    });
    const total = [`${metric.name}_bucket{le="+Inf"} ${this.#handshakes}`, `${metric.name}_sum ${this.#handshakeSeconds}`, `${metric.name}_count ${this.#handshakes}`];
    return [...heading(metric), ...buckets, ...total];
  }

  #seriesOf(name: CounterName | GaugeName): Series {
    const series = this.#series.get(name) ?? new Map<string, number>();
    this.#series.set(name, series);
    return series;
  }
}

function print(metric: SidecarMetric, series: Series): string[] {
  if (series.size === 0) return [];
  const [label] = metric.labels;
  return [...heading(metric), ...[...series].map(([value, count]) => `${metric.name}${label === undefined ? '' : `{${label}="${value}"}`} ${count}`)];
}

function heading({ name, type, help }: SidecarMetric): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}
