// One question to the app on 127.0.0.1, as the kubelet would put it. Resolves to whether the kubelet would be content.
import { connect as connectHttp2, constants } from 'node:http2';
import type { IncomingHttpHeaders } from 'node:http2';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { isHookPath, type ProbeRoute } from '../api/probes.ts';

const APP = '127.0.0.1';

/** Success is a status from 200 to 399, for a hook any; a redirect is not followed. As the kubelet does, the certificate is not verified: any would do. */
export async function askHttp({ path, kind, port, target = '/', host = APP, headers = [] }: ProbeRoute, signal: AbortSignal): Promise<boolean> {
  const request = kind === 'HTTPS' ? requestHttps : requestHttp;
  return await new Promise((resolve) => {
    const sent = [...headers.flatMap(({ name, value }) => [name, value]), 'Host', host, 'Connection', 'close'];
    const options = { host: APP, port, path: target, agent: false, signal, headers: sent, rejectUnauthorized: false, servername: '' };
    request(options, (response) => {
      const { statusCode = 0 } = response;
      response.on('error', () => {}).destroy();
      resolve(isHookPath(path) || (statusCode >= 200 && statusCode < 400));
    })
      .on('error', () => resolve(false))
      .end();
  });
}

/** Success is an accepted connection. */
export async function askTcp({ port }: ProbeRoute, signal: AbortSignal): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connectTcp({ host: APP, port, signal })
      .on('error', () => resolve(false))
      .on('connect', () => {
        socket.destroy();
        resolve(true);
      });
  });
}

/** grpc.health.v1.Health/Check over HTTP/2 without TLS; success is the status SERVING. */
export async function askGrpc({ port, service = '' }: ProbeRoute, signal: AbortSignal): Promise<boolean> {
  const session = connectHttp2(`http://${APP}:${port}`);
  try {
    return await new Promise((resolve) => {
      session.on('error', () => resolve(false)).on('close', () => resolve(false));
      const stream = session.request(CHECK, { signal });
      const answer = { frame: Buffer.alloc(0), headers: {} as IncomingHttpHeaders };
      const hear = (headers: IncomingHttpHeaders) => Object.assign(answer.headers, headers);
      stream.on('response', hear).on('trailers', hear).on('error', () => resolve(false));
      stream.on('data', (chunk: Buffer) => {
        answer.frame = Buffer.concat([answer.frame, chunk]);
        if (answer.frame.length > SERVING.length) stream.close(constants.NGHTTP2_CANCEL);
      });
      stream.on('close', () => resolve(Number(answer.headers[':status']) === 200 && answer.headers['grpc-status'] === '0' && answer.frame.equals(SERVING)));
      stream.end(checkRequest(service));
    });
  } finally {
    session.destroy();
  }
}

const CHECK = { ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/grpc', te: 'trailers' };

/** A message of gRPC: not compressed, 2 bytes, field 1 (status) = 1. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 0x08, 1]);

/** HealthCheckRequest: field 1 is the service; absent where it is empty. */
function checkRequest(service: string): Buffer {
  const text = Buffer.from(service);
  const message = text.length === 0 ? text : Buffer.concat([Buffer.from([0x0a, ...varint(text.length)]), text]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
