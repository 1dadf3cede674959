// The access log of proxy-model/access-log.ts as nginx's log_format. Values are escaped by nginx (escape=json); numbers are made sure of by a map.
import type { ProxyModel } from '../proxy-model/model.ts';
import type { Lines } from './block.ts';

type Fields = Readonly<Record<string, string>>;

const TLS: Fields = {
  tlsVersion: '"$ssl_protocol"', cipher: '"$ssl_cipher"', group: '"$ssl_curve"', verify: '"$ssl_client_verify"', subject: '"$ssl_client_s_dn"', serial: '"$ssl_client_serial"',
};

const HTTP: Fields = {
  time: '"$time_iso8601"', listener: '"$server_name"', client: '"$remote_addr"', method: '"$request_method"', path: '"$request_uri"', protocol: '"$server_protocol"',
  status: '$status_number', sentBytes: '$bytes_sent', receivedBytes: '$request_length', seconds: '$request_time',
  route: '"$route"', upstream: '"$upstream_name"', upstreamAddress: '"$upstream_addr"', ...TLS,
};

const TCP: Fields = {
  time: '"$time_iso8601"', listener: '"$listener"', client: '"$remote_addr"', protocol: '"TCP"',
  status: '$status_number', sentBytes: '$bytes_sent', receivedBytes: '$bytes_received', seconds: '$session_time',
  route: '"$route"', upstream: '"$upstream_name"', upstreamAddress: '"$upstream_addr"', ...TLS,
};

export function renderHttpAccessLog(accessLog: ProxyModel['accessLog']): Lines {
  return render(HTTP, accessLog);
}

export function renderTcpAccessLog(accessLog: ProxyModel['accessLog']): Lines {
  return render(TCP, accessLog);
}

function render(fields: Fields, accessLog: ProxyModel['accessLog']): Lines {
  if (accessLog === 'Off') return ['access_log off;'];
  const entries = Object.entries(fields).map(([name, value]) => `"${name}":${value}`);
  return [
    // nginx prints a status of three digits, such as 009 for HTTP/0.9, which is no number in JSON.
    'map $status $status_number { default 0; "~^[1-9]" $status; }',
    'map $status $is_error { default 1; "~^[123]" 0; }',
    `log_format access escape=json '{${entries.join(',')}}';`,
    `access_log /dev/stdout access${accessLog === 'Errors' ? ' if=$is_error' : ''};`,
  ];
}
