/** What a DHCPv4 message says of an address and of 6rd, RFC 2131 and 5969: for `decode`. */
import { formatIpv4, formatPrefix6 } from '../wire/address.js';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, DhcpOption, DhcpType, option32, readDhcp4 } from '../wire/dhcp4.js';
import { OPTION_6RD, readOption212 } from '../wire/option-212.js';
import { isUdp4, UDP_LEN, udpDestination, udpLen, udpOffset4, udpSource } from '../wire/udp.js';

/** Keys stay as they are, they are read by programs. */
export interface DhcpFields {
  /** DISCOVER, OFFER and so on. */
  readonly name?: string;
  /** What the client has, or is given. */
  readonly address?: string;
  readonly server?: string;
  /** Seconds. */
  readonly leaseTime?: number;
  readonly sixRd?: { readonly prefix: string; readonly ipv4MaskLength: number; readonly borderRelays: readonly string[] };
  /** Why the 6rd option is ignored. */
  readonly sixRdFault?: string;
}

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(DhcpType).map(([name, type]) => [type, name.toUpperCase()]));

/** The message in the UDP datagram of the IPv4 packet at `b[ip..end)`; null when the packet is not between a DHCP client and a server. */
export function dhcpLayer(
  b: Uint8Array,
  ip: number,
  end: number,
): ({ readonly protocol: 'dhcp'; readonly malformed?: true } & DhcpFields) | null {
  if (!isUdp4(b, ip, end)) return null;
  const udp = udpOffset4(b, ip);
  const ports = [udpSource(b, udp), udpDestination(b, udp)];
  if (!ports.includes(DHCP_SERVER_PORT) || ports.some((port) => port !== DHCP_SERVER_PORT && port !== DHCP_CLIENT_PORT)) return null;
  const message = readDhcp4(b, udp + UDP_LEN, udp + udpLen(b, udp));
  if (message === null) return { protocol: 'dhcp', malformed: true };
  const address = message.yiaddr !== 0 ? message.yiaddr : message.ciaddr;
  const server = option32(message, DhcpOption.server);
  const leaseTime = option32(message, DhcpOption.leaseTime);
  const option212 = message.options.get(OPTION_6RD);
  return {
    protocol: 'dhcp',
    name: NAMES.get(message.type) ?? String(message.type),
    ...(address !== 0 && { address: formatIpv4(address) }),
    ...(server !== null && { server: formatIpv4(server) }),
    ...(leaseTime !== null && { leaseTime }),
    ...(option212 !== undefined && sixRdFields(option212)),
  };
}

/** The same for people, as words of one line. */
export function dhcpWords({ address, server, leaseTime, sixRd, sixRdFault }: DhcpFields): string[] {
  return [
    ...(address === undefined ? [] : [address]),
    ...(server === undefined ? [] : [`by ${server}`]),
    ...(leaseTime === undefined ? [] : [`for ${leaseTime} s`]),
    ...(sixRd === undefined ? [] : [`6rd ${sixRd.prefix} mask ${sixRd.ipv4MaskLength} via ${sixRd.borderRelays.join(' ')}`]),
    ...(sixRdFault === undefined ? [] : [`6rd option ignored: ${sixRdFault}`]),
  ];
}

function sixRdFields(payload: Uint8Array): DhcpFields {
  const option = readOption212(payload);
  if ('fault' in option) return { sixRdFault: option.fault };
  const { prefix, ipv4MaskLen, borderRelays } = option;
  return { sixRd: { prefix: formatPrefix6(prefix), ipv4MaskLength: ipv4MaskLen, borderRelays: borderRelays.map(formatIpv4) } };
}
