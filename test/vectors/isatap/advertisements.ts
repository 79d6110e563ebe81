/** RFC 5214 section 8.3.3, RFC 4861 section 6.3.4 and RFC 4191: which routers a host believes, and what it learns from them. */
import { echoRequest, ipv4 } from '../compose.js';
import {
  AUTONOMOUS,
  type DiscoveryHeader,
  linkLayerOption,
  malformations,
  mtuOption,
  ON_LINK,
  prefixOption,
  redirect,
  routeOption,
  routerAdvertisement,
} from '../neighbor-discovery.js';
import type { VectorCase } from '../vector.js';
import { HEARD, HOST, host, PEER, PREFIX, ROUTER, SECOND, STRANGER, WEB } from './nodes.js';

const ALL_NODES = 'ff02::1';
const toRouter = { src: HOST.v4, dst: ROUTER.v4 };
const toHost = { src: ROUTER.v4, dst: HOST.v4 };

const plain = (header: Partial<DiscoveryHeader> = {}, ...options: readonly Uint8Array[]) =>
  routerAdvertisement(
    { src: ROUTER.local, dst: HOST.local, ...header },
    { hopLimit: 64 },
    prefixOption(PREFIX, ON_LINK | AUTONOMOUS, 86_400, 14_400),
    ...options,
  );

const malformedAdvertisements: readonly VectorCase[] = [
  ...malformations(16),
  ['a-source-that-is-no-link-local-address', { src: ROUTER.v6 }, []] as const,
].map(([name, header, options]) => ({
  name: `isatap-host-receives-an-advertisement-with-${name}`,
  rfc: 'RFC 4861 6.1.2',
  rows: ['ISAH-10', ...(name.includes('hop-limit') || name.includes('checksum') ? ['ISA-15'] : [])],
  config: host(),
  from: 'v4',
  in: ipv4(toHost, plain(header, ...options)),
  drop: 'malformed_nd',
}));

const fromWhom: readonly VectorCase[] = (
  [
    ['from-its-router', ROUTER.v4, ROUTER.local, HOST.local, null, 'ISAH-09'],
    ['from-its-second-router', SECOND.v4, SECOND.local, HOST.local, null, 'ISAH-09'],
    ['from-its-router-with-the-u-bit', ROUTER.v4, ROUTER.universalLocal, HOST.local, null, 'ISA-03'],
    ['from-its-router-to-all-nodes', ROUTER.v4, ROUTER.local, ALL_NODES, null, 'ISAH-09'],
    ['from-somebody-in-no-list', STRANGER.v4, STRANGER.local, HOST.local, 'not_potential_router', 'ISAH-09'],
    ['from-somebody-in-the-name-of-its-router', STRANGER.v4, ROUTER.local, HOST.local, 'source_mismatch', 'ISAH-09'],
    ['from-its-router-in-the-name-of-the-second', ROUTER.v4, SECOND.local, HOST.local, 'source_mismatch', 'ISAH-09'],
    ['from-its-router-for-another-host', ROUTER.v4, ROUTER.local, PEER.local, 'destination_mismatch', 'ISAH-09'],
  ] as const
).map(([name, outer, src, dst, drop, row]) => ({
  name: `isatap-host-receives-an-advertisement-${name}`,
  rfc: 'RFC 5214 8.3.3',
  rows: [row],
  config: host(),
  from: 'v4',
  in: ipv4({ src: outer, dst: HOST.v4 }, plain({ src, dst })),
  ...(drop === null ? { consumed: true as const } : { drop }),
}));

/** What a host has learned shows in what it does with the next packet. */
const learned = (options: readonly Uint8Array[], lifetime = 1800) => [
  {
    from: 'v4' as const,
    in: ipv4(toHost, routerAdvertisement({ src: ROUTER.local, dst: HOST.local }, { hopLimit: 64, lifetime }, ...options)),
  },
];
const onLink = (len: number, flags = ON_LINK | AUTONOMOUS) => prefixOption(PREFIX, flags, 86_400, 14_400, len);
const toWeb = echoRequest({ src: HOST.v6, dst: WEB });
const routed = ipv4(toRouter, toWeb);
const learning: readonly VectorCase[] = (
  [
    ['f42', [prefixOption(PREFIX, AUTONOMOUS, 0xffffffff, 0xffffffff), mtuOption(1280)], 1800, true, ['ISAH-11', 'ISAH-12']],
    ['a-prefix-that-is-no-64', [onLink(63)], 1800, false, ['ISAH-11']],
    ['a-prefix-that-is-not-autonomous', [onLink(64, ON_LINK)], 1800, false, ['ISAH-11']],
    ['no-default-router', [onLink(64)], 0, false, ['ISAH-12']],
    ['a-route-that-leads-there', [onLink(64), routeOption('3fff::', 20, 1800)], 0, true, ['ISAH-12']],
    ['a-route-that-leads-elsewhere', [onLink(64), routeOption('3fff:8000::', 20, 1800)], 0, false, ['ISAH-12']],
    ['an-option-that-it-does-not-know', [onLink(64), Uint8Array.of(14, 1, 0, 0, 0, 0, 0, 0)], 1800, true, ['ISAH-10']],
    ['a-link-layer-address', [onLink(64), linkLayerOption(1)], 1800, true, ['ENC-50']],
  ] as const
).map(([name, options, lifetime, passes, rows]) => ({
  name: `isatap-host-that-has-learned-${name}-sends-to-the-web`,
  rfc: name.includes('route-') ? 'RFC 4191 3.1' : name.includes('prefix') ? 'RFC 4862 5.5.3' : 'RFC 4861 6.3.4',
  rows,
  config: host(),
  state: learned(options, lifetime),
  from: 'v6',
  in: toWeb,
  ...(passes ? { out: routed } : { drop: name.includes('prefix') ? ('source_mismatch' as const) : ('no_endpoint' as const) }),
}));

const expiring: readonly VectorCase[] = (
  [
    ['until-its-lifetime-is-over', 29_999, true],
    ['no-longer-than-its-lifetime', 30_000, false],
  ] as const
).map(([name, now, passes]) => ({
  name: `isatap-host-uses-a-router-${name}`,
  rfc: 'RFC 4861 6.3.5',
  rows: ['ISAH-12'],
  config: host(),
  state: learned([onLink(64)], 30),
  now,
  from: 'v6',
  in: toWeb,
  ...(passes ? { out: routed } : { drop: 'no_endpoint' as const }),
}));

const redirects: readonly VectorCase[] = [
  {
    name: 'isatap-host-learns-nothing-from-a-redirect',
    rfc: 'RFC 4861 8.3',
    rows: ['ISAH-13'],
    config: host(),
    state: [...HEARD, { from: 'v4', in: ipv4(toHost, redirect({ src: ROUTER.local, dst: HOST.v6 }, PEER.local, WEB)) }],
    from: 'v6',
    in: toWeb,
    out: routed,
  },
];

/** All of them. */
export const advertisements: readonly VectorCase[] = [...malformedAdvertisements, ...fromWhom, ...learning, ...expiring, ...redirects];
