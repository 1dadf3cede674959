// Bounds what reviews in flight may hold in memory. Whoever reaches the port can send something, so two rules: what counts is what has
// arrived, not what was announced; and when there is no room left, the address that holds most makes room, not the one that asks for little.

export interface InFlightLimits {
  readonly requests: number;
  readonly bytes: number;
}

/** What one request holds. */
export interface Share {
  /** More of its body has arrived. False: there is no room for it. */
  readonly add: (bytes: number) => boolean;
  /** All of it has arrived: it is not cut off any more. */
  readonly complete: () => void;
  /** Gives everything back, once. */
  readonly release: () => void;
}

type Held = { -readonly [name in keyof InFlightLimits]: number };

interface Upload extends Held {
  readonly address: string;
  readonly cutOff: () => void;
}

export class InFlightBudget {
  readonly #limits: InFlightLimits;
  readonly #total: Held = { requests: 0, bytes: 0 };
  readonly #byAddress = new Map<string, Held>();
  /** Not complete yet, oldest first. */
  readonly #uploads = new Set<Upload>();

  constructor(limits: InFlightLimits) {
    this.#limits = limits;
  }

  get held(): Readonly<Held> {
    return { ...this.#total };
  }

  /** `cutOff` is called when another address needs the room more. `undefined`: there is no room. */
  open(address: string, cutOff: () => void): Share | undefined {
    const upload: Upload = { address, cutOff, requests: 0, bytes: 0 };
    if (!this.#take(upload, 'requests', 1)) return undefined;
    this.#uploads.add(upload);
    return {
      // Nothing is held any more once it was given back.
      add: (bytes) => upload.requests > 0 && this.#take(upload, 'bytes', bytes),
      complete: () => void this.#uploads.delete(upload),
      release: () => this.#release(upload),
    };
  }

  #take(upload: Upload, what: keyof Held, amount: number): boolean {
    while (this.#total[what] + amount > this.#limits[what]) {
      const victim = this.#whoMakesRoom(what, upload.address);
      if (victim === undefined) return false;
      victim.cutOff();
      this.#release(victim);
    }
    this.#change(upload, what, amount);
    return true;
  }

  /** The oldest upload of the address that holds most, unless that is who asks. */
  #whoMakesRoom(what: keyof Held, asking: string): Upload | undefined {
    let most = asking;
    for (const [address, held] of this.#byAddress) if (held[what] > (this.#byAddress.get(most)?.[what] ?? 0)) most = address;
    if (most === asking) return undefined;
    for (const upload of this.#uploads) if (upload.address === most && upload[what] > 0) return upload;
    return undefined;
  }

  #release(upload: Upload): void {
    this.#uploads.delete(upload);
    this.#change(upload, 'bytes', -upload.bytes);
    this.#change(upload, 'requests', -upload.requests);
  }

  #change(upload: Upload, what: keyof Held, amount: number): void {
    const held = this.#byAddress.get(upload.address) ?? { requests: 0, bytes: 0 };
    for (const each of [upload, held, this.#total]) each[what] += amount;
    if (held.requests === 0) this.#byAddress.delete(upload.address);
    else this.#byAddress.set(upload.address, held);
  }
}
