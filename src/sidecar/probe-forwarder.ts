// Asks the app on loopback what a probe or hook of the pod would ask, and says whether it went well (api/probes.ts).
// One rule: only the exact probe goes in and only success or failure comes out, so that the status port is no way into the app.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isHookPath, type ProbeRoute } from '../api/probes.ts';
import { askGrpc, askHttp, askTcp } from './ask-app.ts';

/** `handled`: the path is a probe's, and the request is being answered. */
export type ForwardProbe = (path: string, request: IncomingMessage, response: ServerResponse) => 'handled' | 'unknown';

const ASK: Readonly<Record<ProbeRoute['kind'], (route: ProbeRoute, signal: AbortSignal) => Promise<boolean>>> = { HTTP: askHttp, HTTPS: askHttp, TCP: askTcp, GRPC: askGrpc };

export function createProbeForwarder(routes: readonly ProbeRoute[]): ForwardProbe {
  const byPath = new Map(routes.map((route) => [route.path, route]));
  return (path, request, response) => {
    const route = byPath.get(path);
    if (route === undefined) return 'unknown';
    if (request.method === 'GET' || request.method === 'HEAD') void forward(route, response);
    else response.writeHead(403).end();
    return 'handled';
  };
}

/** Whoever stops waiting for the answer ends the question too. */
async function forward(route: ProbeRoute, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const isWell = await ASK[route.kind](route, AbortSignal.any([gone.signal, AbortSignal.timeout(route.timeoutSeconds * 1000)])).catch(() => false);
  if (response.destroyed) return;
  if (!isWell && isHookPath(route.path)) response.destroy();
  else response.writeHead(isWell ? 200 : 503, { 'content-length': 0 }).end();
}
