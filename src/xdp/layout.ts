/**
 * What the XDP program and the daemon share: structures, limits, maps and words. `bpf/layout.h` is made from this
 * file by `npx vitest run test/xdp/layout.test.ts -u`; both sides assert that the octets lie where it says.
 *
 * Everything the program knows it finds in maps, which the daemon fills (`tables.ts`):
 *
 *   active    [0]                       which of the two generations of settings and rules holds: one store swaps them
 *   settings  [generation]              own addresses, and tunnels in the order of the node
 *   rules     [generation][policy][first octet]  which IPv4 addresses may be endpoints
 *   ingress   {interface, VLAN}         what a frame that came so came in on
 *   egress    {interface of a route}    by which device, and in which VLAN, it leaves
 *   flows     {slot, address}           where the client of Teredo is that has this address: only who is trusted has one
 *   transmit  {device}                  DEVMAP
 *   counters  [slot * 2 + direction]    what was forwarded, a value a processor
 *   passed    [reason]                  what was passed up, a value a processor
 *   watched   [0]                       who looks, and at what (`live.ts`)
 *   samples                             ring buffer: frames for who looks
 */
import { MAX_TUNNELS as MAX_SLOTS } from '../core/counters.js';
import type { EndpointKind } from '../engine/technology.js';
import { type Definition, Struct } from './struct.js';

/** Name of the program in the object. */
export const PROGRAM = 'tsunagi';

/** Bounds of what the program holds. A node beyond them is not offloaded, or not in full. */
export const LIMITS = {
  /** Tunnels, and other domains of the node. */
  MAX_TUNNELS: 16,
  /** Addresses on which one tunnel decapsulates. */
  MAX_LOCAL: 8,
  /** IPv4 addresses of the node. */
  MAX_OWN: 32,
  /** Rules for addresses with the same first octet. */
  MAX_RULES: 16,
  /** Interfaces, VLANs among them. */
  MAX_INTERFACES: 64,
  /** Places in the counter rows. */
  MAX_SLOTS,
  /** Clients of Teredo that packets go to and fro without a packet thread. */
  MAX_FLOWS: 131_072,
  /** Octets of a frame that who looks at an interface is shown. */
  SAMPLE_OCTETS: 2048,
  /** Settings that hold, and settings that are being written. */
  GENERATIONS: 2,
} as const;

/** How long a client of Teredo may be silent before it is asked again, RFC 4380 section 5.2.4: seconds. */
export const FLOW_SILENCE = 30;

/** Which IPv4 addresses may be endpoints. */
export const POLICIES = ['registry', 'unicast', 'global'] as const satisfies readonly EndpointKind[];

/** Why a frame was passed up, in about the order of the checks. None of it is an error: the stack, or a packet thread, decides. */
export const PASSED = [
  'idle', // no tunnel is offloaded
  'other_protocol', // neither IPv6 nor protocol 41
  'truncated', // shorter than its headers say
  'outer_header', // options, a fragment, a wrong checksum
  'other_addresses', // for no tunnel here
  'other_link', // an interface, VLAN or station address that is not ours
  'inner_header', // a version that is not 6, or a next header that is not TCP, UDP or ICMPv6
  'discovery', // neighbor discovery
  'hop_limit', // used up
  'checksum', // of the upper layer, left to a driver to be completed
  'no_flow', // a client of Teredo that is not trusted, or was not heard for too long
  'not_native', // an end beyond the tunnel that is of some tunnel itself, or special
  'endpoint', // refused, own, or not the one that the inner address carries
  'ecn', // the outer congestion mark cannot be passed on, RFC 6040
  'too_big', // for the tunnel, or the way on
  'route', // the kernel would not send it the way that a tunnel has it go
  'neighbor', // its link-layer address is not known yet
  'device', // it leaves by an interface without this program
  'room', // there is none in front of the frame
] as const;
export type PassedName = (typeof PASSED)[number];

/** An IPv6 address. */
export const ADDRESS = new Struct('address', { word: ['be32', 4] });

/** Where an address carries an IPv4 address: a mapping as data, see `mapping/pattern.ts`. */
export const PATTERN = new Struct('pattern', {
  bits: ['be32', 4],
  mask: ['be32', 4],
  /** The 32 bits from bit `shift` of word `word` on, moved right by `common_len`, beside `common`. */
  word: 'u32',
  shift: 'u32',
  common_len: 'u32',
  common: 'u32',
});

/** A tunnel, or a domain of the node that is to be left alone: without local addresses it is at all of them. */
export const TUNNEL = new Struct('tunnel', {
  pattern: PATTERN,
  /** Place in the counter rows. */
  slot: 'u32',
  /** The TUN device. */
  ifindex: 'u32',
  /** Which of `POLICIES`. */
  policy: 'u32',
  /** Octets of an inner packet. */
  mtu: 'u32',
  ttl: 'u8',
  /** Outer type of service, and which bits of the inner traffic class are copied into it. */
  tos: 'u8',
  tos_mask: 'u8',
  local_count: 'u8',
  /** Flags of the outer header. */
  flags: 'be16',
  /** UDP port of the service; 0: protocol 41 carries it. */
  port: 'be16',
  /** 0: what belongs to it is passed up. */
  offloaded: 'u8',
  reserved: ['u8', 3],
  /** The first is the outer source. */
  local: ['be32', LIMITS.MAX_LOCAL],
});

/** One generation. */
export const SETTINGS = new Struct('settings', {
  own_count: 'u32',
  tunnel_count: 'u32',
  own: ['be32', LIMITS.MAX_OWN],
  tunnel: [TUNNEL, LIMITS.MAX_TUNNELS],
});

/** A rule of a policy: addresses that are `bits` under `mask`. */
export const RULE = new Struct('rule', { bits: 'be32', mask: 'be32', refused: 'u32' });

/** The rules for addresses with one first octet; the first that fits decides, and none accepts. More than `MAX_RULES`: everything is passed up. */
export const RULES = new Struct('rules', { count: 'u32', rule: [RULE, LIMITS.MAX_RULES] });

/** Whose flow: that of the client with this address, in the tunnel at this place of the counter rows. */
export const CLIENT = new Struct('client', { address: ADDRESS, slot: 'u32' });

/**
 * A client of Teredo that is trusted, RFC 4380 section 5.2. Times are nanoseconds of the kernel's monotonic clock. It is
 * good for `FLOW_SILENCE` from when the client was last heard, which the program notes.
 */
export const FLOW = new Struct('flow', { heard: 'u64', sent: 'u64', endpoint: 'be32', port: 'be16', reserved: 'u16' });

/** How a frame came: by the interface that has the program, `vlan` 0 being none. */
export const ARRIVAL = new Struct('arrival', { ifindex: 'u32', vlan: 'u32' });

/** The interface that a frame is for: its station address, and itself or the VLAN interface on top of it. */
export const INGRESS = new Struct('ingress', { ifindex: 'u32', mac: ['u8', 6], reserved: 'u16' });

/** The device under an interface, and the VLAN; 0: none. */
export const EGRESS = new Struct('egress', { ifindex: 'u32', vlan: 'u32' });

/** What was forwarded; octets of inner packets. */
export const COUNTER = new Struct('counter', { packets: 'u64', octets: 'u64' });

/**
 * What somebody looks at: one of every so many frames of an interface, 0 being nobody, until a time, which who looks puts
 * off again and again. How many frames were seen, and how many were to be shown and lost.
 */
export const WATCH = new Struct('watch', { seen: 'u64', lost: 'u64', until: 'u64', ifindex: 'u32', every: 'u32' });

/** What the program has made of a frame, its octets as it left them. Nanoseconds of the kernel's monotonic clock; `len` is on the wire. */
export const SAMPLE = new Struct('sample', { time: 'u64', verdict: 'u32', len: 'u32', frame: ['u8', LIMITS.SAMPLE_OCTETS] });

/** All structures, each after those that it holds. */
export const STRUCTS: readonly Definition[] = [
  ADDRESS,
  PATTERN,
  TUNNEL,
  SETTINGS,
  RULE,
  RULES,
  CLIENT,
  FLOW,
  ARRIVAL,
  INGRESS,
  EGRESS,
  COUNTER,
  WATCH,
  SAMPLE,
];

/** The maps by their names in the object. */
export const MAPS = [
  'active',
  'settings',
  'rules',
  'ingress',
  'egress',
  'flows',
  'transmit',
  'counters',
  'passed',
  'watched',
  'samples',
] as const;
