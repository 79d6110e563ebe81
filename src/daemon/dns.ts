/**
 * IPv4 addresses of a name by DNS, asked as `/etc/resolv.conf` says at that moment.
 *
 * c-ares takes the name servers from there, and asks for a name as it is: the search list is ours to
 * read. Nothing waits longer than `PATIENCE`, and an answer that comes later is nobody's.
 */

import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isUnicast4, parseIpv4 } from '../wire/address.js';

/** Milliseconds for a name, all its candidates and servers together. */
export const PATIENCE = 10_000;
/** Addresses of a name, at most: the lowest. */
export const MAX_ADDRESSES = 16;
/** Milliseconds for one server to answer at the first try, and how often it is tried. */
const TRY = { timeout: 2000, tries: 2 } as const;
/** Domains of a search list, at most: what the C library used to take. */
const MAX_DOMAINS = 6;
const RESOLV_CONF = '/etc/resolv.conf';

/** What a name stands for. */
export interface NameAnswer {
  /** Unsigned, sorted, each once, unicast; none: there is no such name, or it has no address. */
  readonly addresses: readonly number[];
  /** Seconds for which that may be believed; 0 when there are no addresses. */
  readonly ttl: number;
}

/** A question that is under way. */
export interface NameQuestion {
  /** Rejects when no server answers in time, or none that knows. */
  readonly answer: Promise<NameAnswer>;
  /** Gives it up: `answer` rejects. */
  cancel(): void;
}

/** Asks for the addresses of `name`. */
export function askAddresses(name: string): NameQuestion {
  const resolver = new Resolver(TRY);
  const timer = setTimeout(() => resolver.cancel(), PATIENCE);
  const answer = firstOf(candidates(name, readResolvConf(), hostname()), resolver).finally(() => clearTimeout(timer));
  return { answer, cancel: () => resolver.cancel() };
}

/**
 * The names to be asked for in turn, as resolv.conf(5) has it: one without a dot is asked for in each
 * domain of the search list, or else in that of the host; one with a dot as it is.
 */
export function candidates(name: string, resolvConf: string, hostName: string): string[] {
  if (name.includes('.')) return [name.replace(/\.$/, '')];
  let domains = hostName.includes('.') ? [hostName.slice(hostName.indexOf('.') + 1)] : [];
  for (const line of resolvConf.split('\n')) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === 'search') domains = words;
    if (keyword === 'domain') domains = words.slice(0, 1);
  }
  const suffixes = domains.slice(0, MAX_DOMAINS).map((domain) => domain.replace(/^\.|\.$/g, ''));
  return suffixes.length === 0 ? [name] : suffixes.map((suffix) => (suffix === '' ? name : `${name}.${suffix}`));
}

async function firstOf(names: readonly string[], resolver: Resolver): Promise<NameAnswer> {
  for (const name of names) {
    try {
      const records = await resolver.resolve4(name, { ttl: true });
      const addresses = new Set(records.map(({ address }) => parseIpv4(address)).filter((addr) => addr !== null && isUnicast4(addr)));
      const sorted = ([...addresses] as number[]).sort((a, b) => a - b).slice(0, MAX_ADDRESSES);
      if (sorted.length > 0) return { addresses: sorted, ttl: Math.min(...records.map(({ ttl }) => ttl)) };
    } catch (thrown) {
      if (!isDenial(thrown)) throw thrown;
    }
  }
  return { addresses: [], ttl: 0 };
}

/** True when a server has said that there is nothing, rather than nothing at all. */
function isDenial(thrown: unknown): boolean {
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  return code === 'ENOTFOUND' || code === 'ENODATA';
}

function readResolvConf(): string {
  try {
    return readFileSync(RESOLV_CONF, 'utf8');
  } catch {
    return ''; // as c-ares has it then: the server of this host, and no list
  }
}
