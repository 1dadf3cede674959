// Gives both engines of a lane the same bytes and judges whether what became of them is the same, or differs as the table says.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity } from '../fleet.ts';
import type { Lane } from './engine-pair.ts';
import { comparable, DIFFERENCES } from './expected-differences.ts';
import { observe, type Outcome } from './observe.ts';
import type { Seen } from './recording-app.ts';

/** A busy machine answers late: what differs is looked at once more, with patience. */
const PATIENCE_MS = [300, 2500];
const SETTLE_MS = 1000;

/** undefined: no difference, or an expected one. Otherwise what was sent and what came of it, for people. */
export async function compare({ nginx, node }: Lane, bytes: string, identity: Identity): Promise<string | undefined> {
  let found: string | undefined;
  for (const quietMs of PATIENCE_MS) {
    const [fromNginx, fromNode] = await Promise.all([nginx, node].map(({ port, app }) => observe(port, { bytes, identity, app }, quietMs)));
    if (fromNginx === undefined || fromNode === undefined) throw new TypeError('two engines');
    found = judge(bytes, { nginx: fromNginx, node: fromNode }) ?? [fromNginx, fromNode].map((outcome) => findForgery(outcome, bytes)).find((forgery) => forgery !== undefined);
    if (found === undefined) return undefined;
    // What the app still gets of the first look, late, does not belong to the second; nothing tells when that is over.
    await sleep(SETTLE_MS);
  }
  return found;
}

function judge(bytes: string, outcomes: { readonly nginx: Outcome; readonly node: Outcome }): string | undefined {
  const [nginx, node] = (['nginx', 'node'] as const).map((engine) => JSON.stringify(comparable(outcomes[engine], engine, bytes), undefined, 1));
  if (nginx === node || DIFFERENCES.some(({ input, allows }) => input(bytes) && allows(outcomes))) return undefined;
  return `sent:  ${JSON.stringify(bytes)}\nnginx: ${nginx}\nnode:  ${node}`;
}

const IDENTITY = /^x-(?:ssl-client-(?:verify|dn|cn|serial|sha256)|tls-client-cert|forwarded-client-cert)$/;

/** Whatever the engines agree on: an identity header, in any spelling a server may take for it, holds nothing of the client's. */
function findForgery({ requests }: Outcome, bytes: string): string | undefined {
  const forged = requests.find((request) => forgedFields(request).length > 0);
  return forged === undefined ? undefined : `sent:   ${JSON.stringify(bytes)}\nforged: ${JSON.stringify(forged)}`;
}

function forgedFields({ headers }: Seen): string[] {
  return headers.filter((line) => {
    const name = line.slice(0, line.indexOf(':')).toLowerCase().replaceAll(/[^a-z0-9]/g, '-');
    return IDENTITY.test(name) && /evil|admin/.test(line);
  });
}
