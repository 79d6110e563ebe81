/**
 * What NATs do, in the words of RFC 4787 section 4 and 5, and the four names of RFC 3489 section 5 for pairs of them.
 *
 * Mapping says to whom else a mapping, once made, is shown; filtering says who may send in by it.
 */

/** By what of a remote endpoint a NAT tells flows apart, from what is least to what is most. */
export const NAT_BEHAVIOURS = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const;
export type NatBehaviour = (typeof NAT_BEHAVIOURS)[number];

/** How a NAT finds the outside port of a new mapping, RFC 4787 section 4.2.1 and RFC 6081 section 2. */
export const PORT_ALLOCATIONS = ['preserving', 'sequential', 'random'] as const;
export type PortAllocation = (typeof PORT_ALLOCATIONS)[number];

/** The names of RFC 3489 section 5. */
export type ConeName = 'full-cone' | 'restricted-cone' | 'port-restricted-cone' | 'symmetric';

/** How a NAT maps and filters. */
export interface NatKind {
  readonly mapping: NatBehaviour;
  readonly filtering: NatBehaviour;
  readonly ports: PortAllocation;
}

/** RFC 3489 section 5 in the words of RFC 4787. Ports are what such NATs mostly do. */
export const NAT_KINDS: Readonly<Record<ConeName, NatKind>> = {
  'full-cone': { mapping: 'endpoint-independent', filtering: 'endpoint-independent', ports: 'preserving' },
  'restricted-cone': { mapping: 'endpoint-independent', filtering: 'address-dependent', ports: 'preserving' },
  'port-restricted-cone': { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent', ports: 'preserving' },
  symmetric: { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent', ports: 'random' },
};

/**
 * The part of a remote endpoint that `behaviour` looks at, as one number: equal for remotes that it treats alike.
 * `addr` is unsigned; the result is below 2^48.
 */
export function remoteKey(behaviour: NatBehaviour, addr: number, port: number): number {
  switch (behaviour) {
    case 'endpoint-independent':
      return 0;
    case 'address-dependent':
      return addr * 0x10000;
    case 'address-and-port-dependent':
      return addr * 0x10000 + port;
  }
}
