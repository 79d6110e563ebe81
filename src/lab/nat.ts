/**
 * NATs of labs: the kernel's own, taught by nftables to map and filter as RFC 4787 has it.
 *
 * The kernel tells connections apart by both endpoints, so what it does by itself is address and port dependent
 * filtering. For the rest it keeps book of what leaves, behind its source NAT: which outside port belongs to whom
 * (`mapped`), and whom it was used to send to (`contacted`, as much of it as the filtering behaviour looks at). A
 * datagram from outside that belongs to no connection is led inside by that book, or else dropped.
 *
 * Mapping follows from ports: the kernel keeps a port that is free, whatever the destination, which is endpoint
 * independent mapping; or takes a random one for each connection, which is address and port dependent mapping. No two
 * hosts inside may use one port: the kernel would give both the same one outside.
 */
import type { NatBehaviour } from '../core/nat.js';
import type { TopologyNat, TopologyNode } from '../topology/topology.js';

/** Seconds, RFC 4787 REQ-5. */
export const DEFAULT_TIMEOUT = 300;
/** Entries of a book. */
const MOST_ENTRIES = 65_536;

/** What nftables looks at of a remote endpoint, by the direction in which a packet goes. */
const REMOTE: Readonly<
  Record<NatBehaviour, { readonly type: string; readonly out: string; readonly in: string; readonly hairpin: string }>
> = {
  'endpoint-independent': { type: '', out: '', in: '', hairpin: '' },
  'address-dependent': { type: ' . ipv4_addr', out: ' . ip daddr', in: ' . ip saddr', hairpin: ' . ip daddr' },
  'address-and-port-dependent': {
    type: ' . ipv4_addr . inet_service',
    out: ' . ip daddr . udp dport',
    in: ' . ip saddr . udp sport',
    hairpin: ' . ip daddr . udp sport',
  },
};

/** Makes the book of {@link natRuleset} empty, for `nft -f -`: connections that there are stay. */
export const EMPTY_BOOK = 'flush map ip nat mapped\nflush set ip nat contacted\n';

/** What of a NAT the kernel cannot do, a sentence each; none: it can all of it. */
export function kernelNatDefects({ mapping, ports, hairpin = false }: TopologyNat): string[] {
  const possible =
    (mapping === 'endpoint-independent' && ports === 'preserving') || (mapping === 'address-and-port-dependent' && ports === 'random');
  return [
    ...(possible ? [] : [`the kernel has no NAT with ${mapping} mapping and ${ports} ports`]),
    ...(hairpin && mapping !== 'endpoint-independent' ? [`the kernel's NAT does not hairpin with ${mapping} mapping`] : []),
  ];
}

/** The ruleset of the NAT on `node`, for `nft -f -`; empty when it has none. */
export function natRuleset(node: TopologyNode): string {
  if (node.nat === undefined) return '';
  const { inside, outside, filtering, ports, hairpin = false, timeout = DEFAULT_TIMEOUT } = node.nat;
  const own = node.interfaces.find(({ name }) => name === outside)?.addresses?.find((address) => !address.includes(':')) ?? '';
  const addr = own.slice(0, own.indexOf('/'));
  const remote = REMOTE[filtering];
  const book = `size ${MOST_ENTRIES}; flags dynamic,timeout; timeout ${timeout}s;`;
  const led = 'dnat ip to udp dport map @mapped';
  const random = ports === 'random' ? ' fully-random' : '';
  return [
    'table ip nat {',
    `  map mapped { type inet_service : ipv4_addr . inet_service; ${book} }`,
    `  set contacted { type inet_service${remote.type}; ${book} }`,
    '  chain inbound {',
    '    type nat hook prerouting priority dstnat; policy accept;',
    `    iifname ${outside} ip daddr ${addr} udp dport${remote.in} @contacted ${led}`,
    ...(hairpin ? [`    iifname ${inside} ip daddr ${addr} udp dport${remote.hairpin} @contacted ${led}`] : []),
    '  }',
    '  chain outbound {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    `    oifname ${outside} snat to ${addr}${random}`,
    ...(hairpin ? [`    iifname ${inside} oifname ${inside} snat to ${addr}`] : []),
    '  }',
    // Behind the source NAT: ports are those outside. Which host has one stands in the connection, at the end that is inside.
    '  chain learn {',
    '    type filter hook postrouting priority srcnat + 10; policy accept;',
    `    oifname ${outside} ct direction original update @mapped { udp sport : ct original ip saddr . ct original proto-src }`,
    `    oifname ${outside} ct direction reply update @mapped { udp sport : ct reply ip saddr . ct reply proto-src }`,
    `    oifname ${outside} update @contacted { udp sport${remote.out} }`,
    '  }',
    // Who sends to another one inside may be heard by it from then on, even if this packet is not let in. The port is preserved.
    ...(hairpin
      ? [
          '  chain learn_hairpin {',
          '    type filter hook prerouting priority mangle; policy accept;',
          `    iifname ${inside} ip daddr ${addr} update @mapped { udp sport : ip saddr . udp sport }`,
          `    iifname ${inside} ip daddr ${addr} update @contacted { udp sport${remote.out} }`,
          '  }',
        ]
      : []),
    // Without an answer, and before there is a connection: it would take the port away from the host that it is for.
    '  chain refuse_local {',
    '    type filter hook input priority filter; policy accept;',
    `    ip daddr ${addr} meta l4proto udp ct state new drop`,
    '  }',
    '  chain refuse {',
    '    type filter hook forward priority filter; policy accept;',
    '    meta l4proto 41 drop',
    `    iifname ${outside} ct state new ct status dnat accept`,
    `    iifname ${outside} ct state new drop`,
    '  }',
    '}',
    '',
  ].join('\n');
}
