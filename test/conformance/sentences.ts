// The whole list, for one engine.
import { describe } from 'node:test';
import { describeClients } from './clients.ts';
import type { Engine } from './engine.ts';
import type { Fleet } from './fleet.ts';
import { describeHeaders } from './headers.ts';
import { describeHostile } from './hostile.ts';
import { describeHttp } from './http.ts';
import { describeHttp2 } from './http2.ts';
import { describeLimits } from './limits.ts';
import { describePaths } from './paths.ts';
import { describeReload } from './reload.ts';
import { describeTcp } from './tcp.ts';
import { describeTls } from './tls.ts';
import { describeUpstreams } from './upstreams.ts';

const CHAPTERS: Readonly<Record<string, (engine: Engine, fleet: () => Fleet) => void>> = {
  clients: describeClients,
  headers: describeHeaders,
  HTTP: describeHttp,
  paths: describePaths,
  'HTTP/2': describeHttp2,
  TCP: describeTcp,
  TLS: describeTls,
  reload: describeReload,
  upstreams: describeUpstreams,
  limits: describeLimits,
  'the hostile': describeHostile,
};

export function describeEverything(engine: Engine, fleet: () => Fleet): void {
  for (const [name, describeChapter] of Object.entries(CHAPTERS)) describe(name, { concurrency: 4 }, () => describeChapter(engine, fleet));
}
