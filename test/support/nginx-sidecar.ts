// A running nginx sidecar in a test: the real entrypoint and the real nginx over real files, on free ports of loopback.
import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import { createServer } from 'node:net';
import type { ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONFIG_FILES, SIDECAR, SIDECAR_ENV } from '../../src/api/names.ts';
import type { SidecarStatus } from '../../src/api/manifest.ts';
import { MountedSet } from './mounted-set.ts';
import { startInRoot } from './nginx-root.ts';

export interface Reply {
  readonly status: number;
  readonly body: string;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

/** Waits for `look` to give something; fails with what it gave last. */
export async function eventually<T>(look: () => Promise<T | undefined> | T | undefined, what: string, timeoutMs = 10_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export class NginxSidecar {
  readonly mounted: MountedSet;
  readonly port: number;
  readonly statusPort: number;
  readonly #root: string;
  readonly #base: string;
  readonly #environment: Record<string, string>;
  #process: ChildProcess | undefined;

  private constructor(root: string, base: string, ports: { listener: number; status: number; app: number }) {
    this.#root = root;
    this.#base = base;
    this.port = ports.listener;
    this.statusPort = ports.status;
    for (const name of ['files', 'run']) mkdirSync(join(base, name));
    chmodSync(base, 0o755);
    chownSync(join(base, 'run'), SIDECAR.uid, SIDECAR.uid);
    this.mounted = new MountedSet(join(base, 'files'));
    this.#environment = {
      [SIDECAR_ENV.appPort]: String(ports.app), [SIDECAR_ENV.listenerPort]: String(ports.listener), TENANT_MTLS_STATUS_PORT: String(ports.status), [SIDECAR_ENV.podIP]: '127.0.0.1',
    };
  }

  static async prepare(root: string, appPort: number): Promise<NginxSidecar> {
    const base = mkdtempSync(join(tmpdir(), 'tenant-mtls-nginx-'));
    return new NginxSidecar(root, base, { listener: await freePort(), status: await freePort(), app: appPort });
  }

  start(environment: Record<string, string> = {}): void {
    const output = openSync(join(this.#base, 'log'), 'a', 0o666);
    chmodSync(join(this.#base, 'log'), 0o666);
    const program = `${SIDECAR.directory}/${CONFIG_FILES['entrypoint.sh']}`;
    this.#process = startInRoot(this.#root, { files: join(this.#base, 'files'), run: join(this.#base, 'run') }, [program], { environment: { ...this.#environment, ...environment }, output });
    closeSync(output);
  }

  get log(): string {
    return readFileSync(join(this.#base, 'log'), 'utf8');
  }

  /** Of the master process. */
  get nginxPid(): number {
    return Number(readFileSync(join(this.#base, 'run/nginx.pid'), 'utf8'));
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Exit code, or the signal that ended it. */
  async ended(): Promise<number | string> {
    const child = this.#process;
    if (child === undefined) throw new Error('not started');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode ?? child.signalCode ?? 'unknown';
  }

  async get(path: string, options: RequestOptions = {}): Promise<Reply> {
    const request = httpsRequest({ host: '127.0.0.1', port: this.port, path, rejectUnauthorized: false, agent: false, ...options });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    return { status: response.statusCode ?? 0, body };
  }

  async ask(path: string): Promise<Reply | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.statusPort}${path}`);
      return { status: response.status, body: await response.text() };
    } catch {
      return undefined;
    }
  }

  async status(): Promise<SidecarStatus | undefined> {
    const reply = await this.ask('/status');
    return reply?.status === 200 ? (JSON.parse(reply.body) as SidecarStatus) : undefined;
  }

  /** The status once it satisfies `is`. */
  reaches(is: (status: SidecarStatus) => boolean, timeoutMs?: number): Promise<SidecarStatus> {
    return eventually(async () => {
      const status = await this.status();
      return status !== undefined && is(status) ? status : undefined;
    }, 'the expected status', timeoutMs).catch((error: unknown) => {
      throw new Error(`${String(error)}; log:\n${this.log}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process;
    if (child !== undefined) {
      // Two signals at once would arrive as one.
      const again = setInterval(() => child.kill('SIGTERM'), 100);
      child.kill('SIGTERM');
      await this.ended();
      clearInterval(again);
    }
    rmSync(this.#base, { recursive: true, force: true });
  }
}
