// docs/reference/api.md: every field of the kinds, from their schemas.
import type { Kind } from './custom-resources.ts';

interface Node {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  properties?: Record<string, Node>;
  required?: string[];
  items?: Node;
  'x-kubernetes-validations'?: { message: string }[];
}

const code = (text: string) => `\`${text.replaceAll('|', '\\|')}\``;

function shape(node: Node): string {
  if (node.enum !== undefined) return node.enum.map((value) => code(String(value))).join(' ');
  if (node.type === 'array') return `list of ${node.items === undefined ? 'anything' : shape(node.items)}, at most ${node.maxItems}`;
  if (node.type === 'integer') return node.minimum === undefined || (node.maximum ?? 0) > 1e6 ? 'integer' : `integer ${node.minimum}–${node.maximum}`;
  if (node.type === 'string') return node.maxLength === undefined ? 'string' : `string, at most ${node.maxLength}`;
  return node.type ?? 'anything';
}

function rows(path: string, node: Node, required: boolean): string[] {
  const rules = (node['x-kubernetes-validations'] ?? []).map(({ message }) => `Rule: ${message}.`);
  const notes = [node.description ?? '', ...(node.default === undefined ? [] : [`Default: ${code(JSON.stringify(node.default))}.`]), ...rules].join(' ');
  const row = `| ${code(path)} | ${shape(node)}${required && node.default === undefined ? ', required' : ''} | ${notes.replaceAll('|', '\\|')} |`;
  const inner = node.type === 'array' && node.items?.properties !== undefined ? { at: `${path}[]`, node: node.items } : { at: path, node };
  const nested = Object.entries(inner.node.properties ?? {}).flatMap(([name, child]) => rows(`${inner.at}.${name}`, child, inner.node.required?.includes(name) ?? false));
  const itemRules = inner.node === node ? [] : (inner.node['x-kubernetes-validations'] ?? []).map(({ message }) => `| ${code(inner.at)} | | Rule: ${message}. |`);
  return [row, ...itemRules, ...nested];
}

export function apiReference(kinds: readonly Kind[]): string {
  const sections = kinds.map(({ kind, description, scope, spec, status }) =>
    [
      `## ${kind}`, '', `${description} ${scope === 'Cluster' ? 'Cluster-scoped.' : 'Namespaced.'}`, '',
      '| field | values | meaning |', '|---|---|---|',
      ...rows('spec', spec as unknown as Node, true), ...rows('status', status as unknown as Node, false), '',
    ].join('\n'),
  );
  return ['# API reference', '', 'Generated from src/api by `make generate`.', '', ...sections].join('\n');
}
