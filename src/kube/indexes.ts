/** Secondary indexes of a cache: from a value, a Secret's name for example, to the keys of the objects that mention it. */
export type IndexFunctions<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

const NONE: ReadonlySet<string> = new Set();

export class Indexes<T> {
  readonly #functions: readonly (readonly [string, (object: T) => readonly string[]])[];
  readonly #keys = new Map<string, Map<string, Set<string>>>();

  constructor(functions: IndexFunctions<T>) {
    this.#functions = Object.entries(functions);
    for (const [name] of this.#functions) this.#keys.set(name, new Map());
  }

  keys(name: string, value: string): ReadonlySet<string> {
    const index = this.#keys.get(name);
    if (index === undefined) throw new Error(`there is no index ${name}`);
    return index.get(value) ?? NONE;
  }

  /** Every value that some object mentions. */
  values(name: string): Iterable<string> {
    return this.#keys.get(name)?.keys() ?? [];
  }

  update(key: string, before: T | undefined, after: T | undefined): void {
    for (const [name, valuesOf] of this.#functions) {
      const index = this.#keys.get(name) ?? new Map<string, Set<string>>();
      if (before !== undefined) for (const value of valuesOf(before)) remove(index, value, key);
      if (after !== undefined) for (const value of valuesOf(after)) add(index, value, key);
    }
  }
}

function add(index: Map<string, Set<string>>, value: string, key: string): void {
  const keys = index.get(value);
  if (keys === undefined) index.set(value, new Set([key]));
  else keys.add(key);
}

function remove(index: Map<string, Set<string>>, value: string, key: string): void {
  const keys = index.get(value);
  keys?.delete(key);
  if (keys?.size === 0) index.delete(value);
}
