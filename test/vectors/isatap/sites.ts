/** RFC 5214 section 7.1: who sends what to whom; frames 43 to 45 of the shared capture, and the neighbours that confirm. */
import { packet } from '../../wire/vectors.js';
import { echoRequest, innerOf, ipv4, unreachable6 } from '../compose.js';
import {
  AUTONOMOUS,
  neighborAdvertisement,
  neighborSolicitation,
  prefixOption,
  routerAdvertisement,
  SOLICITED,
} from '../neighbor-discovery.js';
import type { VectorCase } from '../vector.js';
import { advertised, config, HEARD, HOST, host, IDENTITY, PEER, PREFIX, ROUTER, router, WEB } from './nodes.js';

const toRouter = { src: HOST.v4, dst: ROUTER.v4 };
const toHost = { src: ROUTER.v4, dst: HOST.v4 };
const toPeer = { src: HOST.v4, dst: PEER.v4 };
const fromPeer = { src: PEER.v4, dst: HOST.v4 };
const toWeb = echoRequest({ src: HOST.v6, dst: WEB });

/** The host asks whether `target` is there, RFC 4861 section 7.3.3: nothing is resolved, so its link-local address will do. */
const asks = (target: string) => ({
  to: 'v4' as const,
  octets: ipv4(toPeer, neighborSolicitation({ src: HOST.local, dst: target }, target)),
});
/** The answer to that. */
const confirms = (target: string) => ipv4(fromPeer, neighborAdvertisement({ src: target, dst: HOST.local }, target, SOLICITED));
const f43 = { from: 'v6' as const, in: innerOf('isatap_host_to_host') };
/** Half a second after it has heard its router. */
const later = { ...f43, now: 500 };

const frames: readonly VectorCase[] = [
  {
    name: 'f43-waits-until-the-neighbour-is-known-to-be-there',
    rfc: 'RFC 5214 8.4',
    rows: ['ISAH-14', 'SEC-08'],
    config: host(),
    state: HEARD,
    ...f43,
    held: true,
    answers: [asks(PEER.v6)],
  },
  {
    name: 'f43-leaves-when-the-neighbour-answers',
    rfc: 'RFC 5214 8.4',
    rows: ['ISAH-14', 'SEC-08'],
    config: host(),
    state: [...HEARD, later],
    now: 500,
    from: 'v4',
    in: confirms(PEER.v6),
    consumed: true,
    answers: [{ to: 'v4', octets: packet('isatap_host_to_host') }],
  },
  {
    name: 'f43-leaves-at-once-when-the-neighbour-has-answered',
    rfc: 'RFC 5214 7.1',
    rows: ['ISA-07', 'ISAH-13', 'ISA-01', 'ISA-04'],
    config: host(),
    state: [...HEARD, later, { now: 500, from: 'v4', in: confirms(PEER.v6) }],
    now: 500,
    ...f43,
    out: packet('isatap_host_to_host'),
  },
  {
    name: 'f43-arrives',
    rfc: 'RFC 5214 7.3',
    rows: ['ISA-10'],
    config: host().replace(HOST.v4, PEER.v4),
    state: [{ from: 'v4', in: ipv4({ src: ROUTER.v4, dst: PEER.v4 }, advertised(PEER.local)) }],
    from: 'v4',
    in: packet('isatap_host_to_host'),
    out: innerOf('isatap_host_to_host'),
  },
  {
    name: 'f44-leaves-for-the-router',
    rfc: 'RFC 5214 7.1',
    rows: ['ISAH-12', 'ISA-07'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: innerOf('isatap_host_to_router'),
    out: packet('isatap_host_to_router'),
  },
  {
    name: 'f44-arrives-at-the-router',
    rfc: 'RFC 5214 7.3',
    rows: ['ISA-10'],
    config: router(),
    from: 'v4',
    in: packet('isatap_host_to_router'),
    out: innerOf('isatap_host_to_router'),
  },
  {
    name: 'f45-a-destination-that-embeds-the-router-does-not-become-a-second-turn',
    rfc: 'RFC 6324 3.3',
    rows: ['SEC-05', 'SEC-12', 'ISAR-08'],
    config: config('router', '198.51.100.1', 'prefix = "2001:db8:15:1::/64"'),
    from: 'v4',
    in: packet('loop_packet1'),
    drop: 'loop',
  },
];

/** A packet to a neighbour that nobody has heard of yet. */
const first = (dst: string, src: string = HOST.v6) => echoRequest({ src, dst });
const neighbours: readonly VectorCase[] = [
  {
    name: 'isatap-host-asks-for-a-link-local-neighbour-before-it-has-a-router',
    rfc: 'RFC 5214 8.4',
    rows: ['ISAH-14', 'ISA-01'],
    config: host(),
    from: 'v6',
    in: first(PEER.local, HOST.local),
    held: true,
    answers: [asks(PEER.local)],
  },
  {
    name: 'isatap-host-asks-for-a-neighbour-with-the-u-bit',
    rfc: 'RFC 5214 6.1',
    rows: ['ISA-03', 'ISAH-13'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: first(PEER.universal),
    held: true,
    answers: [asks(PEER.universal)],
  },
  {
    name: 'isatap-host-holds-three-packets-and-no-fourth',
    rfc: 'RFC 4861 7.2.2',
    rows: ['SEC-08'],
    config: host(),
    state: [...HEARD, later, later, later],
    now: 500,
    ...f43,
    drop: 'queue_full',
  },
  {
    name: 'isatap-host-gives-up-a-neighbour-that-does-not-answer',
    rfc: 'RFC 4861 7.2.2',
    rows: ['SEC-08', 'ISAH-14'],
    config: host(),
    state: [...HEARD, later],
    now: 5000,
    ...f43,
    drop: 'neighbor_unreachable',
    answers: [{ to: 'v6', octets: unreachable6(IDENTITY, f43.in) }],
  },
  {
    name: 'isatap-host-reaches-the-address-of-another-host-by-the-router-while-nothing-is-on-link',
    rfc: 'RFC 5942 4',
    rows: ['ISA-11', 'ISAH-13'],
    config: host(),
    state: [{ from: 'v4', in: packet('isatap_ra') }],
    ...f43,
    out: ipv4(toRouter, innerOf('isatap_host_to_host')),
  },
  {
    name: 'isatap-host-reaches-an-isatap-address-of-another-site-by-the-router',
    rfc: 'RFC 5214 3',
    rows: ['ISA-11', 'ISAH-12'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: first(`3fff:15::5efe:${PEER.hex}`),
    out: ipv4(toRouter, first(`3fff:15::5efe:${PEER.hex}`)),
  },
];

const leaving: readonly VectorCase[] = (
  [
    ['from-a-native-address', '3fff:0:9::1', WEB, 'source_mismatch', 'RFC 5214 7.3', 'ISA-10'],
    ['from-the-address-of-another', PEER.v6, WEB, 'source_mismatch', 'RFC 5214 7.3', 'ISA-10'],
    ['to-itself', HOST.v6, HOST.universal, 'loop', 'RFC 6324 3.3', 'SEC-04'],
    ['to-a-group', HOST.v6, 'ff02::1', 'special_ipv6', 'RFC 5214 6.3', 'ISA-08'],
    ['to-a-wider-group', HOST.v6, 'ff05::2', 'special_ipv6', 'RFC 5214 6.3', 'ISA-08'],
    ['to-an-embedded-group', HOST.v6, `${PREFIX.slice(0, -1)}0:5efe:e000:1`, 'special_ipv4', 'RFC 5214 6.3', 'ISA-08'],
    ['to-an-embedded-loopback-address', HOST.v6, `${PREFIX.slice(0, -1)}0:5efe:7f00:1`, 'special_ipv4', 'RFC 5214 7.1', 'ISA-07'],
    ['to-the-embedded-broadcast-address', HOST.v6, `${PREFIX.slice(0, -1)}0:5efe:c000:2ff`, 'special_ipv4', 'RFC 5214 6.3', 'ISA-08'],
    ['to-an-embedded-6to4-relay', HOST.v6, `${PREFIX.slice(0, -1)}0:5efe:c058:6301`, 'special_ipv4', 'RFC 6324 3.2.3', 'SEC-10'],
  ] as const
).map(([name, src, dst, drop, rfc, row]) => ({
  name: `isatap-host-sends-${name}`,
  rfc,
  rows: [row],
  config: host(),
  state: HEARD,
  from: 'v6',
  in: echoRequest({ src, dst }),
  drop,
}));

const notYet: readonly VectorCase[] = [
  {
    name: 'isatap-host-sends-from-its-link-local-address-beyond-the-link',
    rfc: 'RFC 4291 2.5.6',
    rows: ['ISA-10'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: echoRequest({ src: HOST.local, dst: WEB }),
    drop: 'special_ipv6',
  },
  {
    name: 'isatap-host-without-a-prefix-takes-nothing-for-one',
    rfc: 'RFC 5214 3',
    rows: ['ISA-11'],
    config: host(),
    from: 'v4',
    in: ipv4(fromPeer, echoRequest({ src: PEER.v6, dst: HOST.v6 })),
    drop: 'not_potential_router',
  },
  {
    name: 'isatap-host-sends-while-it-has-no-ipv4-address',
    rfc: 'RFC 5214 6.2',
    rows: ['ISA-06'],
    config: host().replace(/local = .*\n/, ''),
    from: 'v6',
    in: toWeb,
    drop: 'tunnel_down',
  },
];

/** A prefix that the router takes back: what was on link is not any more. */
const withdrawn: VectorCase = {
  name: 'isatap-host-forgets-that-a-prefix-is-on-link',
  rfc: 'RFC 4861 6.3.4',
  rows: ['ISA-11'],
  config: host(),
  state: [
    ...HEARD,
    {
      from: 'v4',
      in: ipv4(toHost, routerAdvertisement({ src: ROUTER.local, dst: HOST.local }, {}, prefixOption(PREFIX, 0x80 | AUTONOMOUS, 0, 0))),
    },
  ],
  ...f43,
  out: ipv4(toRouter, innerOf('isatap_host_to_host')),
};

/** All of them. */
export const sites: readonly VectorCase[] = [...frames, ...neighbours, ...leaving, ...notYet, withdrawn];
