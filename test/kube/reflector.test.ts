import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { ServerResponse } from 'node:http';
import { Cache } from '../../src/kube/cache.ts';
import { Reflector, type Selection } from '../../src/kube/reflector.ts';
import { resources } from '../../src/kube/resources.ts';
import { eventually } from '../support/cluster.ts';
import { drop, json, play, silentLogger, status, type Answer, type Request, type ScriptedServer } from './scripted-server.ts';

type Thing = { metadata: { namespace: string; name: string; uid: string; resourceVersion: string }; managedFields?: unknown; text?: string };

function aThing(name: string, resourceVersion: number, text = ''): Thing {
  return { metadata: { namespace: 'shop', name, uid: name, resourceVersion: String(resourceVersion) }, text };
}

function list(resourceVersion: number, ...items: Thing[]): Answer {
  return json({ metadata: { resourceVersion: String(resourceVersion) }, items });
}

type Line = { type: string; object: object };
const added = (object: Thing): Line => ({ type: 'ADDED', object });
const deleted = (object: Thing): Line => ({ type: 'DELETED', object });
const bookmark = (resourceVersion: number): Line => ({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(resourceVersion) } } });

function write(response: ServerResponse, lines: readonly Line[]): void {
  response.writeHead(200);
  response.flushHeaders();
  for (const line of lines) response.write(`${JSON.stringify(line)}\n`);
}

/** A watch that says this and stays open. */
function watching(...lines: Line[]): Answer {
  return (response) => write(response, lines);
}

/** A watch that says this and then loses its connection. */
function cut(...lines: Line[]): Answer {
  return (response) => {
    write(response, lines);
    setTimeout(() => response.socket?.destroy(), 20);
  };
}

/** A watch that says this and ends in good order, after long enough. */
function ending(...lines: Line[]): Answer {
  return (response) => {
    write(response, lines);
    setTimeout(() => response.end(), 1050);
  };
}

type Reflection = { readonly cache: Cache<Thing>; readonly server: ScriptedServer; readonly messages: string[]; readonly running: Promise<void>; readonly stop: AbortController };

async function reflect(script: Answer[], options: { silenceMs?: number; prune?: (thing: Thing) => Thing } & Partial<Selection> = {}): Promise<Reflection> {
  const server = await play(...script);
  const { silenceMs = 60_000, prune, ...selection } = options;
  const messages: string[] = [];
  const log = (_fields: object, message: string): void => void messages.push(message);
  const logger = { ...silentLogger, info: log, warn: log };
  const sink = new Cache<Thing>({ logger });
  const reflector = new Reflector<Thing>({
    client: server.client,
    selection: { resource: resources.ConfigMap, ...selection },
    sink,
    logger,
    silenceMs,
    random: () => 0.5,
    ...(prune === undefined ? {} : { prune }),
  });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  after(async () => {
    stop.abort();
    await running;
  });
  return { cache: sink, server, messages, running, stop };
}

const names = (cache: Cache<Thing>): string[] => [...cache.values()].map(({ metadata }) => metadata.name).sort();
const isWatch = ({ query }: Request): boolean => query.get('watch') === 'true';
const watches = (server: ScriptedServer): (string | null)[] => server.requests.filter(isWatch).map(({ query }) => query.get('resourceVersion'));
const lists = (server: ScriptedServer): number => server.requests.filter((request) => !isWatch(request)).length;

describe('Reflector', () => {
  it('lists, then watches from there', async () => {
    const { cache, server } = await reflect([list(5, aThing('a', 1)), watching(added(aThing('b', 6)), deleted(aThing('a', 7)))]);
    await eventually(() => assert.deepEqual(names(cache), ['b']));
    assert.deepEqual(watches(server), ['5']);
  });

  it('asks for bookmarks and for an end in 4 to 5 minutes', async () => {
    const { server } = await reflect([list(5), watching()], { labelSelector: 'x=y', namespace: 'shop' });
    const { query, path } = await eventually(() => server.requests.find(isWatch) ?? assert.fail('no watch yet'));
    const seconds = Number(query.get('timeoutSeconds'));
    assert.deepEqual([query.get('allowWatchBookmarks'), query.get('labelSelector'), path], ['true', 'x=y', '/api/v1/namespaces/shop/configmaps']);
    assert.ok(seconds >= 240 && seconds <= 300);
  });

  it('goes on from the last resourceVersion after an end in good order', async () => {
    const { server } = await reflect([list(5), ending(added(aThing('a', 8))), watching()]);
    await eventually(() => assert.deepEqual(watches(server), ['5', '8']));
    assert.equal(lists(server), 1);
  });

  it('goes on from the last bookmark', async () => {
    const { server } = await reflect([list(5), cut(bookmark(900)), watching()]);
    await eventually(() => assert.deepEqual(watches(server), ['5', '900']));
  });

  const losses: Record<string, Answer> = {
    'the connection is cut': cut(added(aThing('a', 8))),
    'the connection is cut within a line': (response) => {
      write(response, [added(aThing('a', 8))]);
      response.write('{"type":"ADDED","obj');
      setTimeout(() => response.socket?.destroy(), 20);
    },
    'a line is no JSON': (response) => {
      write(response, [added(aThing('a', 8))]);
      response.write('<html>\n');
    },
    'the server reports an internal error': watching(added(aThing('a', 8)), { type: 'ERROR', object: { code: 500, reason: 'InternalError' } }),
  };
  for (const [sentence, loss] of Object.entries(losses)) {
    it(`loses nothing when ${sentence}`, async () => {
      const { cache, server } = await reflect([list(5), loss, watching(added(aThing('b', 9)))]);
      await eventually(() => assert.deepEqual(names(cache), ['a', 'b']));
      assert.deepEqual([lists(server), watches(server)], [1, ['5', '8']]);
    });
  }

  const refusals: Record<string, Answer> = {
    'refuses the connection': drop,
    'has too many requests': status(429, 'TooManyRequests', { 'retry-after': '0' }),
    'forgets who we are': status(401, 'Unauthorized'),
    'forbids': status(403, 'Forbidden'),
    'is not ready': status(503, 'ServiceUnavailable'),
  };
  for (const [sentence, refusal] of Object.entries(refusals)) {
    it(`watches again when the server ${sentence} for a while`, async () => {
      const { cache } = await reflect([list(5), refusal, refusal, watching(added(aThing('a', 8)))]);
      await eventually(() => assert.deepEqual(names(cache), ['a']));
    });
  }

  it('gives up a watch that has fallen silent', async () => {
    const { server } = await reflect([list(5), watching(bookmark(6)), watching()], { silenceMs: 100 });
    await eventually(() => assert.deepEqual(watches(server).slice(0, 2), ['5', '6']));
  });

  it('keeps a watch on which something is heard in time', async () => {
    const talking: Answer = (response) => {
      write(response, []);
      let version = 6;
      const timer = setInterval(() => response.write(`${JSON.stringify(bookmark((version += 1)))}\n`), 50);
      response.on('close', () => clearInterval(timer));
    };
    const { server } = await reflect([list(5), talking], { silenceMs: 400 });
    await eventually(() => assert.equal(watches(server).length, 1));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(watches(server).length, 1);
  });

  it('does not ask without end a server that ends every watch at once', async () => {
    const { server } = await reflect([list(5), (response) => void response.end()]);
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.ok(watches(server).length <= 4, `${watches(server).length} watches`);
  });

  it('ends when it is stopped, and stays silent about it', async () => {
    const { running, stop, server, messages } = await reflect([list(5), watching()]);
    await eventually(() => assert.equal(watches(server).length, 1));
    stop.abort();
    await running;
    assert.deepEqual(messages, []);
  });
});

describe('Reflector: the past is gone (410)', () => {
  const gone: Record<string, Answer> = {
    'as an answer': status(410, 'Expired'),
    'as an event': watching({ type: 'ERROR', object: { code: 410, reason: 'Expired' } }),
    'because a bookmark went back': watching(bookmark(2)),
  };
  for (const [sentence, answer] of Object.entries(gone)) {
    it(`${sentence}: lists again and tells what vanished meanwhile`, async () => {
      const { cache, server } = await reflect([list(5, aThing('a', 1), aThing('b', 2)), answer, list(50, aThing('b', 2), aThing('c', 30)), watching()]);
      await eventually(() => assert.deepEqual(watches(server), ['5', '50']));
      assert.deepEqual(names(cache), ['b', 'c']);
    });
  }

  it('lists from the start when a page came too late', async () => {
    const half = json({ metadata: { resourceVersion: '5', continue: 'more' }, items: [aThing('a', 1)] });
    const { cache } = await reflect([half, status(410, 'Expired'), list(6, aThing('b', 2)), watching()]);
    await eventually(() => assert.deepEqual(names(cache), ['b']));
  });
});

describe('Reflector: what it keeps', () => {
  it('puts together an object that comes in many chunks', async () => {
    const text = 'é'.repeat(700_000);
    const slowly: Answer = async (response) => {
      response.writeHead(200);
      const bytes = Buffer.from(`${JSON.stringify(added(aThing('a', 8, text)))}\n`);
      for (let start = 0; start < bytes.length; start += 100_001) {
        response.write(bytes.subarray(start, start + 100_001));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const { cache } = await reflect([list(5), slowly]);
    await eventually(() => assert.equal(cache.get('shop/a')?.text, text));
  });

  it('drops managedFields unless told otherwise', async () => {
    const bulky = (name: string): Thing => ({ ...aThing(name, 6), metadata: { ...aThing(name, 6).metadata, managedFields: [{}] } as Thing['metadata'] });
    const { cache } = await reflect([list(6, bulky('a')), watching(added(bulky('b')))]);
    await eventually(() => assert.deepEqual(names(cache), ['a', 'b']));
    for (const thing of cache.values()) assert.equal('managedFields' in thing.metadata, false);
  });

  it('asks for metadata only in lists and watches', async () => {
    const { server } = await reflect([list(5), watching()], { metadataOnly: true });
    await eventually(() => assert.equal(server.requests.length, 2));
    assert.deepEqual(
      server.requests.map(({ headers }) => headers.accept),
      ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1', 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'],
    );
  });
});

describe('Reflector: a kind that is not installed', () => {
  it('is not synced, is no reason to warn, and is found once it is there', async () => {
    const { cache, messages } = await reflect([status(404, 'NotFound'), status(404, 'NotFound'), list(5, aThing('a', 1)), watching()], { isOptional: true });
    assert.equal(cache.hasSynced, false);
    await eventually(() => assert.deepEqual(names(cache), ['a']));
    assert.deepEqual(messages, []);
  });
});
