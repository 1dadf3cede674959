// One request and its answer, whichever HTTP version the client speaks. The forwarders know this and nothing of the client's side.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { Connection, UnderWay } from './connection.ts';
import { responseHeaders } from './request-headers.ts';

export interface Exchange {
  readonly connection: Connection;
  readonly method: string;
  /** As sent. */
  readonly target: string;
  readonly httpVersion: '1.0' | '1.1' | '2.0' | 'other';
  /** Names and values in turn, as received, without pseudo fields. */
  readonly rawHeaders: readonly string[];
  /** undefined: the request has none. */
  readonly body: Readable | undefined;
  /** Complete once the body has ended. */
  readonly rawTrailers: readonly string[];
  readonly hasAnswered: boolean;
  readonly isGone: boolean;
  /** The client waits for this before it sends its body. */
  readonly expectsContinue: boolean;
  sendContinue(): void;
  /** 1xx other than 100 and 101. */
  sendInformation(status: number, headers: readonly string[]): void;
  /** Sends status and fields; the body goes into the stream returned. */
  answer(status: number, message: string, headers: readonly string[]): Writable;
  /** A complete answer. */
  answerWith(status: number, headers: readonly string[], body: string): void;
  /** Ends the body, with trailers if there are any. */
  finish(rawTrailers: readonly string[]): void;
  /** Cuts the answer off so that the client sees it is not complete. */
  abort(): void;
  /** Called once when the client goes away before the end of the answer. */
  onGone(action: () => void): void;
  /** Called once at the end, however it ended. */
  onOver(action: () => void): void;
  /** Status of an answer given because the request turned out to be broken. */
  readonly refusedWith?: number | undefined;
  /** Bytes of the bodies, for the log. */
  readonly traffic: { bytesIn: number; bytesOut: number };
  /** Present where the client asked for another protocol (WebSocket): the upstream's answer 101 joins the two sockets. */
  readonly upgrade?: { readonly protocol: string; join(answer: IncomingMessage, upstream: Socket, head: Buffer): void };
}

/** What is remembered of an exchange until it is over, for log and metrics. */
export interface ExchangeRecord {
  status: number;
  /** Index in the listener. */
  route?: number;
  upstream?: string;
  address?: string;
  work?: UnderWay;
}

interface UpstreamAnswer {
  readonly status: number;
  readonly message: string;
  readonly rawHeaders: readonly string[];
}

/** undefined: the answer has a field that must not be sent on; nothing has been sent. */
export function startAnswer(exchange: Exchange, { status, message, rawHeaders }: UpstreamAnswer): Writable | undefined {
  try {
    return exchange.answer(status, message, responseHeaders(rawHeaders));
  } catch {
    return undefined;
  }
}
