// The same handshake with both engines of a lane, judged like the requests in compare.ts.
import type { Identity } from '../fleet.ts';
import type { Lane } from './engine-pair.ts';
import { mutate, say, shakeHands, type Mutation, type Offer } from './handshakes.ts';

const PATIENCE_MS = [150, 2500];

/** undefined: no difference, or an expected one. */
export async function compareOffer({ nginx, node }: Lane, offer: Offer, identity: Identity | undefined): Promise<string | undefined> {
  const [fromNginx, fromNode] = await Promise.all([nginx, node].map(({ port }) => shakeHands(port, offer, identity)));
  // nginx also agrees on http/1.0; a client that offers nothing else is sent away by the node engine.
  const isExpected = String(offer.protocols) === 'http/1.0' && fromNode === 'no handshake ';
  return fromNginx === fromNode || isExpected ? undefined : `offered: ${JSON.stringify(offer)}\nnginx: ${fromNginx}\nnode:  ${fromNode}`;
}

export async function compareHello({ nginx, node }: Lane, hello: Buffer, mutation: Mutation): Promise<string | undefined> {
  const bytes = mutate(hello, mutation);
  let found: string | undefined;
  for (const quietMs of PATIENCE_MS) {
    const [fromNginx, fromNode] = await Promise.all([nginx, node].map(({ port }) => say(port, bytes, quietMs)));
    // What is not TLS at all nginx answers with a 400 in plain HTTP; the node engine has an alert for it, or no words.
    const isExpected = fromNginx === 'answers in plain HTTP' && (fromNode === 'closes' || fromNode === 'alert');
    if (fromNginx === fromNode || isExpected) return undefined;
    found = `sent: ${bytes.toString('hex')} ${JSON.stringify(mutation)}\nnginx: ${fromNginx}\nnode:  ${fromNode}`;
  }
  return found;
}
