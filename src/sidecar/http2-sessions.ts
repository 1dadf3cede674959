// HTTP/2 connections to one address: requests share a session as long as the server lets them, then the next one is opened.
import { connect, type ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

export class Http2Sessions {
  readonly #dial: () => Socket;
  readonly #scheme: 'http' | 'https';
  readonly #sessions = new Map<ClientHttp2Session, { streams: number; readonly socket: Socket }>();

  constructor(dial: () => Socket, scheme: 'http' | 'https') {
    this.#dial = dial;
    this.#scheme = scheme;
  }

  get scheme(): 'http' | 'https' {
    return this.#scheme;
  }

  /** A session that may take one more request. `release` must be called when that request is over. */
  acquire(): { readonly session: ClientHttp2Session; readonly socket: Socket; readonly release: () => void } {
    const [session, state] = [...this.#sessions].find(([candidate, { streams }]) => canTake(candidate, streams)) ?? this.#open();
    state.streams += 1;
    return {
      session,
      socket: state.socket,
      release: () => {
        state.streams -= 1;
      },
    };
  }

  /** No new requests; those under way finish. */
  close(): void {
    for (const session of this.#sessions.keys()) session.close();
    this.#sessions.clear();
  }

  #open(): readonly [ClientHttp2Session, { streams: number; readonly socket: Socket }] {
    const socket = this.#dial();
    const options = { createConnection: () => socket, strictSingleValueFields: false, settings: { enablePush: false, initialWindowSize: 1 << 20 } };
    const session = connect(`${this.#scheme}://upstream`, options);
    const state = { streams: 0, socket };
    this.#sessions.set(session, state);
    const forget = () => this.#sessions.delete(session);
    session.on('error', forget).on('close', forget).on('goaway', forget);
    session.unref();
    return [session, state];
  }
}

function canTake(session: ClientHttp2Session, streams: number): boolean {
  if (session.closed || session.destroyed) return false;
  return streams < (session.connecting ? 100 : (session.remoteSettings.maxConcurrentStreams ?? 100));
}
