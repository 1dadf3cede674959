// Upstream groups of http and of stream. A name that does not resolve is no error: it is looked up again and again while nginx runs.
import { isIP } from 'node:net';
import type { UpstreamAddress, UpstreamModel } from '../proxy-model/model.ts';
import { block } from './block.ts';
import type { Lines } from './block.ts';
import { POD_FILE } from './entrypoint-pod-files.ts';
import { word } from './quoting.ts';

/** Shared memory zones of http and stream must not have one name. */
export function httpGroup(upstream: string): string {
  return `http-${word(upstream)}`;
}

export function tcpGroup(upstream: string): string {
  return `tcp-${word(upstream)}`;
}

/** Idle connections are given up before a Node.js server would (5 s): a request is never sent into a connection that is being closed. */
const KEEPALIVE: Lines = ['keepalive 64;', 'keepalive_requests 10000;', 'keepalive_timeout 4s;'];

export function renderHttpUpstream(upstream: UpstreamModel): Lines {
  return block(`upstream ${httpGroup(upstream.name)}`, [...serversOf(upstream, httpGroup(upstream.name)), ...KEEPALIVE]);
}

export function renderTcpUpstream(upstream: UpstreamModel): Lines {
  return block(`upstream ${tcpGroup(upstream.name)}`, serversOf(upstream, tcpGroup(upstream.name)));
}

export function needsResolver({ addresses }: UpstreamModel): boolean {
  return addresses.some((address) => address.kind === 'address' && isIP(dialled(address.host)) === 0);
}

function serversOf({ addresses }: UpstreamModel, zone: string): Lines {
  return [`zone ${zone} 256k;`, ...addresses.map(renderServer)];
}

/** One failure takes a server out for two seconds, if there is another. */
function renderServer(address: UpstreamAddress): string {
  if (address.kind === 'app') return `include ${POD_FILE.app};`;
  const host = word(dialled(address.host));
  const server = `server ${isIP(host) === 6 ? `[${host}]` : host}:${address.port}`;
  return `${server}${isIP(host) === 0 ? ' resolve' : ''} max_fails=1 fail_timeout=2s;`;
}

/** No name server is asked for localhost. */
function dialled(host: string): string {
  return host.toLowerCase() === 'localhost' ? '127.0.0.1' : host.toLowerCase();
}
