// Opens a connection to an upstream address under a timeout, and knows how far it got: nothing has been sent before it is ready,
// so until then a request may go to another address.
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type SecureContext } from 'node:tls';
import type { UpstreamError } from './metrics.ts';

export interface DialTarget {
  readonly host: string;
  readonly port: number;
  /** Absent: plaintext. */
  readonly tls?: {
    readonly secureContext: SecureContext;
    /** Name the server must prove; an address is proven as an IP SAN, and not sent as SNI. */
    readonly serverName: string;
    readonly alpn: readonly string[];
  };
  readonly timeoutMs: number;
}

export class ConnectTimeoutError extends Error {
  override readonly name = 'ConnectTimeoutError';
}

const PROGRESS = Symbol('progress');
type Progress = 'connecting' | 'securing' | 'ready';
interface Dialled {
  [PROGRESS]?: Progress;
}

/** The socket is not connected yet; it emits `error` like any other. */
export function dial({ host, port, tls, timeoutMs }: DialTarget): Socket {
  const timer = setTimeout(() => socket.destroy(new ConnectTimeoutError(`no connection within ${timeoutMs} ms`)), timeoutMs);
  const setProgress = (progress: Progress) => {
    (socket as Dialled)[PROGRESS] = progress;
    if (progress === 'ready') clearTimeout(timer);
  };
  const plain = { host, port, allowHalfOpen: true, noDelay: true };
  const socket = tls === undefined ? connectTcp(plain) : connectTls({
    ...plain,
    secureContext: tls.secureContext,
    ALPNProtocols: [...tls.alpn],
    ...(isIP(tls.serverName) === 0 ? { servername: tls.serverName } : {}),
    // Said here once more: without SNI Node would have the address prove itself instead.
    checkServerIdentity: (_, certificate) => checkServerIdentity(tls.serverName, certificate),
    rejectUnauthorized: true,
  });
  setProgress('connecting');
  socket.once('connect', () => setProgress(tls === undefined ? 'ready' : 'securing'));
  socket.once('secureConnect', () => setProgress('ready'));
  socket.once('close', () => clearTimeout(timer));
  return socket;
}

export function isReady(socket: Socket | null | undefined): boolean {
  return (socket as Dialled | null | undefined)?.[PROGRESS] === 'ready';
}

/** Calls `action` as soon as something may be sent. */
export function whenReady(socket: Socket, action: () => void): void {
  if (isReady(socket)) action();
  else socket.once((socket as Dialled)[PROGRESS] !== undefined && 'encrypted' in socket ? 'secureConnect' : 'connect', action);
}

export function classifyError(error: Error, socket: Socket | null | undefined): UpstreamError {
  if (error instanceof ConnectTimeoutError) return 'connect_timeout';
  const progress = (socket as Dialled | null | undefined)?.[PROGRESS];
  if (progress === 'securing') return 'tls';
  if (progress !== 'ready') return 'connect';
  return (error as NodeJS.ErrnoException).code?.startsWith('HPE_') === true ? 'protocol' : 'reset';
}
