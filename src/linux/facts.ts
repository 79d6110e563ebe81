/** What the host is like, for the configuration to be resolved against: one run of iproute2, some milliseconds. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Findings, HostAddress4, HostFacts } from '../engine/spec.js';
import { parseIpv4, parseIpv6 } from '../wire/address.js';
import { isLinkLocal6 } from '../wire/ipv6.js';
import { IpError, runBatch } from './ip-batch.js';

/**
 * A destination that nothing but the default route serves: the IPv4 dummy address, which is on no
 * link (RFC 7600 section 4.8). Asking for its route costs the same beside a full table of the
 * Internet, and obeys policy rules.
 */
export const NOWHERE = '192.0.0.8';
const QUESTIONS = ['address show', `route get fibmatch ${NOWHERE}`, `route get ${NOWHERE}`] as const;

/** `ip -json address show`. */
interface IpLink {
  readonly ifname: string;
  readonly flags: readonly string[];
  /** `ether`, `loopback`, `none`, … */
  readonly link_type: string;
  /** As its type has it: a MAC address where that is `ether`. */
  readonly address?: string;
  readonly addr_info: readonly IpAddress[];
}

interface IpAddress {
  readonly family: string;
  readonly local?: string;
  readonly prefixlen: number;
  /** Another host has this address. */
  readonly dadfailed?: boolean;
}

/** `ip -json route get`. */
interface IpRoute {
  readonly dst: string;
  readonly prefsrc?: string;
}

/**
 * Reads the facts; `ownDevices` are the node's TUN devices, whose addresses are no facts but our doing.
 * `found` is what the node has found out by asking: handed through. Throws `IpError`.
 */
export function readFacts(ownDevices: ReadonlySet<string>, found: Findings): HostFacts {
  const { output, failures } = runBatch(['-force', '-json'], QUESTIONS);
  for (const failure of failures) if (failure.command === QUESTIONS[0]) throw failure;
  const [links, match, route] = answersIn(output);

  const ipv4: HostAddress4[] = [];
  const ipv6: Uint8Array[] = [];
  const linkLocal = new Map<string, Uint8Array>();
  const mac = new Map<string, Uint8Array>();
  for (const link of links as IpLink[]) {
    if (!link.flags.includes('UP') || ownDevices.has(link.ifname)) continue;
    const octets = link.link_type === 'ether' ? parseMac(link.address ?? '') : null;
    if (octets !== null) mac.set(link.ifname, octets);
    for (const { family, local = '', prefixlen, dadfailed = false } of link.addr_info) {
      const addr4 = family === 'inet' ? parseIpv4(local) : null;
      const addr6 = family === 'inet6' && !dadfailed ? parseIpv6(local) : null;
      if (addr4 !== null) ipv4.push({ addr: addr4, len: prefixlen, interface: link.ifname });
      if (addr6 === null) continue;
      if (!isLinkLocal6(addr6, 0)) ipv6.push(addr6);
      else if (!linkLocal.has(link.ifname)) linkLocal.set(link.ifname, addr6);
    }
  }
  return {
    hostName: hostname(),
    ipv4,
    ipv6,
    defaultSource: defaultSource(match as IpRoute[], route as IpRoute[]),
    linkLocal,
    mac,
    forwards6: forwards6(),
    found,
  };
}

/** `52:54:00:12:34:56` into six octets; null for anything else. */
function parseMac(text: string): Uint8Array | null {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) ? Uint8Array.from(text.split(':'), (octet) => Number.parseInt(octet, 16)) : null;
}

/** One array a line; questions without an answer leave none. */
function answersIn(output: string): unknown[][] {
  try {
    return output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  } catch (cause) {
    throw new IpError(QUESTIONS.join('; '), `answered what is no JSON: ${String(cause)}`);
  }
}

function defaultSource(match: readonly IpRoute[] = [], route: readonly IpRoute[] = []): number | null {
  if (match[0]?.dst !== 'default') return null;
  return parseIpv4(route[0]?.prefsrc ?? '');
}

function forwards6(): boolean {
  return readFileSync('/proc/sys/net/ipv6/conf/all/forwarding', 'utf8').trim() === '1';
}
