/** What all Teredo roles are built with. */
import type { Random } from '../core/random.js';
import type { OwnAddresses } from '../policy/own-addresses.js';
import type { EndpointPolicy } from '../policy/special-addresses.js';
import type { Hmac } from '../wire/teredo.js';
import type { EndpointText } from './role.js';

/** The node, and the tunnel on it. */
export interface TeredoNode {
  /** Addresses of the tunnel's sockets, in the order of its sockets, as `Endpoint.bits`; none while it is down. */
  readonly local: readonly number[];
  /** UDP ports that the sockets are bound to, in the same order. */
  readonly ports: readonly number[];
  /** The first four octets of every Teredo address, as a signed number. */
  readonly prefix: number;
  /** Every IPv4 address of the node. */
  readonly own: OwnAddresses;
  /** Which IPv4 addresses may be endpoints: `refuses` is the global unicast test of RFC 4380 section 5.2.4. */
  readonly endpoints: EndpointPolicy;
  /** Source of ICMPv6 errors and of bubbles of a relay, sixteen octets; null: none is known. */
  readonly identity: Uint8Array | null;
  readonly mtu: number;
  readonly hmac: Hmac;
  readonly random: Random;
}

/** Who may use a Teredo server in secure mode, and how a client shows that it may: RFC 4380 section 5.2.2. */
export interface TeredoKey {
  /** The client identifier, at most 255 octets. */
  readonly identifier: Uint8Array;
  readonly secret: Uint8Array;
}

/** Where a client qualifies: the two IPv4 addresses of a server, unsigned 32-bit numbers. */
export interface TeredoServers {
  readonly primary: number;
  readonly secondary: number;
}

/** What came of asking the gateway to lead a port of its own to that of the service, RFC 6081 section 5.3. */
export interface PortMapping {
  /** Who was asked, unsigned; null: there is no gateway. */
  readonly gateway: number | null;
  /** The end of the service port that it was asked for. */
  readonly local: EndpointText;
  /** How it was asked; null: it has never answered. */
  readonly by: 'pcp' | 'nat-pmp' | 'upnp' | null;
  /** Where it takes packets for that, from anybody; null: nowhere. */
  readonly external: EndpointText | null;
  /** Why nowhere, for people. */
  readonly failure: string | null;
}
