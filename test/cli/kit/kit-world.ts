// Kits on the disk and the programs that use them, all on this machine: an app in plain HTTP, edges before it, clients that talk to them.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { KitServer, Tool } from '../../../src/cli/kit/kit-parts.ts';
import { planKit } from '../../../src/cli/kit/plan-kit.ts';
import { readMaterial } from '../../../src/cli/kit/read-material.ts';
import { writeKit } from '../../../src/cli/kit/write-kit.ts';
import { eventually } from '../../support/cluster.ts';
import { kitObjects } from './kit-objects.ts';
import type { Stored } from './kit-objects.ts';

export interface KitOrder extends Stored {
  readonly tool: Tool;
  readonly server?: KitServer;
  /** As --path. */
  readonly path?: string;
}

/** Why a test of this program is skipped. */
export function missing(program: string, packageName: string): string | false {
  return spawnSync('sh', ['-c', `command -v ${program}`], { env: PATHS }).status === 0 ? false : `${program} is not installed: apt-get install ${packageName}`;
}

const PATHS = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

export class KitWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'tenant-mtls kit-'));
  readonly #started: ChildProcess[] = [];
  #count = 0;

  /** Writes a kit as the command does; its directory, whose path has a space. */
  async make({ tool, server, path, ...stored }: KitOrder): Promise<string> {
    const directory = join(this.folder, `kit-${(this.#count += 1)}`);
    const material = readMaterial(kitObjects(stored), new Date());
    const kit = planKit(material, { tool, place: { directory: path ?? directory, ...(server === undefined ? {} : { server }) }, command: 'again', password: 'random-password' });
    await writeKit(kit, { directory, overwrite: 'own', env: PATHS });
    return directory;
  }

  /** A configuration of a kit with the ports of this test in the place of its own. */
  withPorts(directory: string, file: string, ports: Readonly<Record<string, string>>): string {
    const changed = Object.entries(ports).reduce((content, [from, to]) => {
      assert.ok(content.includes(from), `${file} has ${from}`);
      return content.replaceAll(from, to);
    }, readFileSync(join(directory, file), 'utf8'));
    const copy = join(this.folder, `${(this.#count += 1)}-${file}`);
    writeFileSync(copy, changed);
    return copy;
  }

  async start(program: string, args: readonly string[], port: number): Promise<void> {
    const child = spawn(program, args, { env: PATHS, stdio: 'ignore' });
    this.#started.push(child);
    await this.listens(port);
  }

  /** Ends with the world. */
  adopt(child: ChildProcess): void {
    this.#started.push(child);
  }

  async listens(port: number): Promise<void> {
    await eventually(async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect').finally(() => socket.destroy());
    }, { timeoutMs: 20_000, intervalMs: 50 });
  }

  /** The app answers in this process: waiting must not block it. */
  async run(program: string, args: readonly string[], input = ''): Promise<{ readonly code: number | string | null; readonly output: string }> {
    const child = spawn(program, args, { env: PATHS, timeout: 20_000 });
    child.stdin.on('error', () => undefined).end(input);
    const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number | null, string | null]>]);
    return { code: code ?? signal, output: `${stdout}${stderr}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#started.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Answers with the headers it was sent. */
export async function startApp(): Promise<Server & { readonly port: number }> {
  const app = createServer((request, response) => response.end(JSON.stringify(request.headers)));
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  return Object.assign(app, { port: (app.address() as AddressInfo).port });
}

export function headersIn(output: string): IncomingHttpHeaders {
  return JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1)) as IncomingHttpHeaders;
}
