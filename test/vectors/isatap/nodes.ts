/** The nodes of the ISATAP vectors: configurations, the addresses that belong to them, and what their router says. */
import { ipv4 } from '../compose.js';
import { AUTONOMOUS, mtuOption, ON_LINK, prefixOption, routerAdvertisement } from '../neighbor-discovery.js';

/** Source of the errors of a node that has an identity. */
export const IDENTITY = '3fff:0:b::1';
/** The on-link /64 of the shared vectors. */
export const PREFIX = '2001:db8:0:1::';
/** A server that is in no tunnel. */
export const WEB = '3fff:0:1::80';

/** A node of the site: its addresses, with the u bit clear as belongs to a documentation range, and with it. */
function member(octet: number) {
  const hex = `c000:2${octet.toString(16).padStart(2, '0')}`;
  return {
    v4: `192.0.2.${octet}`,
    local: `fe80::5efe:${hex}`,
    v6: `${PREFIX.slice(0, -1)}0:5efe:${hex}`,
    universal: `${PREFIX.slice(0, -1)}200:5efe:${hex}`,
    universalLocal: `fe80::200:5efe:${hex}`,
    hex,
  } as const;
}

export const ROUTER = member(1);
/** In the potential router list beside it. */
export const SECOND = member(2);
export const HOST = member(5);
export const PEER = member(6);
/** In no list. */
export const STRANGER = member(99);

/** A configuration of one tunnel, with further lines of it. */
export function config(role: 'host' | 'router', local: string, ...lines: string[]): string {
  return [
    '[node]',
    `identity = "${IDENTITY}"`,
    '',
    '[[tunnel]]',
    'type = "isatap"',
    `role = "${role}"`,
    `local = "${local}"`,
    ...lines,
  ].join('\n');
}

/** 192.0.2.5. */
export const host = (...lines: string[]): string =>
  config('host', HOST.v4, `potential-routers = ["${ROUTER.v4}", "${SECOND.v4}"]`, ...lines);
/** 192.0.2.1. */
export const router = (...lines: string[]): string => config('router', ROUTER.v4, `prefix = "${PREFIX}/64"`, ...lines);

/** What a router with the defaults of RFC 4861 section 6.2.1 says of the prefix and of itself. */
export function advertised(to: string, lifetime = 1800, mtu = 1280): Uint8Array {
  const prefix = prefixOption(PREFIX, ON_LINK | AUTONOMOUS, 2_592_000, 604_800);
  return routerAdvertisement({ src: ROUTER.local, dst: to }, { hopLimit: 64, lifetime }, prefix, mtuOption(mtu));
}

/** The host has heard its router: it knows the prefix, and where the rest of the world is. */
export const HEARD = [{ from: 'v4' as const, in: ipv4({ src: ROUTER.v4, dst: HOST.v4 }, advertised(HOST.local)) }];
