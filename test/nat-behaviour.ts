/**
 * What a NAT does, found out by datagrams alone: the same questions for the simulated NAT and for the kernel's.
 *
 *   a, b, d  sockets of a host inside, c of another one        A1 A2 B1 B2  two ports of two hosts outside
 */
import type { NatBehaviour } from '../src/core/nat.js';

/** Sockets by name. */
export type SocketName = 'a' | 'b' | 'c' | 'd' | 'A1' | 'A2' | 'B1' | 'B2';

/** Where they are. */
export const INSIDE_HOSTS = { one: '192.168.7.2', other: '192.168.7.3' } as const;
export const INSIDE_ROUTER = '192.168.7.1';
export const OUTSIDE_ROUTER = '203.0.113.1';
export const OUTSIDE_HOSTS = { A: '203.0.113.10', B: '203.0.113.11' } as const;
export const SOCKETS: Readonly<Record<SocketName, Endpoint>> = {
  a: { address: INSIDE_HOSTS.one, port: 40_000 },
  b: { address: INSIDE_HOSTS.one, port: 40_002 },
  c: { address: INSIDE_HOSTS.other, port: 41_000 },
  d: { address: INSIDE_HOSTS.one, port: 40_004 },
  A1: { address: OUTSIDE_HOSTS.A, port: 5001 },
  A2: { address: OUTSIDE_HOSTS.A, port: 5002 },
  B1: { address: OUTSIDE_HOSTS.B, port: 5001 },
  B2: { address: OUTSIDE_HOSTS.B, port: 5002 },
};

/** An address and a port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A datagram that came somewhere. */
export interface Arrival {
  readonly at: SocketName;
  readonly from: Endpoint;
}

/** A network with a NAT between those sockets. */
export interface NatNetwork {
  /** Sends one datagram; where it came out, null when nowhere. */
  send(from: SocketName, to: Endpoint): Promise<Arrival | null>;
}

/** What was seen. Sockets that got an answer, ports by what they have to do with the port inside. */
export interface Seen {
  readonly mapping: NatBehaviour | 'none';
  readonly filtering: NatBehaviour | 'none';
  readonly ports: 'preserved' | 'changed';
  /** Who gets a datagram to an endpoint of another host inside, and that host's answer; and from where it seems to come. */
  readonly hairpin: 'both-ways' | 'none' | 'odd';
  /** True: nobody ever got what was meant for another one, or an address from inside. */
  readonly isClean: boolean;
}

/** Asks a NAT everything. */
export async function observe(network: NatNetwork): Promise<Seen> {
  let isClean = true;
  const send = async (from: SocketName, to: Endpoint, expected: SocketName): Promise<Endpoint | null> => {
    const arrival = await network.send(from, to);
    if (arrival === null) return null;
    isClean &&= arrival.at === expected && !arrival.from.address.startsWith('192.168.');
    return arrival.from;
  };
  const mapped: (Endpoint | null)[] = [];
  for (const to of ['A1', 'A2', 'B1'] as const) mapped.push(await send('a', SOCKETS[to], to));
  const [first, samePlace, otherPlace] = mapped;
  if (first === null) return { mapping: 'none', filtering: 'none', ports: 'changed', hairpin: 'none', isClean };

  const own = await send('b', SOCKETS.A1, 'A1');
  const heard: SocketName[] = [];
  if (own !== null) for (const from of ['A1', 'A2', 'B1'] as const) if ((await send(from, own, 'b')) !== null) heard.push(from);

  const c = await send('c', SOCKETS.A1, 'A1');
  const d = await send('d', SOCKETS.A1, 'A1');
  if (c !== null && d !== null) await send('c', d, 'd'); // opens the filter of c, whether it arrives or not
  const there = c === null ? null : await send('d', c, 'c');
  const back = there === null ? null : await send('c', there, 'd');

  return {
    mapping: same(first, otherPlace) ? 'endpoint-independent' : same(first, samePlace) ? 'address-dependent' : 'address-and-port-dependent',
    filtering: FILTERS[heard.join(' ')] ?? 'none',
    ports: first.port === SOCKETS.a.port ? 'preserved' : 'changed',
    hairpin: there === null ? 'none' : same(there, d) && same(back, c) ? 'both-ways' : 'odd',
    isClean,
  };
}

const FILTERS: Readonly<Record<string, NatBehaviour>> = {
  'A1 A2 B1': 'endpoint-independent',
  'A1 A2': 'address-dependent',
  A1: 'address-and-port-dependent',
};

function same(a: Endpoint | null, b: Endpoint | null): boolean {
  return a !== null && b !== null && a.address === b.address && a.port === b.port;
}

/** One thing said: by a socket, to the endpoint of that number among those that are known by then. */
export interface Utterance {
  readonly from: SocketName;
  readonly to: number;
}

const OUTSIDE: readonly SocketName[] = ['A1', 'A2', 'B1', 'B2'];

/**
 * What becomes of each utterance: where it came out, and the number of the endpoint that it came from. Known are the
 * sockets outside, and then every endpoint of the NAT in the order in which they were seen: so two NATs that choose
 * other ports can be told alike.
 */
export async function converse(network: NatNetwork, utterances: readonly Utterance[]): Promise<string[]> {
  const known = OUTSIDE.map((owner) => ({ owner, endpoint: SOCKETS[owner] }));
  const heard: string[] = [];
  for (const { from, to } of utterances) {
    const { owner, endpoint } = known[to % known.length];
    // What hosts outside say to one another does not meet the NAT; what a socket says to itself is nobody's business.
    if (owner === from || (OUTSIDE.includes(from) && OUTSIDE.includes(owner))) continue;
    const arrival = await network.send(from, endpoint);
    if (arrival !== null && !known.some((each) => same(each.endpoint, arrival.from))) known.push({ owner: from, endpoint: arrival.from });
    const number = known.findIndex((each) => same(each.endpoint, arrival?.from ?? null));
    heard.push(`${from} to ${to % known.length} (${owner}): ${arrival === null ? 'nowhere' : `${arrival.at}, from ${number}`}`);
  }
  return heard;
}
