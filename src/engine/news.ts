/** What the owner thread of a node has found out: told to whoever resolves the configuration, which then may become another. */
import type { Lease } from '../role/dhcp-client.js';
import type { Learned } from '../role/role.js';

/** One thing that has changed. */
export type News =
  /** The DHCPv4 lease of an interface; null: there is none any more. */
  | { readonly kind: 'lease'; readonly interface: string; readonly lease: Lease | null }
  /** What routers in the tunnel of this name have advertised so far. */
  | { readonly kind: 'learned'; readonly tunnel: string; readonly learned: Learned };
