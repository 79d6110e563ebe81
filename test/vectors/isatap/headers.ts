/** What RFC 4213, 4443 and 6040 ask of every tunnel, one packet for each of their checks: 6to4 shows them all. */
import { echoRequest, icmp4Error, ipv4, timeExceeded6, tooBig6, udp6, unreachable6 } from '../compose.js';
import type { VectorCase } from '../vector.js';
import { HEARD, HOST, host, IDENTITY, ROUTER, router, SECOND, WEB } from './nodes.js';

const toRouter = { src: HOST.v4, dst: ROUTER.v4 };
const toHost = { src: ROUTER.v4, dst: HOST.v4 };
const toWeb = echoRequest({ src: HOST.v6, dst: WEB });

const spent = (src: string, dst: string) => udp6({ src, dst, hopLimit: 1 });
const large = (octets: number) => udp6({ src: HOST.v6, dst: WEB }, octets);

/** All of them. */
export const headers: readonly VectorCase[] = [
  {
    name: 'isatap-router-receives-hop-limit-1-and-answers-from-its-identity',
    rfc: 'RFC 4443 3.3',
    rows: ['ENC-29'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, spent(HOST.v6, WEB)),
    drop: 'hop_limit',
    answers: [{ to: 'v4', octets: ipv4(toHost, timeExceeded6(IDENTITY, spent(HOST.v6, WEB))) }],
  },
  {
    name: 'isatap-host-takes-hop-limit-1-for-itself',
    rfc: 'RFC 4213 3.3',
    rows: ['ENC-28'],
    config: host(),
    state: HEARD,
    from: 'v4',
    in: ipv4(toHost, spent(WEB, HOST.v6)),
    out: spent(WEB, HOST.v6),
  },
  {
    name: 'isatap-host-sends-1280-octets',
    rfc: 'RFC 4213 3.2.1',
    rows: ['ENC-10', 'ENC-12'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: large(1280),
    out: ipv4(toRouter, large(1280)),
  },
  {
    name: 'isatap-host-sends-1281-octets',
    rfc: 'RFC 4213 3.2.1',
    rows: ['ENC-10'],
    config: host(),
    state: HEARD,
    from: 'v6',
    in: large(1281),
    drop: 'too_big',
    answers: [{ to: 'v6', octets: tooBig6(IDENTITY, 1280, large(1281)) }],
  },
  {
    name: 'isatap-host-hears-that-its-router-is-unreachable',
    rfc: 'RFC 5214 7.2',
    rows: ['ENC-23', 'ISA-14'],
    config: host(),
    state: HEARD,
    from: 'v4',
    in: icmp4Error({ src: '192.0.2.9', dst: HOST.v4 }, 3, 1, 0, ipv4(toRouter, toWeb)),
    consumed: true,
    answers: [{ to: 'v6', octets: unreachable6(IDENTITY, toWeb) }],
  },
  {
    name: 'isatap-router-receives-ce-outside-and-not-ect-inside',
    rfc: 'RFC 6040 4.2',
    rows: ['ENC-37'],
    config: router(),
    from: 'v4',
    in: ipv4({ ...toRouter, tos: 3 }, toWeb),
    drop: 'ecn_congestion',
  },
  {
    name: 'isatap-router-receives-a-packet-cut-in-the-inner-header',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-06'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, toWeb.slice(0, 39)),
    drop: 'truncated',
  },
  {
    name: 'isatap-router-receives-ipv4-in-ipv4',
    rfc: 'RFC 4213 3.6',
    rows: ['ENC-07'],
    config: router(),
    from: 'v4',
    in: ipv4(toRouter, ipv4(toRouter, toWeb)),
    drop: 'not_ipv6',
  },
  {
    name: 'isatap-router-receives-a-packet-for-another-host',
    rfc: 'RFC 5214 7.3',
    rows: ['ISA-09', 'ENC-47'],
    config: router(),
    from: 'v4',
    in: ipv4({ ...toRouter, dst: SECOND.v4 }, toWeb),
    drop: 'not_local',
  },
];
