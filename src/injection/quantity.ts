// Quantities of CPU and memory as annotations may give them: a plain subset of Kubernetes' own notation.
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/

const UNITS: Readonly<Record<string, number>> = {
  m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30,
};

/** The amount in cores or bytes; undefined for what is not a positive quantity. */
export function parseQuantity(text: string): number | undefined {
  const [, amount, unit = ''] = /^(\d{1,12}(?:\.\d{1,3})?)(m|k|M|G|Ki|Mi|Gi)?$/.exec(text) ?? [];
  if (amount === undefined) return undefined;
  const value = Number(amount) * (UNITS[unit] ?? Number.NaN);
  return value > 0 ? value : undefined;
}
