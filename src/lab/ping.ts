/** Echo requests by the ping of iputils, and what it prints about them. */
import { run } from './command.js';
import { inNamespace } from './network.js';

/** One run of ping. */
export interface Ping {
  readonly sent: number;
  readonly received: number;
  /** Round-trip times of the replies, milliseconds, in order. */
  readonly times: readonly number[];
  /** Addresses of those who answered that the hop limit ended with them. */
  readonly exceededAt: readonly string[];
  /** What else was said instead of a reply, without addresses repeated. */
  readonly complaints: readonly string[];
}

/** How to ping. */
export interface PingOptions {
  readonly count: number;
  /** Octets after the ICMPv6 header; default 56. */
  readonly size?: number;
  /** Default: the kernel's. */
  readonly hopLimit?: number;
  /** Seconds to wait for the last reply; default 2. */
  readonly patience?: number;
}

/** Seconds between requests, and for a reply unless something else is said. */
const INTERVAL = 0.05;
const REPLY_PATIENCE = 2;

/** Pings an IPv6 address from a namespace. */
export async function ping(
  namespace: string,
  address: string,
  { count, size, hopLimit, patience = REPLY_PATIENCE }: PingOptions,
): Promise<Ping> {
  const options = [
    ...['-6', '-n', '-c', String(count), '-i', String(INTERVAL), '-W', String(patience)],
    ...(size === undefined ? [] : ['-s', String(size)]),
    ...(hopLimit === undefined ? [] : ['-t', String(hopLimit)]),
  ];
  const { stdout, stderr } = await run(inNamespace(namespace, ['ping', ...options, address]));
  const result = readPing(stdout);
  return stderr.trim() === '' ? result : { ...result, complaints: [...result.complaints, ...new Set(stderr.trim().split('\n'))] };
}

/** Reads what ping prints. */
export function readPing(text: string): Ping {
  const totals = /^(\d+) packets transmitted, (\d+) received/m.exec(text);
  const errors = [...text.matchAll(/^From (\S+?):? icmp_seq=\d+ (.+)$/gm)].map(([, from, what]) => ({ from, what }));
  const isExceeded = ({ what }: { what: string }): boolean => /^Time exceeded/i.test(what);
  return {
    sent: Number(totals?.[1] ?? 0),
    received: Number(totals?.[2] ?? 0),
    times: [...text.matchAll(/^\d+ bytes from \S+ icmp_seq=\d+ ttl=\d+ time=([\d.]+) ms$/gm)].map(([, time]) => Number(time)),
    exceededAt: errors.filter(isExceeded).map(({ from }) => from),
    complaints: [...new Set(errors.filter((error) => !isExceeded(error)).map(({ from, what }) => `${from}: ${what}`))],
  };
}
