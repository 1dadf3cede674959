// How results are printed: a table for people, JSON or YAML for programs.
import { UsageError } from '../errors.ts';
import { writeYaml } from './manifest-yaml.ts';

const FORMATS = ['table', 'json', 'yaml'] as const;

export type OutputFormat = (typeof FORMATS)[number];

export const OUTPUT_FLAG = { output: { type: 'string', short: 'o', value: 'FORMAT', help: 'json, yaml or table (default)' } } as const;

export function parseOutput(text: string = 'table'): OutputFormat {
  const format = FORMATS.find((known) => known === text);
  if (format === undefined) throw new UsageError([`-o ${text.slice(0, 40)}: must be json, yaml or table`]);
  return format;
}

/** `table` is called only where a table is asked for. */
export function formatOutput<T>(value: T, format: OutputFormat, table: (value: T) => string): string {
  if (format === 'json') return `${JSON.stringify(value, null, 2)}\n`;
  return format === 'yaml' ? writeYaml(value) : table(value);
}

/** The last column is as wide as it likes. Values come from the cluster: what could steer a terminal is taken out. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows].map((row) => row.map((cell) => cell.replaceAll(/\p{C}+/gu, ' ')));
  const widths = header.map((_, column) => (column === header.length - 1 ? 0 : Math.max(...all.map((row) => row[column]?.length ?? 0))));
  return all.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ').trimEnd()}\n`).join('');
}
