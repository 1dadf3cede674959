// HTTP/1.1 requests, from proper to absurd: each part is mostly as it should be, and sometimes one of the ways in which parsers have disagreed.
import fc from 'fast-check';

/** What is sent on a connection of its own, and after it a proper request that shows where the engine thinks the first one ended. */
export const SENTINEL = 'GET /sentinel HTTP/1.1\r\nHost: end\r\nConnection: close\r\n\r\n';

function mostly<T>(usual: readonly T[], unusual: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...usual) }, { weight: 2, arbitrary: fc.constantFrom(...unusual) });
}

const METHODS = mostly(
  ['GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS'],
  ['TRACE', 'CONNECT', 'PROPFIND', 'PURGE', 'BREW', 'get', 'G\0ET', 'GE T', 'M-SEARCH', 'X_Y', '', 'A'.repeat(40)],
);

const TARGETS = mostly(
  ['/', '/a', '/a/b?c=d', '/a%20b', '/?x=%2e', '/a;b=c'],
  [
    '/..', '/a/../b', '/a/./b', '//a', '/%2e%2e/a', '/%00', '/%', '/%zz', '/a b', '/a\tb', '/\u00e9', '/a\0b', '/a#b', '/a\\b', '/"<>', '*', 'a', '', '/a?b?c', '/a\x01b', '/%0d%0aX-SSL-Client-CN:%20admin',
    'http://other.example/a', 'HTTP://other.example', 'http://other.example:80/a?b', 'https://user@other.example/', 'http:///a', 'http://', 'ftp://other.example/a', 'other.example:443', '/http://other.example/', '/'.repeat(50), `/${'a'.repeat(9000)}`,
  ],
);

const VERSIONS = mostly(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'], ['HTTP/0.9', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/3', 'HTTP/1', 'HTTP/01.1', 'http/1.1', 'HTTPS/1.1', 'HTTP/1.1 ', ' HTTP/1.1', 'HTTP/1.10', 'HTTP/-1', '']);

const HOSTS = mostly(
  [['Host: a'], ['Host: app.example:8443'], ['host: a']],
  [
    [], ['Host: a', 'Host: b'], ['Host: a', 'Host: a'], ['Host:'], ['Host: a b'], ['Host: a/b'], ['Host: a@b'], ['Host: [::1]:80'], ['Host: a,b'], ['Host : a'], ['Host\t: a'], [' Host: a'], ['Host: a', ' b'], ['Host: \u00e9'], ['Host: a\0'],
    ['Ho_st: a', 'Host: b'], ['Host: a:b'], ['Host: ..'], ['Host: a\\b'], ['Host: a"b'], ['Host: a?b'], ['Host: a#b'],
  ],
);

const FIELDS = mostly(
  ['X-A: b', 'Accept: */*', 'Cookie: a=b', 'User-Agent: x', 'X-Forwarded-For: 10.0.0.1', 'Connection: keep-alive', 'X-Empty:'],
  [
    'X-SSL-Client-CN: evil', 'x-ssl-client-cn: evil', 'X_SSL_CLIENT_CN: evil', 'X-SSL-Client-CN : evil', 'X-SSL-Client-CN\t: evil', ' X-SSL-Client-CN: evil', 'X-SSL-Client-CN:evil', 'X-Ssl-Client-Dn: evil', 'X-SSL-Client-Issuer: evil',
    'X-Tls-Client-Cert: evil', 'X-Forwarded-Client-Cert: evil', 'X.SSL.Client.CN: evil', 'X-SSL-Client-CN\0: evil', '\x0bX-SSL-Client-CN: evil', 'X-SSL-Client-CN\u00a0: evil', '"X-SSL-Client-CN": evil', 'X-SSL-Client-Verify: SUCCESS', 'X-SSL-Client-SHA256: evil',
    'X-A: b\rX-SSL-Client-CN: evil', 'X-A: b\nX-SSL-Client-CN: evil', 'X-A: b\r\n X-SSL-Client-CN: evil', 'X-A: b\r\n\tfolded', 'X-A: b\0c', 'X-A: \x01', 'X-A: \x7f', 'X-A: \u00e9', 'X_A: b', 'X A: b', 'X@A: b', ': b', 'no colon', 'X-A', '\u00e9: b', 'X-A: b\r',
    'Connection: close', 'Connection: X-SSL-Client-CN, X-A', 'Connection: close, X-Forwarded-For', 'Connection: Host', 'Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive', 'TE: trailers', 'Trailer: X-SSL-Client-CN', 'Expect: 100-continue', 'Expect: magic',
    'Upgrade: h2c', 'Upgrade: websocket', 'Connection: Upgrade', 'Connection: upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQAAP__', 'X-Forwarded-For: 10.0.0.1, 10.0.0.2', 'X_Forwarded_For: evil', 'Content_Length: 5', 'Transfer_Encoding: chunked',
    'Range: bytes=0-1', 'If-None-Match: x', 'Authorization: Basic eDp5', 'Proxy-Authorization: Basic eDp5', `X-Long: ${'a'.repeat(9000)}`, 'Content-Length: 0', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity',
  ],
);

interface Body {
  readonly headers: readonly string[];
  readonly bytes: string;
}

const BODIES = mostly<Body>(
  [
    { headers: [], bytes: '' }, { headers: [], bytes: '' }, { headers: ['Content-Length: 4'], bytes: 'abcd' }, { headers: ['Content-Length: 0'], bytes: '' },
    { headers: ['Transfer-Encoding: chunked'], bytes: '4\r\nabcd\r\n0\r\n\r\n' },
  ],
  [
    ...['4, 4', '4,5', '+4', '-4', '04', '4 ', '\t4', '4abc', '0x4', '4.0', '4\0', '', '"4"', '99999999999999999999', '4;a=b', '4 4'].map((length) => ({ headers: [`Content-Length: ${length}`], bytes: 'abcd' })),
    { headers: ['Content-Length: 4', 'Content-Length: 4'], bytes: 'abcd' }, { headers: ['Content-Length: 4', 'Content-Length: 0'], bytes: 'abcd' }, { headers: ['Content-Length : 4'], bytes: 'abcd' }, { headers: ['Content-Length: 400'], bytes: 'abcd' },
    { headers: ['Content-Length: 4', 'Transfer-Encoding: chunked'], bytes: '0\r\n\r\n' }, { headers: ['Transfer-Encoding: chunked', 'Content-Length: 4'], bytes: '4\r\nabcd\r\n0\r\n\r\n' },
    ...['Chunked', 'chunked ', '\tchunked', 'xchunked', 'chunked, identity', 'identity', 'gzip, chunked', 'chunked, chunked', 'chunked;a=b', '"chunked"', 'chunked\0', '', ',chunked', 'chunked,', 'gzip', 'chunked\x0b'].map((coding) => ({ headers: [`Transfer-Encoding: ${coding}`], bytes: '4\r\nabcd\r\n0\r\n\r\n' })),
    { headers: ['Transfer-Encoding : chunked'], bytes: '4\r\nabcd\r\n0\r\n\r\n' }, { headers: ['Transfer-Encoding:chunked'], bytes: '4\r\nabcd\r\n0\r\n\r\n' }, { headers: ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], bytes: '4\r\nabcd\r\n0\r\n\r\n' },
    { headers: ['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'], bytes: '4\r\nabcd\r\n0\r\n\r\n' }, { headers: ['Transfer-Encoding:\r\n chunked'], bytes: '4\r\nabcd\r\n0\r\n\r\n' }, { headers: ['Transfer-Encoding: chunked', 'Content_Length: 4'], bytes: '4\r\nabcd\r\n0\r\n\r\n' },
    ...[
      '4;ext=1\r\nabcd\r\n0\r\n\r\n', '4 ;ext\r\nabcd\r\n0\r\n\r\n', '4 \r\nabcd\r\n0\r\n\r\n', ' 4\r\nabcd\r\n0\r\n\r\n', '0x4\r\nabcd\r\n0\r\n\r\n', '+4\r\nabcd\r\n0\r\n\r\n', '04\r\nabcd\r\n00\r\n\r\n', '4\nabcd\n0\n\n', '4\r\nabcd0\r\n\r\n', '4\r\nabcdef\r\n0\r\n\r\n', '4\r\nabc\r\n0\r\n\r\n',
      '4\r\nabcd\r\n0\r\nX-SSL-Client-CN: evil\r\n\r\n', '4\r\nabcd\r\n0\r\nX-Sum: 1\r\n\r\n', '4\r\nabcd\r\n0\r\nbad trailer\r\n\r\n', '4\r\nabcd\r\n0\r\n folded: x\r\n\r\n', '4\rXabcd\r\n0\r\n\r\n', '4\r\nabcd\r\n0\r\n', '4\r\nab', '\r\n', 'g\r\n', '-1\r\n', 'fffffffffffffffff\r\nabcd', '80000000\r\nabcd', '4;a="\r\nabcd\r\n0\r\n\r\n', `4;${'x'.repeat(5000)}\r\nabcd\r\n0\r\n\r\n`,
      '4;\nabcd\r\n0\r\n\r\n', '4\r\nabcd\r\n0\r\nHost: b\r\n\r\n', '4\r\nabcd\r\n0\r\nContent-Length: 9\r\n\r\n', '4\r\nabcd\r\n0\r\nX: \n\r\n\r\n',
    ].map((bytes) => ({ headers: ['Transfer-Encoding: chunked'], bytes })),
  ],
);

const LINE_ENDS = fc.oneof({ weight: 20, arbitrary: fc.constant('\r\n') }, { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\n\r', '\r\r\n') });
const PREFIXES = fc.oneof({ weight: 20, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom('\r\n', '\n', '\r\n\r\n', ' ', '\0', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') });

/** Bytes as latin1. */
export const HOSTILE_REQUEST: fc.Arbitrary<string> = fc
  .record({ prefix: PREFIXES, method: METHODS, target: TARGETS, version: VERSIONS, host: HOSTS, fields: fc.array(FIELDS, { maxLength: 3 }), body: BODIES, lineEnd: LINE_ENDS })
  .map(({ prefix, method, target, version, host, fields, body, lineEnd }) => {
    const line = version === '' ? `${method} ${target}` : `${method} ${target} ${version}`;
    return `${prefix}${[line, ...host, ...fields, ...body.headers, '', ''].join(lineEnd)}${body.bytes}`;
  });

/** One byte more, less or other than in a proper request: what no list has thought of. */
export const MUTATED_REQUEST: fc.Arbitrary<string> = fc
  .record({
    original: fc.constantFrom(
      'GET /a?b=c HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n',
      'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd',
      'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n',
      'GET /a HTTP/1.1\r\nHost: a\r\nX-SSL-Client-CN: evil\r\n\r\n',
    ),
    at: fc.nat(),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...Array.from('\0\t\n\r :,;_-\x7f\u0085\u00a0', (character) => character.charCodeAt(0)))),
    how: fc.constantFrom('insert', 'replace', 'remove'),
  })
  .map(({ original, at, byte, how }) => {
    const index = at % original.length;
    return original.slice(0, index) + (how === 'remove' ? '' : String.fromCharCode(byte)) + original.slice(how === 'insert' ? index : index + 1);
  });
