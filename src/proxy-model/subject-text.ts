// A subject as people write it, brought into the one form that engines compare with: RFC 4514, most specific first, no spaces between
// attributes, OpenSSL's short names, and only those characters escaped that must be.

const TYPES = ['CN', 'SN', 'serialNumber', 'C', 'L', 'ST', 'street', 'O', 'OU', 'title', 'postalCode', 'GN', 'dnQualifier', 'organizationIdentifier', 'UID', 'DC', 'emailAddress'];
const CANONICAL = new Map(TYPES.map((type) => [type.toLowerCase(), type]));

const ATTRIBUTE = /\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\s*=\s*((?:\\(?:[0-9A-Fa-f]{2}|[^0-9A-Fa-f])|[^\\,+"<>;])*)(,|\+|$)/uy;

/** Undefined for text that is not a distinguished name. */
export function normaliseSubject(text: string): string | undefined {
  const parts: string[] = [];
  ATTRIBUTE.lastIndex = 0;
  for (let separator = ','; separator !== '';) {
    const match = ATTRIBUTE.exec(text);
    if (match === null) return undefined;
    const [, type = '', value = ''] = match;
    separator = match[3] ?? '';
    parts.push(`${CANONICAL.get(type.toLowerCase()) ?? type}=${type.includes('.') ? value : escapeValue(unescapeValue(value))}${separator}`);
  }
  return parts.join('');
}

function unescapeValue(text: string): string {
  const trimmed = text.replace(/(?<!\\) +$/, '');
  return trimmed
    .replaceAll(/(?:\\[0-9A-Fa-f]{2})+/g, (run) => Buffer.from(run.replaceAll('\\', ''), 'hex').toString('utf8').replaceAll(/[\\]/g, String.raw`\\`))
    .replaceAll(/\\(.)/gsu, '$1');
}

/** One value of an attribute, escaped as RFC 4514, 2.4 says and OpenSSL prints it; control characters as \XX. */
export function escapeValue(value: string): string {
  return value
    .replaceAll(/["+,;<>\\]/g, String.raw`\$&`)
    .replace(/^[ #]/, String.raw`\$&`)
    .replace(/(?<=.) $/, String.raw`\ `)
    // oxlint-disable-next-line no-control-regex -- control characters are what is escaped here
    .replaceAll(/[\u0000-\u001f\u007f]/g, (character) => `\\${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
