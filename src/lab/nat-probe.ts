/**
 * Looks whether the NATs of a lab are what they claim to be, by datagrams alone, before anything relies on them:
 * RFC 4787 sections 4 and 5.
 *
 *   a, b  two sockets of a host inside        A1 A2 B1  sockets of a host outside: two ports of one address, one of another
 *
 *   a -> A1, A2, B1                           which endpoint of ours is seen: mapping, ports
 *   b -> A1; then A2, B1, A1 -> b's endpoint  who gets through: filtering
 *   b -> a's endpoint; then a -> b's          whether hosts inside reach one another that way: hairpinning
 *
 * What need not come is sent before something that has to: when that is there, and a moment more, the other one never comes.
 * So a look takes no longer than its packets, and all NATs are looked at side by side.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatBehaviour } from '../core/nat.js';
import { Exit, Failure } from '../daemon/failure.js';
import { inNetworkNamespace } from '../linux/netns.js';
import type { Topology } from '../topology/topology.js';
import { must } from './command.js';
import { EMPTY_BOOK } from './nat.js';
import { type NatVantage, natVantages } from './nat-vantage.js';
import { inNamespace } from './network.js';

/** How a NAT turned out to be. */
interface Seen {
  readonly mapping: NatBehaviour;
  readonly filtering: NatBehaviour | 'odd';
  readonly preserves: boolean;
  readonly hairpin: boolean;
}

/** An address and a port. */
interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Milliseconds in which what is in front of a datagram that has come, on another processor perhaps, comes too. */
const GRACE = 20;
/** Milliseconds after which what has to come is sent again, and until it is given up. A bridge sleeps for up to a second when it is new. */
const AGAIN = 50;
const PATIENCE = 5_000;
/** Octets of a name, which is sent in hex, and how many others a socket hears. */
const NAME_LEN = 8;
const MOST_HEARD = 16;

/** Looks at every NAT of a topology that is built, and has them forget it. A Failure names those that are not what they claim to be, and how they differ. */
export async function verifyNats(topology: Topology, namespaceOf: (node: string) => string): Promise<void> {
  const vantages = natVantages(topology);
  const details = (await Promise.all(vantages.map((vantage) => defectsSeen(vantage, namespaceOf)))).flat();
  if (details.length > 0) throw new Failure(Exit.failed, 'the kernel’s NATs are not what they should be', { details });
  await Promise.all(vantages.map(({ node }) => must(inNamespace(namespaceOf(node), ['nft', '-f', '-']), { input: EMPTY_BOOK })));
}

/** How a NAT differs from what it claims to be, a sentence each; none: it is just that. */
async function defectsSeen(vantage: NatVantage, namespaceOf: (node: string) => string): Promise<string[]> {
  const { node, nat, inside, outside } = vantage;
  const seen = await look(vantage, namespaceOf);
  if (seen === null) return [`node "${node}": nothing passes from ${inside.node} to ${outside.node}`];
  const claims: [what: string, seen: string, claimed: string][] = [
    ['mapping', seen.mapping, nat.mapping],
    ['filtering', seen.filtering, nat.filtering],
    ['preserves ports', String(seen.preserves), String(nat.ports === 'preserving')],
    ['hairpins', String(seen.hairpin), String(nat.hairpin ?? false)],
  ];
  return claims.flatMap(([what, is, claimed]) => (is === claimed ? [] : [`node "${node}": ${what}: ${is}, expected ${claimed}`]));
}

/** null: what has to come does not. */
async function look({ inside, outside }: NatVantage, namespaceOf: (node: string) => string): Promise<Seen | null> {
  const ends: ProbeEnd[] = [];
  const open = async (node: string, address: string): Promise<ProbeEnd> => {
    const end = await ProbeEnd.open(namespaceOf(node), address);
    ends.push(end);
    return end;
  };
  try {
    const [a, b] = [await open(inside.node, inside.address), await open(inside.node, inside.address)];
    const [one, other] = outside.addresses;
    const [A1, A2, B1] = [await open(outside.node, one), await open(outside.node, one), await open(outside.node, other)];
    const [first, samePlace, otherPlace] = await Promise.all([A1, A2, B1].map((end) => a.reach(end, end.endpoint)));
    if (first === null || samePlace === null || otherPlace === null) return null;
    const own = await b.reach(A1, A1.endpoint);
    if (own === null) return null;
    b.send(first);
    for (const end of [A2, B1, a]) end.send(own);
    if ((await A1.reach(b, own)) === null) return null;
    await sleep(GRACE);
    return {
      mapping: mappingOf(first, samePlace, otherPlace),
      filtering: FILTERING[Number(b.hasHeard(A2)) + 2 * Number(b.hasHeard(B1))],
      preserves: first.port === a.endpoint.port && own.port === b.endpoint.port,
      hairpin: b.hasHeard(a),
    };
  } finally {
    for (const end of ends) end.close();
  }
}

/** Who gets through beside who was sent to: nobody, another port of theirs, another address alone, both. */
const FILTERING = ['address-and-port-dependent', 'address-dependent', 'odd', 'endpoint-independent'] as const;

/** By how one socket is seen: from a port, another port of the same address, and another address. */
function mappingOf(first: Endpoint, samePlace: Endpoint, otherPlace: Endpoint): NatBehaviour {
  if (!equals(first, samePlace)) return 'address-and-port-dependent';
  return equals(first, otherPlace) ? 'endpoint-independent' : 'address-dependent';
}

function equals(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}

/** A socket in a namespace. What it sends is known by its name, which nobody guesses. */
class ProbeEnd {
  readonly endpoint: Endpoint;
  readonly #name = randomBytes(NAME_LEN).toString('hex');
  readonly #socket: Socket;
  /** By whom it was reached, and from where that seemed to come. */
  readonly #heard = new Map<string, Endpoint>();
  #wake: () => void = () => {};

  /** Opens one on a port that the kernel chooses. */
  static async open(namespace: string, address: string): Promise<ProbeEnd> {
    // Nothing may be left to another thread, which is at home: neither may the address be looked up like a name.
    const socket = createSocket({ type: 'udp4', lookup: (given, _options, found) => found(null, given, 4) });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('listening', resolve);
      inNetworkNamespace(namespace, () => socket.bind({ address, exclusive: true }));
    });
    return new ProbeEnd(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.endpoint = { address: socket.address().address, port: socket.address().port };
    socket.on('error', () => {}); // what cannot be sent does not come
    socket.on('message', (octets, { address, port }) => {
      if (octets.length !== 2 * NAME_LEN || this.#heard.size === MOST_HEARD) return;
      this.#heard.set(octets.toString('latin1'), { address, port });
      this.#wake();
    });
  }

  send({ address, port }: Endpoint): void {
    this.#socket.send(this.#name, port, address, () => {});
  }

  hasHeard(end: ProbeEnd): boolean {
    return this.#heard.has(end.#name);
  }

  /** Sends to an endpoint until `end` has heard it; answers with the endpoint that it seemed to come from, null when it never came. */
  async reach(end: ProbeEnd, to: Endpoint): Promise<Endpoint | null> {
    const deadline = performance.now() + PATIENCE;
    while (!end.hasHeard(this) && performance.now() < deadline) {
      this.send(to);
      await end.#isWoken();
    }
    return end.#heard.get(this.#name) ?? null;
  }

  close(): void {
    this.#socket.close();
  }

  /** Resolves when something has come, or it is time to send again. */
  #isWoken(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, AGAIN);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
