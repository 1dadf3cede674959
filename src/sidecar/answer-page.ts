// The answers the proxy gives itself, worded as nginx words them so that both engines look alike to a client.
import type { Exchange } from './exchange.ts';

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request', 404: 'Not Found', 405: 'Not Allowed', 408: 'Request Time-out', 417: 'Expectation Failed', 431: 'Request Header Fields Too Large',
  500: 'Internal Server Error', 501: 'Not Implemented', 502: 'Bad Gateway', 503: 'Service Temporarily Unavailable', 504: 'Gateway Time-out', 505: 'HTTP Version Not Supported',
};

/** `detail` stands in the title and below the heading, as with nginx's 400s about certificates. */
export function answerPage(exchange: Exchange, status: number, detail?: string): void {
  exchange.answerWith(status, ['Content-Type', 'text/html'], page(status, detail));
}

export function page(status: number, detail?: string): string {
  const title = `${status} ${TITLES[status] ?? 'Error'}`;
  const head = detail === undefined ? title : `${status} ${detail}`;
  const lines = [
    '<html>', `<head><title>${head}</title></head>`, '<body>', `<center><h1>${title}</h1></center>`,
    ...(detail === undefined ? [] : [`<center>${detail}</center>`]), '<hr><center>tenant-mtls</center>', '</body>', '</html>', '',
  ];
  return lines.join('\r\n');
}

export const NO_CERTIFICATE = 'No required SSL certificate was sent';
export const BAD_CERTIFICATE = 'The SSL certificate error';
