/** What the owner thread of a node has found out: told to whoever resolves the configuration, which then may become another. */
import type { Lease } from '../role/dhcp-client.js';
import type { AdvertisedLan, Learned } from '../role/role.js';

/** Something that makes another node of the same configuration. */
export type Discovery =
  /** The DHCPv4 lease of an interface; null: there is none any more. */
  | { readonly kind: 'lease'; readonly interface: string; readonly lease: Lease | null }
  /** What routers in the tunnel of this name have advertised so far. */
  | { readonly kind: 'learned'; readonly tunnel: string; readonly learned: Learned };

/** Anything that the owner thread has to tell. */
export type News =
  | Discovery
  /** What the LANs behind the tunnel of this name have been told, and may believe: to be remembered beyond the life of the process (RFC 9096 section 3.5). */
  | { readonly kind: 'lans'; readonly tunnel: string; readonly lans: readonly AdvertisedLan[] };
