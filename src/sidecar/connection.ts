// One connection of a client: what was verified at its handshake, what it may do now, and its socket.
// Rule: `access` is replaced as a whole when a new generation of files is loaded; requests read it once.
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Peer, Verdict } from './authorize-peer.ts';
import type { ListenerView, Route } from './listener-view.ts';
import type { RequestTarget } from './select-route.ts';

/** What the peer may do under one generation. */
export interface Access {
  readonly view: ListenerView;
  readonly verdict: Verdict<Route>;
  /** Names and values in turn. */
  readonly identityHeaders: readonly string[];
}

export interface Connection {
  readonly socket: Socket | TLSSocket;
  /** Without the IPv4-in-IPv6 prefix. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly tls?: { readonly version: string; readonly cipher: string; readonly serverName?: string };
  peer: Peer;
  access: Access;
  /** Requests that are being answered. */
  activeRequests: number;
  /** The answer under way is the last: what the client has sent behind it is not served. */
  isClosing?: boolean;
  /** Requests of HTTP/1.1 that a client has sent ahead, each begun when the one before has been answered. */
  readonly waiting: (() => void)[];
  /** What is left to do when all have been answered: answers keep the order of the requests. */
  whenIdle?: () => void;
  /** What goes to an upstream at this moment: it may be ended when new files are loaded. */
  readonly underWay: Set<UnderWay>;
}

/** A request, a WebSocket or a TCP connection on its way to an upstream. */
export interface UnderWay {
  /** Name of the upstream. */
  readonly upstream: string;
  /** Of a request; TCP has none. */
  readonly target?: RequestTarget;
  abort(): void;
}

const CONNECTION = Symbol('connection');
interface Tagged {
  [CONNECTION]?: Connection;
}

/** Lets an HTTP request find its connection: a property of the socket is the cheapest way. */
export function tagSocket(socket: Socket, connection: Connection): void {
  (socket as Tagged)[CONNECTION] = connection;
}

export function connectionOf(socket: Socket): Connection {
  const connection = (socket as Tagged)[CONNECTION];
  if (connection === undefined) throw new Error('the socket belongs to no connection');
  return connection;
}

export function createConnection(socket: Socket | TLSSocket, peer: Peer, access: Access): Connection {
  const tls = 'getProtocol' in socket ? describeTls(socket) : undefined;
  return {
    socket, peer, access,
    remoteAddress: plainAddress(socket.remoteAddress),
    remotePort: socket.remotePort ?? 0,
    localAddress: plainAddress(socket.localAddress),
    localPort: socket.localPort ?? 0,
    activeRequests: 0,
    waiting: [],
    underWay: new Set(),
    ...(tls === undefined ? {} : { tls }),
  };
}

function describeTls(socket: TLSSocket): NonNullable<Connection['tls']> {
  const serverName = socket.servername as string | false | null | undefined;
  return { version: socket.getProtocol() ?? '', cipher: socket.getCipher().name, ...(serverName ? { serverName } : {}) };
}

function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}
