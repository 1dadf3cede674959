// How many cases a property is tried with: as many as it says in `make test`, FAST_CHECK_FACTOR times as many in `make soak`.
const factor = Number(process.env['FAST_CHECK_FACTOR'] ?? 1);

export function soaked(count: number): number {
  return count * factor;
}
