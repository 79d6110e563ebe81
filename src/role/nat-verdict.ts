/**
 * What tests of a NAT say, in the words of RFC 4787 and of RFC 3489 section 10.1, and what Teredo can do through it.
 * Pure. None of it holds for good: a NAT may do otherwise under load, or after a restart (RFC 5780 section 4.5).
 */
import type { ConeName, NatBehaviour, PortAllocation } from '../core/nat.js';
import type { StunEndpoint } from '../wire/stun.js';
import type { NatLifetime } from './nat-lifetime.js';
import type { TeredoNat } from './role.js';

/** The answers of RFC 3489 section 10.1. */
export type Rfc3489Name = ConeName | 'open-internet' | 'symmetric-udp-firewall' | 'udp-blocked';

/** What is in front of this host. null: the tests do not tell. */
export interface NatVerdict {
  /** `blocked`: nobody has answered; `firewall`: addresses stay what they are, and not everybody may send in. */
  readonly nat: 'none' | 'firewall' | 'nat' | 'blocked';
  /** The server by whose answers it was told; null: none has answered. */
  readonly server: StunEndpoint | null;
  readonly local: StunEndpoint;
  /** Our endpoint as the server saw it. */
  readonly mapped: StunEndpoint | null;
  readonly mapping: NatBehaviour | null;
  readonly filtering: NatBehaviour | null;
  readonly ports: PortAllocation | null;
  /** Whether hosts behind it reach one another by their endpoints outside. */
  readonly hairpin: boolean | null;
  /** Why something is not known, or not certain; a sentence each. */
  readonly notes: readonly string[];
}

/**
 * RFC 3489 section 10.1 with the answers to the tests of RFC 5780, which are the same: test II is the second test of
 * filtering, test I' the third of mapping, test III the third of filtering. It calls every NAT that filters nobody
 * "full cone", whatever its mapping is.
 */
export function rfc3489Name({ nat, mapping, filtering }: Pick<NatVerdict, 'nat' | 'mapping' | 'filtering'>): Rfc3489Name | null {
  if (nat === 'blocked') return 'udp-blocked';
  if (filtering === null) return null;
  if (nat !== 'nat') return filtering === 'endpoint-independent' ? 'open-internet' : 'symmetric-udp-firewall';
  if (filtering === 'endpoint-independent') return 'full-cone';
  if (mapping === null) return null;
  if (mapping !== 'endpoint-independent') return 'symmetric';
  return filtering === 'address-dependent' ? 'restricted-cone' : 'port-restricted-cone';
}

/** What a Teredo client would make of it, RFC 4380 section 5.2.1: how it maps is all that a client asks since RFC 5991 section 3.2. */
export function teredoNat({ nat, mapping }: Pick<NatVerdict, 'nat' | 'mapping'>): TeredoNat | null {
  if (nat === 'blocked' || mapping === null) return null;
  if (nat !== 'nat') return 'none';
  return mapping === 'endpoint-independent' ? 'cone or restricted' : 'symmetric';
}

/** How a NAT with endpoint independent mapping fares, by its filtering: RFC 6081 figure 1. */
const WITH_CONE: Readonly<Record<NatBehaviour, string>> = {
  'endpoint-independent': 'Teredo reaches native hosts and every other client; with those behind a symmetric NAT both need RFC 6081.',
  'address-dependent':
    'Teredo reaches native hosts and other clients, with RFC 6081 those behind a symmetric NAT too, unless its mapping is address dependent.',
  'address-and-port-dependent':
    'Teredo reaches native hosts and clients behind cone and restricted NATs; behind a symmetric one only with RFC 6081, where it preserves ports or counts them up.',
};

/** How one with address and port dependent mapping fares, by its ports. */
const WITH_SYMMETRIC: Readonly<Record<PortAllocation, string>> = {
  preserving:
    'With RFC 6081 Teredo reaches native hosts, clients behind cone and restricted NATs, and, as ports are preserved here, those behind a port restricted one, or a symmetric one that preserves ports or counts them up.',
  sequential:
    'With RFC 6081 Teredo reaches native hosts, clients behind cone and restricted NATs, and, as ports are counted up here, those behind a port restricted one.',
  random: 'With RFC 6081 Teredo reaches native hosts and clients behind full cone and restricted cone NATs, and no others.',
};

/** What Teredo can do through it, in one sentence. */
export function teredoThrough({ nat, mapping, filtering, ports }: NatVerdict): string {
  if (nat === 'blocked') return 'Teredo cannot work here: no answer to UDP comes back.';
  if (nat === 'none') return 'Nothing is in the way: Teredo reaches native hosts and every other client.';
  if (mapping === null) return 'What Teredo can do here is not known: the tests do not tell how the NAT maps.';
  // Who may send in is not known: at worst only those who were sent to.
  if (mapping === 'endpoint-independent') return WITH_CONE[filtering ?? 'address-and-port-dependent'];
  if (mapping === 'address-dependent')
    return 'With RFC 6081 Teredo reaches native hosts and clients behind a full cone NAT, and no others.';
  return WITH_SYMMETRIC[ports ?? 'random'];
}

/** A client's refresh interval unless it is configured, and the shortest that it takes, seconds: RFC 4380 section 5.2. */
const REFRESH = 30;
const LEAST_REFRESH = 5;

/** How Teredo keeps a mapping of which that was found out, in one sentence. */
export function refreshThrough({ atLeast, below }: Pick<NatLifetime, 'atLeast' | 'below'>): string {
  if (atLeast === null) return `What refresh interval Teredo needs here is not known; ${REFRESH} s, the default, does for most NATs.`;
  const seconds = Math.floor(atLeast / 1000);
  if (seconds >= REFRESH) return `Teredo keeps its mapping with the default refresh interval of ${REFRESH} s; up to ${seconds} s would do.`;
  if (below === null || below > REFRESH * 1000)
    return `Teredo keeps its mapping with a refresh-interval of ${seconds} s; the default of ${REFRESH} s is longer than what was seen to live.`;
  if (seconds < LEAST_REFRESH) return `Teredo loses its mapping: the shortest refresh interval is ${LEAST_REFRESH} s.`;
  return `Teredo loses its mapping with the default refresh interval of ${REFRESH} s: set refresh-interval to ${seconds} s or less.`;
}

/** How outside ports follow from inside ones, and from one another in the order in which they were made; null: too few to tell. */
export function portAllocation(inside: readonly number[], first: readonly number[], made: readonly number[]): PortAllocation | null {
  if (first.length === 0) return null;
  if (first.every((port, i) => port === inside[i])) return 'preserving';
  const ports = made.filter((port, i) => made.indexOf(port) === i);
  if (ports.length < 2) return null;
  const steps = ports.slice(1).map((port, i) => port - ports[i]);
  return [1, 2].includes(steps[0]) && steps.every((step) => step === steps[0]) ? 'sequential' : 'random';
}
