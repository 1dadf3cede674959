// Whether an IP address lies in one of the networks a Tenant may use.
import { BlockList, isIP } from 'node:net';

const MAPPED = new BlockList();
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');

/**
 * Zones (`fe80::1%eth0`) and IPv4 written as IPv6 (`::ffff:10.0.0.1`) are in no network: the certificate would carry
 * something else than what was compared. Networks that are malformed hold nothing.
 */
export function isInNetworks(address: string, networks: readonly string[]): boolean {
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
  if (isIP(address) === 0 || address.includes('%') || (family === 'ipv6' && MAPPED.check(address, 'ipv6'))) return false;
  return networks.some((network) => holds(network, address, family));
}

function holds(network: string, address: string, family: 'ipv4' | 'ipv6'): boolean {
  const [base = '', prefix = '', ...more] = network.split('/');
  const bits = family === 'ipv4' ? 32 : 128;
  if (more.length > 0 || !/^\d{1,3}$/u.test(prefix) || Number(prefix) > bits || isIP(base) !== (family === 'ipv4' ? 4 : 6)) return false;
  const list = new BlockList();
  list.addSubnet(base, Number(prefix), family);
  return list.check(address, family);
}
