/** From where a NAT can be looked at: a host in its private network, and one on the other side that has two addresses. */
import type { Topology, TopologyNat, TopologyNode } from '../topology/topology.js';

/** A NAT, and who looks at it. */
export interface NatVantage {
  /** Name of the node that has it. */
  readonly node: string;
  readonly nat: TopologyNat;
  /** Node and IPv4 addresses. */
  readonly inside: { readonly node: string; readonly address: string };
  readonly outside: { readonly node: string; readonly addresses: readonly [string, string] };
}

/** For each NAT of a topology the first hosts that will do; none for one that {@link natVantageDefects} names. */
export function natVantages(topology: Topology): NatVantage[] {
  return nats(topology).flatMap(({ node, nat, inside, outside }) =>
    inside === undefined || outside === undefined ? [] : [{ node, nat, inside, outside }],
  );
}

/** The NATs of a topology that cannot be looked at, a sentence each. */
export function natVantageDefects(topology: Topology): string[] {
  return nats(topology).flatMap(({ node, inside, outside }) =>
    inside === undefined || outside === undefined
      ? [`node "${node}": to look at its NAT takes a host inside, and one on the link outside that has two IPv4 addresses`]
      : [],
  );
}

type Nat = Pick<NatVantage, 'node' | 'nat'> & { readonly [Side in 'inside' | 'outside']: NatVantage[Side] | undefined };

function nats({ nodes }: Topology): Nat[] {
  return nodes.flatMap(({ name, nat, interfaces }): Nat[] => {
    if (nat === undefined) return [];
    const neighbours = (on: string): { node: string; addresses: string[] }[] => {
      const link = interfaces.find((each) => each.name === on)?.link;
      const there = nodes.filter(
        (node) => node.name !== name && node.nat === undefined && node.interfaces.some((each) => each.link === link),
      );
      return there.map((node) => ({ node: node.name, addresses: addresses4(node) }));
    };
    const inside = neighbours(nat.inside).flatMap(({ node, addresses: [address] }) => (address === undefined ? [] : [{ node, address }]));
    const outside = neighbours(nat.outside).flatMap(({ node, addresses: [one, other] }) =>
      one === undefined || other === undefined ? [] : [{ node, addresses: [one, other] as const }],
    );
    return [{ node: name, nat, inside: inside[0], outside: outside[0] }];
  });
}

function addresses4({ interfaces }: TopologyNode): string[] {
  const all = interfaces.flatMap(({ addresses = [] }) => addresses).filter((address) => !address.includes(':'));
  return all.map((address) => address.slice(0, address.indexOf('/')));
}
