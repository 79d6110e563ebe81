import { describe, expect, test } from 'vitest';
import { Explainer } from '../../src/engine/explain.js';
import { echoRequest, icmp4Error, ipv4, timeExceeded6, tooBig6, udp6, unreachable6 } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';

const IDENTITY = '2001:db8:b000::1';
const text = (...tunnels: string[]) =>
  [`[node]\nidentity = "${IDENTITY}"`, ...tunnels, '[policy]\nallow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]'].join(
    '\n',
  );
const tunnel = (role: string, local: string, ...more: string[]) =>
  ['[[tunnel]]', 'type = "6to4"', `role = "${role}"`, `local = "${local}"`, ...more].join('\n');

const SITE = '192.0.2.42';
const SITE6 = '2002:c000:22a::1';
const RELAY = '192.88.99.1';
const WEB = '3fff:0:1::80';
const relay = () => new Explainer(nodeOf(text(tunnel('relay', RELAY, 'mtu = 1400', 'path-mtu-discovery = true'))));
const toWeb = echoRequest({ src: SITE6, dst: WEB });
const toSite = echoRequest({ src: WEB, dst: SITE6 });

describe('an explanation', () => {
  test('of what is forwarded: the tunnel, and the packet on the other side', () => {
    expect(relay().explain('v4', ipv4({ src: SITE, dst: RELAY }, toWeb), 0)).toEqual({
      tunnel: '6to4-relay',
      verdict: 'forward',
      reason: null,
      rfc: null,
      out: toWeb,
      answers: [],
    });
    expect(relay().explain('v6', toSite, 0).out).toEqual(ipv4({ src: RELAY, dst: SITE, flags: 0x4000 }, toSite));
  });

  test('of what is dropped: the reason, and who asks for the check', () => {
    expect(relay().explain('v4', ipv4({ src: '203.0.113.66', dst: RELAY }, toWeb), 0)).toEqual({
      tunnel: '6to4-relay',
      verdict: 'drop',
      reason: 'source_mismatch',
      rfc: 'RFC 3964 5.1, 5.2',
      out: null,
      answers: [],
    });
  });

  test('of what no tunnel takes: no tunnel', () => {
    for (const packet of [ipv4({ src: SITE, dst: '203.0.113.1' }, toWeb), ipv4({ src: SITE, dst: RELAY, protocol: 17 }, toWeb)]) {
      expect(relay().explain('v4', packet, 0)).toMatchObject({ tunnel: null, verdict: 'drop', reason: 'not_local' });
    }
    expect(relay().explain('v4', new Uint8Array(0), 0)).toMatchObject({ tunnel: null, verdict: 'drop', reason: 'truncated' });
  });

  test('of what is answered: the answer, on the side that it goes to', () => {
    const spent = udp6({ src: SITE6, dst: WEB, hopLimit: 1 });
    expect(relay().explain('v4', ipv4({ src: SITE, dst: RELAY }, spent), 0)).toMatchObject({
      reason: 'hop_limit',
      answers: [{ to: 'v4', octets: ipv4({ src: RELAY, dst: SITE }, timeExceeded6(IDENTITY, spent)) }],
    });
    const large = udp6({ src: WEB, dst: SITE6 }, 1401);
    expect(relay().explain('v6', large, 0)).toMatchObject({
      reason: 'too_big',
      answers: [{ to: 'v6', octets: tooBig6(IDENTITY, 1400, large) }],
    });
  });

  test('of an ICMPv4 error: it is consumed by the tunnel that it concerns, and what it becomes', () => {
    const error = (dst: string) => icmp4Error({ src: '203.0.113.9', dst }, 3, 1, 0, ipv4({ src: dst, dst: SITE }, toSite));
    expect(relay().explain('v4', error(RELAY), 0)).toEqual({
      tunnel: '6to4-relay',
      verdict: 'consumed',
      reason: null,
      rfc: null,
      out: null,
      answers: [{ to: 'v6', octets: unreachable6(IDENTITY, toSite) }],
    });
    expect(relay().explain('v4', error('203.0.113.1'), 0)).toMatchObject({ tunnel: null, verdict: 'consumed', answers: [] });
  });

  test('is of the same node as the one before: what that taught it holds, until time is over', () => {
    const node = relay();
    const large = udp6({ src: WEB, dst: SITE6 }, 1400);
    expect(node.explain('v6', large, 0).verdict).toBe('forward');
    node.explain('v4', icmp4Error({ src: '203.0.113.9', dst: RELAY }, 3, 4, 1380, ipv4({ src: RELAY, dst: SITE }, large), 28), 0);
    expect(node.explain('v6', large, 1)).toMatchObject({ reason: 'too_big', answers: [{ octets: tooBig6(IDENTITY, 1360, large) }] });
    expect(node.explain('v6', large, 600_000).verdict).toBe('forward');
  });

  test('is for keeps: the next packet does not change it', () => {
    const node = relay();
    const first = node.explain('v4', ipv4({ src: SITE, dst: RELAY }, toWeb), 0);
    node.explain('v4', ipv4({ src: SITE, dst: RELAY }, udp6({ src: SITE6, dst: WEB })), 0);
    expect(first.out).toEqual(toWeb);
  });

  test('of octets that are longer than any packet is that of the packet they start with', () => {
    const packet = ipv4({ src: SITE, dst: RELAY }, toWeb);
    const long = new Uint8Array(200_000).fill(0xa5);
    long.set(packet);
    expect(relay().explain('v4', long, 0).out).toEqual(toWeb);
  });
});

describe('from v6', () => {
  const two = () => new Explainer(nodeOf(text(tunnel('host', '198.51.100.7', 'name = "home"'), tunnel('relay', RELAY, 'name = "relay"'))));

  test('a packet goes into the first tunnel, or into the one that is named', () => {
    expect(two().explain('v6', toSite, 0)).toMatchObject({ tunnel: 'home', reason: 'source_mismatch' });
    expect(two().explain('v6', toSite, 0, 'relay')).toMatchObject({ tunnel: 'relay', verdict: 'forward' });
  });

  test('a tunnel that there is not is a mistake of the caller, who is told which there are', () => {
    expect(() => two().explain('v6', toSite, 0, 'rely')).toThrow(new RangeError('no tunnel rely: expected home, relay'));
    const none = new Explainer({ ...nodeOf(text(tunnel('relay', RELAY))), tunnels: [] });
    expect(() => none.explain('v6', toSite, 0)).toThrow(new RangeError('no tunnel at all: expected one'));
    expect(none.explain('v4', ipv4({ src: SITE, dst: RELAY }, toWeb), 0)).toMatchObject({ tunnel: null, reason: 'not_local' });
  });
});

test('a router that is asked does not advertise', () => {
  const router = new Explainer(nodeOf(text(tunnel('router', '198.51.100.7', '[[tunnel.lan]]', 'interface = "lan0"', 'subnet = 1'))));
  expect(router.explain('v4', ipv4({ src: SITE, dst: '198.51.100.7' }, toWeb), 1_000_000).answers).toEqual([]);
});
