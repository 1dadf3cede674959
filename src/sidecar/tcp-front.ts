// The TCP side of a listener: authorise, dial, tell the identity if asked to, join.
import { performance } from 'node:perf_hooks';
import type { Socket } from 'node:net';
import { accessLine, clientFields, isLogged } from './access-log.ts';
import type { DenialReason } from './authorize-peer.ts';
import type { Connection } from './connection.ts';
import { whenReady } from './dial.ts';
import { joinSockets } from './join-sockets.ts';
import type { Route } from './listener-view.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { proxyProtocolHeader } from './proxy-protocol.ts';
import type { Address } from './upstream-address.ts';
import type { UpstreamPool } from './upstream-pool.ts';

export interface TcpServices {
  readonly metrics: Metrics;
  readonly log: Log;
}

interface Outcome {
  /** As nginx has them: 200, 403 refused, 500 no route, 502 no upstream. */
  readonly status: number;
  readonly route?: Route;
  readonly address?: string;
}

/** What nginx's stream module writes for a refusal. */
const DENIED: Readonly<Record<DenialReason, number>> = { no_certificate: 400, bad_certificate: 400, no_route: 500 };

export function serveTcp(connection: Connection, services: TcpServices): void {
  new TcpSession(connection, services).start();
}

class TcpSession {
  readonly #connection: Connection;
  readonly #services: TcpServices;
  readonly #startedAt = performance.now();

  constructor(connection: Connection, services: TcpServices) {
    this.#connection = connection;
    this.#services = services;
  }

  start(): void {
    const { socket, access: { verdict } } = this.#connection;
    socket.on('error', () => socket.destroy());
    if (verdict.kind === 'deny') this.#refuse(verdict.reason);
    else this.#begin(verdict.routes[0] as Route);
  }

  #begin(route: Route): void {
    const { socket, underWay } = this.#connection;
    underWay.add({ upstream: route.upstream?.name ?? '', abort: () => socket.destroy() });
    this.#connect(route, route.upstream?.addresses.candidates() ?? []);
  }

  #refuse(reason: DenialReason): void {
    const { metrics, log } = this.#services;
    metrics.count('connectionsRefused', reason);
    log.event('warn', 'connection refused', { listener: this.#connection.access.view.model.name, reason, ...clientFields(this.#connection) });
    this.#giveUp({ status: DENIED[reason] });
  }

  /** Nothing has been sent before a connection stands, so the next address may always be tried. */
  #connect(route: Route, [address, ...others]: readonly Address[]): void {
    const { upstream: pool } = route;
    if (address === undefined || pool === undefined) {
      this.#giveUp({ status: 502, route });
      return;
    }
    const { socket: client } = this.#connection;
    const upstream = pool.dial(address);
    const onClientClose = () => upstream.destroy();
    const onClose = () => {
      client.off('close', onClientClose);
      if (client.destroyed) {
        this.#giveUp({ status: 200, route, address: address.text });
        return;
      }
      pool.reportFailure(address);
      if (others.length > 0) this.#connect(route, others);
      else this.#giveUp({ status: 502, route, address: address.text });
    };
    upstream.on('error', () => {}); // `close` follows
    upstream.once('close', onClose);
    client.once('close', onClientClose);
    whenReady(upstream, () => {
      upstream.off('close', onClose);
      client.off('close', onClientClose);
      this.#join({ upstream, pool, route, address });
    });
  }

  #join({ upstream, pool, route, address }: { upstream: Socket; pool: UpstreamPool; route: Route; address: Address }): void {
    const { socket: client, access: { view } } = this.#connection;
    if (pool.material.model.proxyProtocol === 'v2') {
      const header = proxyProtocolHeader(this.#connection);
      if (header === undefined) {
        upstream.destroy();
        this.#giveUp({ status: 400, route, address: address.text });
        return;
      }
      upstream.write(header);
    }
    joinSockets(client, upstream, { idleTimeoutMs: view.idleTimeoutMs, onClose: () => this.#conclude({ status: 200, route, address: address.text }) });
  }

  #giveUp(outcome: Outcome): void {
    this.#connection.socket.destroy();
    this.#conclude(outcome);
  }

  #conclude({ status, route, address }: Outcome): void {
    const connection = this.#connection;
    const { socket, access: { view } } = connection;
    if (!isLogged(view.accessLog, status)) return;
    this.#services.log.access(accessLine({
      listener: view.model.name, protocol: 'TCP', status, sentBytes: socket.bytesWritten, receivedBytes: socket.bytesRead, seconds: (performance.now() - this.#startedAt) / 1000,
      route: route?.index, upstream: route?.upstream?.name, upstreamAddress: address,
    }, connection));
  }
}
