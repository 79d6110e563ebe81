/** RFC 4861 section 7 over ISATAP: whoever is asked whether he is there says so; nobody is believed in another name. */
import type { DropName } from '../../../src/core/drop.js';
import { ipv4 } from '../compose.js';
import {
  FROM_ROUTER,
  linkLayerOption,
  malformations,
  neighborAdvertisement,
  neighborSolicitation,
  routerSolicitation,
  SOLICITED,
} from '../neighbor-discovery.js';
import type { VectorCase } from '../vector.js';
import { HEARD, HOST, host, PEER, ROUTER, router, SECOND, STRANGER } from './nodes.js';

const ALL_NODES = 'ff02::1';
const ALL_ROUTERS = 'ff02::2';
const toRouter = { src: HOST.v4, dst: ROUTER.v4 };
const toHost = { src: ROUTER.v4, dst: HOST.v4 };

/** Who is asked whether it is there says so, whatever it is. */
const advertisement = (of: string, to: string, flags: number) => neighborAdvertisement({ src: of, dst: to }, of, SOLICITED | flags);
const asked: readonly VectorCase[] = [
  {
    name: 'isatap-host-answers-a-neighbor-solicitation',
    rfc: 'RFC 4861 7.2.4',
    rows: ['ENC-49', 'ENC-50', 'ISA-15'],
    config: host(),
    from: 'v4',
    in: ipv4({ src: PEER.v4, dst: HOST.v4 }, neighborSolicitation({ src: PEER.local, dst: HOST.local }, HOST.local)),
    consumed: true,
    answers: [{ to: 'v4', octets: ipv4({ src: HOST.v4, dst: PEER.v4 }, advertisement(HOST.local, PEER.local, 0)) }],
  },
  {
    name: 'isatap-host-answers-its-router',
    rfc: 'RFC 4213 3.8',
    rows: ['ENC-49'],
    config: host(),
    from: 'v4',
    in: ipv4(toHost, neighborSolicitation({ src: ROUTER.local, dst: HOST.local }, HOST.local)),
    consumed: true,
    answers: [{ to: 'v4', octets: ipv4(toRouter, advertisement(HOST.local, ROUTER.local, 0)) }],
  },
  {
    name: 'isatap-host-answers-for-its-learned-address',
    rfc: 'RFC 4861 7.2.4',
    rows: ['ENC-49', 'ISAH-11'],
    config: host(),
    state: HEARD,
    from: 'v4',
    in: ipv4({ src: PEER.v4, dst: HOST.v4 }, neighborSolicitation({ src: PEER.v6, dst: HOST.v6 }, HOST.v6)),
    consumed: true,
    answers: [{ to: 'v4', octets: ipv4({ src: HOST.v4, dst: PEER.v4 }, advertisement(HOST.v6, PEER.v6, 0)) }],
  },
  {
    name: 'isatap-host-ignores-the-link-layer-address-of-who-asks',
    rfc: 'RFC 4213 3.8',
    rows: ['ENC-50'],
    config: host(),
    from: 'v4',
    in: ipv4({ src: PEER.v4, dst: HOST.v4 }, neighborSolicitation({ src: PEER.local, dst: HOST.local }, HOST.local, linkLayerOption(1))),
    consumed: true,
    answers: [{ to: 'v4', octets: ipv4({ src: HOST.v4, dst: PEER.v4 }, advertisement(HOST.local, PEER.local, 0)) }],
  },
  {
    name: 'isatap-router-answers-a-neighbor-solicitation-as-a-router',
    rfc: 'RFC 4861 7.2.4',
    rows: ['ENC-49', 'ENC-50'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, neighborSolicitation({ src: HOST.local, dst: ROUTER.local }, ROUTER.local)),
    consumed: true,
    answers: [{ to: 'v4', octets: ipv4(toHost, advertisement(ROUTER.local, HOST.local, FROM_ROUTER)) }],
  },
  {
    name: 'isatap-host-hears-an-advertisement-that-it-did-not-ask-for',
    rfc: 'RFC 4861 7.2.5',
    rows: ['ISAH-14'],
    config: host(),
    from: 'v4',
    in: ipv4({ src: PEER.v4, dst: HOST.v4 }, neighborAdvertisement({ src: PEER.local, dst: HOST.local }, PEER.local, 0)),
    consumed: true,
  },
  {
    name: 'isatap-router-hears-an-advertisement-that-it-did-not-ask-for',
    rfc: 'RFC 4861 7.2.5',
    rows: ['ISAR-07'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, neighborAdvertisement({ src: HOST.local, dst: ROUTER.local }, HOST.local, 0)),
    consumed: true,
  },
];

const malformedNeighbors: readonly VectorCase[] = [
  ...[...malformations(24), ['a-group-as-its-target', {}, []] as const].map(
    ([name, header, options]): VectorCase => ({
      name: `isatap-host-receives-a-neighbor-solicitation-with-${name}`,
      rfc: 'RFC 4861 7.1.1',
      rows: ['ISA-15'],
      config: host(),
      from: 'v4',
      in: ipv4(
        { src: PEER.v4, dst: HOST.v4 },
        neighborSolicitation({ src: PEER.local, dst: HOST.local, ...header }, name.includes('group') ? ALL_NODES : HOST.local, ...options),
      ),
      drop: 'malformed_nd',
    }),
  ),
  ...[...malformations(24), ['a-group-as-its-target', {}, []] as const].map(
    ([name, header, options]): VectorCase => ({
      name: `isatap-host-receives-a-neighbor-advertisement-with-${name}`,
      rfc: 'RFC 4861 7.1.2',
      rows: ['ISA-15'],
      config: host(),
      from: 'v4',
      in: ipv4(
        { src: PEER.v4, dst: HOST.v4 },
        neighborAdvertisement(
          { src: PEER.local, dst: HOST.local, ...header },
          name.includes('group') ? ALL_NODES : PEER.local,
          SOLICITED,
          ...options,
        ),
      ),
      drop: 'malformed_nd',
    }),
  ),
];

const refusedNeighbors: readonly VectorCase[] = (
  [
    [
      'a-neighbor-solicitation-in-another-name',
      STRANGER.v4,
      neighborSolicitation({ src: PEER.local, dst: HOST.local }, HOST.local),
      'source_mismatch',
      'ISA-10',
    ],
    [
      'a-neighbor-solicitation-about-another',
      PEER.v4,
      neighborSolicitation({ src: PEER.local, dst: HOST.local }, SECOND.local),
      'destination_mismatch',
      'ENC-49',
    ],
    [
      'a-neighbor-advertisement-in-another-name',
      STRANGER.v4,
      neighborAdvertisement({ src: PEER.local, dst: HOST.local }, PEER.local, SOLICITED),
      'source_mismatch',
      'ISA-10',
    ],
    ['a-router-solicitation', PEER.v4, routerSolicitation({ src: PEER.local, dst: ALL_ROUTERS }), 'destination_mismatch', 'ISAH-16'],
  ] as const
).map(
  ([name, outer, inner, drop, row]): VectorCase => ({
    name: `isatap-host-receives-${name}`,
    rfc: row === 'ISAH-16' ? 'RFC 4861 6.1.1' : 'RFC 5214 7.3',
    rows: [row],
    config: host(),
    from: 'v4',
    in: ipv4({ src: outer, dst: HOST.v4 }, inner),
    drop: drop satisfies DropName,
  }),
);

/** All of them. */
export const neighbors: readonly VectorCase[] = [...asked, ...malformedNeighbors, ...refusedNeighbors];
