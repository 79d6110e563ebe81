/** A Teredo client and its peers: RFC 4380 sections 5.2.3, 5.2.4, 5.2.6 and 5.2.9, octet by octet. */
import { describe, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Verdict } from '../../src/core/verdict.js';
import { ALTERNATES } from '../../src/role/teredo-hole-punch.js';
import { address, echoReply, echoRequest, hex, icmp6, ipv6, toHex, udp6, unreachable6 } from '../vectors/compose.js';
import { CLIENT, PEER, payloadOf } from '../wire/teredo-frames.js';
import { PRIMARY, SECONDARY } from './teredo-bench.js';
import { ClientBench, type ClientSetup } from './teredo-client-bench.js';

const SERVER = `${PRIMARY}:3544`;
const PEER_AT = '198.51.100.118:4096';
const RELAY_AT = '203.0.113.200:3545';
const NATIVE = '3fff:0:1::80';
/** The client that the vectors call the peer. */
const PEER_SETUP: ClientSetup = {
  local: '192.168.1.11',
  origins: [PEER_AT, PEER_AT],
  ports: [4096],
  random: (into) => into.set(hex('20578899aabbccdd').subarray(0, into.length)),
};

const frame = (name: string) => toHex(payloadOf(name));
const bubble = (src: string, dst: string, trailers = '', hopLimit = 255) => {
  const octets = ipv6({ src, dst, hopLimit }, 59, new Uint8Array());
  return Uint8Array.of(...octets, ...hex(trailers));
};
/** RFC 4380 section 5.1.1. */
const origin = (endpoint: string) => {
  const [ipv4, port] = endpoint.split(':');
  const octets = [Number(port) >>> 8, Number(port) & 255, ...ipv4.split('.').map(Number)];
  return Uint8Array.of(0, 0, ...octets.map((octet) => octet ^ 255));
};
const forwarded = (from: string, payload: Uint8Array) => Uint8Array.of(...origin(from), ...payload);
const data = (src: string, dst: string, octets = 64) => udp6({ src, dst }, octets);
/** A Teredo address of the server 65.54.227.120. */
const teredo = (endpoint: string, flags = '0000', server = '4136e378') => {
  const hexed = toHex(origin(endpoint).subarray(2));
  const text = `20010000${server}${flags}${hexed}`;
  return (text.match(/.{4}/g) ?? []).join(':');
};

/** A client that reaches the peer, which has just answered. */
function reached(setup: ClientSetup = {}): ClientBench {
  const bench = new ClientBench(setup);
  expect(bench.receive(PEER_AT, payloadOf('teredo_reply_direct_bubble'))).toBe(Verdict.consumed);
  bench.take();
  return bench;
}

describe('packets that the host sends', () => {
  test('wait until the client is qualified, and have its address as their source', () => {
    const bench = new ClientBench({ qualifies: false });
    expect(bench.send(data(CLIENT, PEER))).toBe(Drop.tunnel_down);
    const qualified = new ClientBench();
    expect(qualified.address).toBe(CLIENT);
    expect(qualified.send(data('3fff:0:2::1', PEER))).toBe(Drop.source_mismatch);
    expect(qualified.send(data('2001:0:4136:e378:1:63bf:3fff:fdd2', PEER))).toBe(Drop.source_mismatch);
    expect(qualified.send(data('fe80::1', PEER))).toBe(Drop.special_ipv6);
    expect(qualified.take()).toEqual([]);
  });

  test.each([
    ['CL-63: link-local', 'fe80::1', Drop.special_ipv6],
    ['CL-64: multicast', 'ff0e::1', Drop.special_ipv6],
    ['CL-44: a private mapped address', teredo('10.0.0.1:4096'), Drop.special_ipv4],
    ['CL-44: a mapped address on loopback', teredo('127.0.0.1:4096'), Drop.special_ipv4],
    ['CL-44: no port', teredo('198.51.100.118:0'), Drop.special_ipv4],
    ['CL-45: a server on loopback', teredo(PEER_AT, '0000', '7f000001'), Drop.special_ipv4],
    ['its own address', CLIENT, Drop.loop],
  ])('%s as a destination: nothing is sent', (_, dst, reason) => {
    const bench = new ClientBench();
    expect(bench.send(data(CLIENT, dst))).toBe(reason);
    expect(bench.take()).toEqual([]);
    expect(bench.role.peers).toBe(0);
  });

  test('CL-42, EX-03, EX-22, F11, F23: a stranger is asked by a direct bubble and an indirect one', () => {
    const bench = new ClientBench();
    expect(bench.send(data(CLIENT, PEER))).toBe(Verdict.hold);
    expect(bench.take()).toEqual([
      { at: 0, socket: 0, to: PEER_AT, payload: frame('teredo_direct_bubble') },
      { at: 0, socket: 0, to: SERVER, payload: frame('teredo_indirect_bubble_hairpin') },
    ]);
  });

  test('a client without a NAT has no other place to name', () => {
    const bench = new ClientBench({ local: '192.0.2.45' });
    expect(bench.role.learned.teredo?.nat).toBe('none');
    bench.send(data(CLIENT, PEER));
    expect(bench.take()[1].payload.slice(80)).toBe('0104deadbeef');
  });

  test('CL-41: a peer that believes itself behind a cone NAT gets bubbles, too', () => {
    const bench = new ClientBench();
    expect(bench.send(data(CLIENT, teredo(PEER_AT, '8000')))).toBe(Verdict.hold);
    expect(bench.take().map(({ to }) => to)).toEqual([PEER_AT, SERVER]);
  });

  test('CL-43: the indirect bubble goes to the server of the peer', () => {
    const bench = new ClientBench();
    bench.send(data(CLIENT, teredo(PEER_AT, '2057', 'cb007178')));
    expect(bench.take().map(({ to }) => to)).toEqual([PEER_AT, '203.0.113.120:3544']);
  });

  test('CL-46, CL-47, CL-48: pairs at 0, 2, 4 and 6 s, given up at 8 s, and no bubble before 300 s are over', () => {
    const bench = new ClientBench();
    bench.send(data(CLIENT, PEER));
    bench.pass(7_999);
    expect(bench.released).toEqual([]);
    bench.pass(1);
    expect(bench.take().map(({ at, to }) => [at, to])).toEqual(
      [0, 2_000, 4_000, 6_000].flatMap((at) => [
        [at, PEER_AT],
        [at, SERVER],
      ]),
    );
    expect(bench.released).toEqual([{ packet: toHex(data(CLIENT, PEER)), to: 'undeliverable' }]);
    bench.pass(291_999, true);
    expect(bench.send(data(CLIENT, PEER))).toBe(Drop.neighbor_unreachable);
    expect(bench.take()).toEqual([]);
    bench.pass(1, true);
    expect(bench.send(data(CLIENT, PEER))).toBe(Verdict.hold);
    expect(bench.take().map(({ at, to }) => [at, to])).toEqual([
      [300_000, PEER_AT],
      [300_000, SERVER],
    ]);
  });

  test('CL-38, CL-39, F16: a native host is asked by way of the server at 0, 2, 4 and 6 s, and given up at 8 s', () => {
    const bench = new ClientBench();
    expect(bench.send(data(CLIENT, NATIVE))).toBe(Verdict.hold);
    expect(bench.take()).toEqual([{ at: 0, socket: 0, to: SERVER, payload: frame('teredo_ping_test') }]);
    bench.pass(7_999);
    expect(bench.released).toEqual([]);
    bench.pass(1);
    const asked = bench.take().filter(({ payload }) => payload === frame('teredo_ping_test'));
    expect(asked.map(({ at }) => at)).toEqual([2_000, 4_000, 6_000]);
    expect(bench.released.map(({ to }) => to)).toEqual(['undeliverable']);
  });

  test('CL-49: three wait for one peer; what is too large for the tunnel is not held', () => {
    const bench = new ClientBench();
    for (let i = 0; i < 3; i++) expect(bench.send(data(CLIENT, PEER))).toBe(Verdict.hold);
    expect(bench.send(data(CLIENT, PEER))).toBe(Drop.queue_full);
    expect(typeof bench.send(data(CLIENT, PEER, 1281))).toBe('string');
    expect(bench.take()).toHaveLength(2);
  });

  test('of several peers that are asked at once each is asked on until it answers itself', () => {
    const bench = new ClientBench();
    const peers = ['2057', '2058', '2059', '205a'].map((flags) => teredo(PEER_AT, flags));
    for (const peer of peers) bench.send(data(CLIENT, peer));
    for (const i of [0, 3, 1]) expect(bench.receive(PEER_AT, bubble(peers[i], CLIENT))).toBe(Verdict.consumed);
    expect(bench.released).toHaveLength(3);
    bench.take();
    bench.pass(8_000);
    const destinations = bench.take().map(({ payload }) => payload.slice(48, 80));
    expect(destinations).toEqual(Array(6).fill(toHex(address(peers[2]))));
    expect(bench.released.at(-1)?.to).toBe('undeliverable');
    expect(bench.pass(60_000, true).take()).toEqual([]);
  });

  test('CL-36, CL-37: a peer that was heard within 30 s is sent to; after that it is asked first', () => {
    const bench = reached();
    bench.pass(29_999);
    expect(bench.send(data(CLIENT, PEER))).toBe(PEER_AT);
    expect(bench.route(data(CLIENT, PEER))).toBe(PEER_AT);
    bench.pass(1);
    expect(bench.route(data(CLIENT, PEER))).toBe(Drop.no_endpoint);
    expect(bench.send(data(CLIENT, PEER))).toBe(Verdict.hold);
    bench.pass(8_000);
    expect(bench.take().every(({ at }) => at >= 31_999)).toBe(true);
  });
});

describe('packets that arrive', () => {
  test.each([
    ['CL-26: for another Teredo address', data(PEER, '2001:0:4136:e378:1:63bf:3fff:fdd2'), Drop.destination_mismatch],
    ['CL-26: for a native address', data(PEER, NATIVE), Drop.destination_mismatch],
    ['CL-63: for a link-local address', data(PEER, 'fe80::1'), Drop.special_ipv6],
    ['CL-64: for a group', data(PEER, 'ff0e::1'), Drop.special_ipv6],
    ['CL-63: from a link-local address', data('fe80::1', CLIENT), Drop.special_ipv6],
    ['from a group', data('ff0e::1', CLIENT), Drop.special_ipv6],
    ['a solicitation of a neighbour', icmp6({ src: PEER, dst: CLIENT, hopLimit: 255 }, 135, 0, new Uint8Array(20)), Drop.malformed_nd],
    ['EN-09: with an unknown trailer that discards it', bubble(PEER, CLIENT, '4100'), Drop.malformed_teredo],
    ['from a client at a private address', data(teredo('10.0.0.1:4096'), CLIENT), Drop.special_ipv4],
    ['a direct bubble from elsewhere', bubble(PEER, CLIENT), Drop.source_mismatch, '198.51.100.118:4097'],
    ['a direct bubble from elsewhere with a nonce', bubble(PEER, CLIENT, '0104deadbeef'), Drop.nonce_mismatch, '198.51.100.118:4097'],
    ['data of a client from elsewhere', data(PEER, CLIENT), Drop.untrusted_peer, '198.51.100.118:4097'],
  ])('%s: a drop', (_, payload, reason, from = PEER_AT) => {
    const bench = new ClientBench();
    expect(bench.receive(from, payload)).toBe(reason);
    expect(bench.take()).toEqual([]);
    expect(bench.role.peers).toBe(0);
  });

  test('before it is qualified, none', () => {
    const bench = new ClientBench({ qualifies: false });
    expect(bench.receive(PEER_AT, payloadOf('teredo_reply_direct_bubble'))).toBe(Drop.tunnel_down);
  });

  test('CL-31, F14: a direct bubble from where the address says releases what waits', () => {
    const bench = new ClientBench();
    bench.send(data(CLIENT, PEER));
    bench.take();
    expect(bench.receive(PEER_AT, payloadOf('teredo_reply_direct_bubble'))).toBe(Verdict.consumed);
    expect(bench.released).toEqual([{ packet: toHex(data(CLIENT, PEER)), to: PEER_AT }]);
    expect(bench.take()).toEqual([]);
    expect(bench.pass(20_000).take()).toEqual([]);
  });

  test('CL-31, CL-32: data from where the address says makes a peer, who is answered at once', () => {
    const bench = new ClientBench();
    expect(bench.receive(PEER_AT, data(PEER, CLIENT))).toBe(Drop.none);
    expect(bench.send(data(CLIENT, PEER))).toBe(PEER_AT);
    expect(bench.take()).toEqual([]);
  });

  test('CL-29: a peer that is reached is heard, and stays reached', () => {
    const bench = reached();
    bench.pass(20_000);
    expect(bench.receive(PEER_AT, data(PEER, CLIENT))).toBe(Drop.none);
    bench.pass(20_000);
    expect(bench.send(data(CLIENT, PEER))).toBe(PEER_AT);
  });

  test('CL-30, F20: the echo reply says by which relay a native host is reached', () => {
    const bench = new ClientBench();
    const reply = payloadOf('teredo_ping_reply');
    bench.send(data(CLIENT, NATIVE));
    const wrong = reply.slice();
    wrong[55] ^= 1;
    expect(bench.receive('203.0.113.200:3545', wrong)).toBe(Verdict.hold);
    expect(bench.receive('10.0.0.1:3545', reply)).toBe(Drop.special_ipv4);
    expect(bench.released).toEqual([]);
    expect(bench.receive(RELAY_AT, reply)).toBe(Verdict.consumed);
    expect(bench.released.map(({ to }) => to)).toEqual([RELAY_AT]);
    expect(bench.receive(RELAY_AT, data(NATIVE, CLIENT))).toBe(Drop.none);
    // Another relay: asked, and believed when it brings the answer.
    expect(bench.receive('203.0.113.201:3545', data(NATIVE, CLIENT))).toBe(Verdict.hold);
    expect(bench.send(data(CLIENT, NATIVE))).toBe(RELAY_AT);
    expect(bench.receive('203.0.113.201:3545', reply)).toBe(Verdict.consumed);
    expect(bench.send(data(CLIENT, NATIVE))).toBe('203.0.113.201:3545');
  });

  test('CL-35: what a native host is said to have sent is taken once it has answered from there, and given up if it has not', () => {
    const bench = new ClientBench();
    const [first, forged] = [data(NATIVE, CLIENT), data('3fff:0:9::1', CLIENT)];
    expect([bench.receive(RELAY_AT, first), bench.receive(RELAY_AT, forged)]).toEqual([Verdict.hold, Verdict.hold]);
    // From elsewhere: one of the two is not the relay.
    expect(bench.receive('203.0.113.66:3545', first)).toBe(Drop.untrusted_peer);
    expect(bench.receive(RELAY_AT, payloadOf('teredo_ping_reply'))).toBe(Verdict.consumed);
    expect([bench.taken, bench.dismissed]).toEqual([[toHex(first)], []]);
    bench.pass(8_000);
    expect([bench.taken, bench.dismissed]).toEqual([[toHex(first)], [toHex(forged)]]);
  });

  test('CL-35: who brings the answer from elsewhere did not bring the packet: it is given up', () => {
    const bench = new ClientBench();
    expect(bench.receive('203.0.113.66:3545', data(NATIVE, CLIENT))).toBe(Verdict.hold);
    expect(bench.receive(RELAY_AT, payloadOf('teredo_ping_reply'))).toBe(Verdict.consumed);
    expect([bench.taken.length, bench.dismissed.length]).toEqual([0, 1]);
  });

  test('CL-35: whoever else sends something is asked; an ICMPv6 error on the way is no exception', () => {
    const bench = new ClientBench();
    expect(bench.receive(RELAY_AT, data(NATIVE, CLIENT))).toBe(Verdict.hold);
    expect(bench.receive(RELAY_AT, unreachable6('3fff:0:9::1', data(CLIENT, NATIVE)))).toBe(Verdict.hold);
    const asked = bench.take().map(({ to, payload }) => [to, payload.slice(48, 80)]);
    expect(asked).toEqual([
      [SERVER, toHex(address(NATIVE))],
      [SERVER, toHex(address('3fff:0:9::1'))],
    ]);
    expect(bench.pass(8_000).role.peers).toBe(0);
  });

  test('strangers do not make it ask more than thirty others in a second', () => {
    const bench = new ClientBench({ change: { maxPeers: 4096 } });
    let asked = 0;
    for (let ms = 0; ms < 5_000; ms++) {
      bench.pass(1);
      bench.receive(RELAY_AT, data(`3fff:0:1::${ms.toString(16)}`, CLIENT));
      asked += bench.take().filter(({ payload }) => payload.startsWith('60000000001')).length;
    }
    // Each of them up to four times.
    expect(asked).toBeGreaterThan(100);
    expect(asked).toBeLessThanOrEqual(4 * (30 * 5 + 3));
    expect(bench.role.peers).toBeLessThanOrEqual(30 * 5 + 3);
    // And leave room for whom the host looks for.
    expect(bench.send(data(CLIENT, PEER))).toBe(Verdict.hold);
  });

  test('CL-49: nor do native hosts that are asked because somebody speaks for them', () => {
    const bench = new ClientBench({ change: { maxPeers: 16 } });
    for (let n = 0; n < 100; n++) {
      bench.pass(50);
      bench.receive(RELAY_AT, data(`3fff:0:1::${n.toString(16)}`, CLIENT));
    }
    expect(bench.send(data(CLIENT, PEER))).toBe(Verdict.hold);
  });

  test('CL-49: one host that speaks for as many clients as there are places keeps out nobody whom the host looks for', () => {
    const bench = new ClientBench({ change: { maxPeers: 16 } });
    const forge = () => {
      for (let n = 0; n < 30; n++) {
        bench.pass(100);
        const at = `203.0.113.7:${1024 + n}`;
        bench.receive(at, data(teredo(at), CLIENT));
      }
    };
    forge();
    expect([bench.role.peers, bench.send(data(CLIENT, PEER))]).toEqual([16, Verdict.hold]);
    forge();
    expect(bench.receive(PEER_AT, bubble(PEER, CLIENT))).toBe(Verdict.consumed);
    for (let n = 0; n < 5; n++) forge();
    expect(bench.send(data(CLIENT, PEER))).toBe(PEER_AT);
  });
});

describe('indirect bubbles', () => {
  test('CL-28, F18, F19: a relay is answered at its origin at once', () => {
    const bench = new ClientBench();
    expect(bench.receive(SERVER, payloadOf('teredo_relay_bubble_forwarded'))).toBe(Verdict.consumed);
    expect(bench.take()).toEqual([{ at: 0, socket: 0, to: RELAY_AT, payload: frame('teredo_client_opens_relay') }]);
    expect(bench.role.peers).toBe(0);
  });

  test('a relay that speaks from a link-local address, as Miredo does, is answered, too', () => {
    const bench = new ClientBench();
    expect(bench.receive(SERVER, forwarded(RELAY_AT, bubble('fe80::1', CLIENT)))).toBe(Verdict.consumed);
    expect(bench.take()).toEqual([{ at: 0, socket: 0, to: RELAY_AT, payload: toHex(bubble(CLIENT, 'fe80::1')) }]);
  });

  test('CL-28, EX-03, F13: a client is answered by a pair, without a nonce if it told none', () => {
    const bench = new ClientBench(PEER_SETUP);
    expect(bench.address).toBe(PEER);
    expect(bench.receive(SERVER, payloadOf('teredo_indirect_bubble_forwarded'))).toBe(Verdict.consumed);
    const [direct, indirect, ...rest] = bench.take();
    expect(direct).toEqual({ at: 0, socket: 0, to: '192.0.2.45:40000', payload: toHex(bubble(PEER, CLIENT)) });
    expect([indirect.to, indirect.payload.slice(0, 80)]).toEqual([SERVER, toHex(bubble(PEER, CLIENT))]);
    expect(rest).toEqual([]);
  });

  test('EX-04, EX-05: a direct bubble has the nonce of the last indirect one, and none when that had none', () => {
    const bench = new ClientBench(PEER_SETUP);
    bench.receive(SERVER, forwarded('192.0.2.45:40000', bubble(CLIENT, PEER, '0104deadbeef')));
    bench.receive(SERVER, forwarded('192.0.2.45:40000', bubble(CLIENT, PEER, '01040badcafe')));
    bench.receive(SERVER, forwarded('192.0.2.45:40000', bubble(CLIENT, PEER)));
    const direct = bench.take().filter(({ to }) => to === '192.0.2.45:40000');
    expect(direct.map(({ payload }) => payload.slice(80))).toEqual(['0104deadbeef', '01040badcafe', '']);
  });

  test('EX-06: a direct bubble from elsewhere is taken with the nonce, once, and that is where the peer is', () => {
    const bench = new ClientBench();
    bench.send(data(CLIENT, PEER));
    expect(bench.receive('198.51.100.118:5000', bubble(PEER, CLIENT))).toBe(Drop.source_mismatch);
    expect(bench.receive('198.51.100.118:5000', bubble(PEER, CLIENT, '0104deadbeee'))).toBe(Drop.nonce_mismatch);
    expect(bench.receive('198.51.100.118:5000', bubble(PEER, CLIENT, '0104deadbeef'))).toBe(Verdict.consumed);
    expect(bench.released.map(({ to }) => to)).toEqual(['198.51.100.118:5000']);
    expect(bench.receive('198.51.100.118:5001', bubble(PEER, CLIENT, '0104deadbeef'))).toBe(Drop.nonce_mismatch);
    expect(bench.receive('198.51.100.118:5000', bubble(PEER, CLIENT, '0104deadbeef'))).toBe(Verdict.consumed);
    expect(bench.receive('198.51.100.118:5000', data(PEER, CLIENT))).toBe(Drop.none);
  });

  test('who guesses nonces has 255 guesses an indirect bubble', () => {
    const bench = new ClientBench();
    bench.send(data(CLIENT, PEER));
    const guess = (nonce: string) => bench.receive('198.51.100.118:5000', bubble(PEER, CLIENT, `0104${nonce}`));
    for (let n = 0; n < 255; n++) expect(guess(n.toString(16).padStart(8, '0'))).toBe(Drop.nonce_mismatch);
    expect(guess('deadbeef')).toBe(Drop.nonce_mismatch);
    bench.pass(2_000);
    for (let n = 0; n < 254; n++) expect(guess(n.toString(16).padStart(8, '0'))).toBe(Drop.nonce_mismatch);
    expect(guess('deadbeef')).toBe(Verdict.consumed);
  });

  test('EX-23, EX-25: whoever says where else it is gets a bubble there, with its nonce', () => {
    const bench = new ClientBench(PEER_SETUP);
    const list = '030e0000c0a8010a9c400a0000079c41';
    bench.receive(SERVER, forwarded('192.0.2.45:40000', bubble(CLIENT, PEER, `${list}0104deadbeef`)));
    const direct = bench.take().filter(({ to }) => to !== SERVER);
    expect(direct.map(({ to, payload }) => [to, payload.slice(80)])).toEqual([
      ['192.168.1.10:40000', '0104deadbeef'],
      ['10.0.0.7:40001', '0104deadbeef'],
      ['192.0.2.45:40000', '0104deadbeef'],
    ]);
  });

  test('EX-25: bubbles to places that are only named are few, whoever names them', () => {
    const bench = new ClientBench({ ...PEER_SETUP, change: { maxPeers: 4096 } });
    const named = `031a0000${['cb007107', 'cb007108', 'cb007109', 'cb00710a'].map((victim) => `${victim}0035`).join('')}`;
    let sent = 0;
    for (let n = 0; n < 1_000; n++) {
      bench.pass(10);
      const at = `192.0.2.45:${1024 + n}`;
      bench.receive(SERVER, forwarded(at, bubble(teredo(at), PEER, named)));
      sent += bench.take().filter(({ to }) => to.endsWith(':53')).length;
    }
    expect(sent).toBeGreaterThan(4);
    expect(sent).toBeLessThanOrEqual(10 * ALTERNATES + 4);
  });

  test.each([
    ['EX-24: five places', `03200000${'c0a8010a9c40'.repeat(5)}`],
    ['a part of one', '030700000101010101'],
    ['no port', '03080000c0a8010a0000'],
    ['EX-25: loopback', '030800007f0000019c40'],
  ])('%s: the bubble is dropped', (_, trailers) => {
    const bench = new ClientBench(PEER_SETUP);
    expect(bench.receive(SERVER, forwarded('192.0.2.45:40000', bubble(CLIENT, PEER, trailers)))).toBe(Drop.malformed_teredo);
    expect(bench.take()).toEqual([]);
  });

  test.each([
    ['without an origin', bubble(CLIENT, PEER), Drop.malformed_teredo],
    ['with a private origin', forwarded('10.0.0.1:40000', bubble(CLIENT, PEER)), Drop.special_ipv4],
    ['with an origin without a port', forwarded('192.0.2.45:0', bubble(CLIENT, PEER)), Drop.special_ipv4],
    ['from a client at a private address', forwarded('192.0.2.45:40000', bubble(teredo('10.0.0.1:5'), PEER)), Drop.special_ipv4],
    ['from a group', forwarded('192.0.2.45:40000', bubble('ff0e::1', PEER)), Drop.special_ipv6],
  ])('%s: a drop', (_, payload, reason) => {
    const bench = new ClientBench(PEER_SETUP);
    expect(bench.receive(SERVER, payload)).toBe(reason);
    expect(bench.take()).toEqual([]);
  });

  test('four are answered in 300 s, unless the peer is heard itself', () => {
    const bench = new ClientBench(PEER_SETUP);
    const ask = () => bench.receive(SERVER, forwarded('192.0.2.45:40000', bubble(CLIENT, PEER)));
    expect([ask(), ask(), ask(), ask(), ask()]).toEqual([...Array(4).fill(Verdict.consumed), Drop.rate_limit]);
    bench.receive('192.0.2.45:40000', bubble(CLIENT, PEER));
    expect(ask()).toBe(Verdict.consumed);
    expect(new Set(bench.take().map(({ to }) => to))).toEqual(new Set(['192.0.2.45:40000', SERVER]));
  });

  test('CL-27: they count as word from the server', () => {
    const bench = new ClientBench();
    bench.pass(20_000);
    bench.receive(SERVER, payloadOf('teredo_relay_bubble_forwarded'));
    bench.pass(22_000);
    expect(bench.sent.filter(({ payload }) => payload.startsWith('0001'))).toEqual([]);
    const silent = new ClientBench();
    expect(silent.pass(42_000).sent.some(({ payload }) => payload.startsWith('0001'))).toBe(true);
  });
});

describe('doubt', () => {
  test('what comes from its own address is a loop', () => {
    const bench = new ClientBench();
    expect(bench.receive(SERVER, forwarded('192.0.2.45:40000', bubble(CLIENT, CLIENT)))).toBe(Drop.loop);
    expect(bench.receive('192.0.2.45:40000', data(CLIENT, CLIENT))).toBe(Drop.loop);
    expect([bench.take(), bench.role.peers]).toEqual([[], 0]);
  });

  test('a peer that asks again is not where it was: it is answered by a pair', () => {
    const bench = reached();
    const ask = () => bench.receive(SERVER, forwarded(PEER_AT, bubble(PEER, CLIENT)));
    ask();
    expect(bench.take().map(({ to }) => to)).toEqual([PEER_AT]);
    expect(bench.send(data(CLIENT, PEER))).toBe(PEER_AT);
    ask();
    expect(bench.take().map(({ to }) => to)).toEqual([PEER_AT, SERVER]);
    expect(bench.route(data(CLIENT, PEER))).toBe(Drop.no_endpoint);
  });

  test('CL-46: a peer whose data comes from elsewhere is asked, two seconds after the last packet to it at the earliest', () => {
    const bench = reached();
    bench.pass(10_000);
    bench.receive('198.51.100.118:5000', data(PEER, CLIENT));
    bench.pass(1_000);
    expect(bench.send(data(CLIENT, PEER))).toBe(PEER_AT);
    bench.pass(1_999);
    expect(bench.take().map(({ at }) => at)).toEqual([10_000]);
    bench.pass(1);
    expect(bench.take().map(({ at, to }) => [at, to])).toEqual([[13_000, PEER_AT]]);
  });

  test('a peer that is in use is not given up because somebody else claims to be it', () => {
    const bench = new ClientBench();
    bench.send(data(CLIENT, NATIVE));
    bench.receive(RELAY_AT, payloadOf('teredo_ping_reply'));
    expect(bench.receive('203.0.113.66:3545', data(NATIVE, CLIENT))).toBe(Verdict.hold);
    bench.pass(8_000);
    expect(bench.dismissed).toHaveLength(1);
    expect(bench.send(data(CLIENT, NATIVE))).toBe(RELAY_AT);
    const other = reached();
    other.receive('198.51.100.118:5000', data(PEER, CLIENT));
    other.pass(8_000);
    expect(other.send(data(CLIENT, PEER))).toBe(PEER_AT);
  });

  test('data of a peer that is being asked releases what waits for it', () => {
    const bench = reached();
    bench.pass(30_000);
    expect(bench.send(data(CLIENT, PEER))).toBe(Verdict.hold);
    expect(bench.receive(PEER_AT, data(PEER, CLIENT))).toBe(Drop.none);
    expect(bench.released.map(({ to }) => to)).toEqual([PEER_AT]);
  });

  test('it does not send bubbles to itself, though a peer has the same private address', () => {
    const bench = new ClientBench();
    bench.receive(SERVER, forwarded(PEER_AT, bubble(PEER, CLIENT, '03080000c0a8010a9c40')));
    expect(bench.take().map(({ to }) => to)).toEqual([PEER_AT, SERVER]);
  });

  test('strangers who ask by the server make it keep state of thirty in a second', () => {
    const bench = new ClientBench({ change: { maxPeers: 4096 } });
    const verdicts = Array.from({ length: 1_000 }, (_, i) => {
      if (i % 2 === 0) bench.pass(1);
      return bench.receive(SERVER, forwarded(PEER_AT, bubble(teredo(PEER_AT, i.toString(16).padStart(4, '0')), CLIENT)));
    });
    expect(new Set(verdicts)).toEqual(new Set([Verdict.consumed, Drop.rate_limit]));
    expect(bench.role.peers).toBeLessThanOrEqual(15 + 3);
    // So do those who are where their addresses say.
    const direct = Array.from({ length: 100 }, (_, i) =>
      bench.receive(PEER_AT, bubble(teredo(PEER_AT, `3${i.toString(16).padStart(3, '0')}`), CLIENT)),
    );
    expect(direct.filter((verdict) => verdict === Drop.rate_limit).length).toBeGreaterThan(90);
  });
});

describe('RFC 6081 section 5.7: a peer that was there before', () => {
  test('EX-26, F24: is solicited itself at 0, 2 and 4 s, and its server is asked at 4 s', () => {
    const bench = reached();
    bench.pass(30_000);
    expect(bench.send(data(CLIENT, PEER))).toBe(Verdict.hold);
    expect(bench.take()).toEqual([{ at: 30_000, socket: 0, to: PEER_AT, payload: frame('teredo_direct_bubble_slr') }]);
    bench.pass(8_000);
    expect(bench.take().map(({ at, to }) => [at - 30_000, to])).toEqual([
      [2_000, PEER_AT],
      [4_000, PEER_AT],
      [4_000, SERVER],
      [6_000, PEER_AT],
      [6_000, SERVER],
    ]);
    expect(bench.released.map(({ to }) => to)).toEqual(['undeliverable']);
  });

  test('its answer releases what waits', () => {
    const bench = reached();
    bench.pass(30_000);
    bench.send(data(CLIENT, PEER));
    expect(bench.receive(PEER_AT, bubble(PEER, CLIENT, '040401000000'))).toBe(Verdict.consumed);
    expect(bench.released.map(({ to }) => to)).toEqual([PEER_AT]);
    bench.take();
    expect(bench.pass(9_000).take()).toEqual([]);
  });

  test('EX-27: a solicitation is answered by an advertisement, an advertisement by nothing', () => {
    const bench = reached();
    expect(bench.receive(PEER_AT, bubble(PEER, CLIENT, '040400000000'))).toBe(Verdict.consumed);
    expect(bench.take()).toEqual([{ at: 0, socket: 0, to: PEER_AT, payload: toHex(bubble(CLIENT, PEER, '040401000000')) }]);
    bench.receive(PEER_AT, bubble(PEER, CLIENT, '040401000000'));
    expect(bench.take()).toEqual([]);
  });
});

describe('when its address changes', () => {
  test('what waits is given up, and peers have to be reached anew', () => {
    const bench = reached();
    bench.send(data(CLIENT, NATIVE));
    bench.take();
    for (let i = 0; !bench.sent.some(({ payload }) => payload.startsWith('0001')); i++) {
      expect(i).toBeLessThan(31);
      bench.receive(PEER_AT, data(PEER, CLIENT));
      bench.pass(1_000);
    }
    bench.released.length = 0;
    bench.send(data(CLIENT, '3fff:0:1::81'));
    const question = bench.sent.filter(({ payload }) => payload.startsWith('0001'));
    bench.sent.splice(0, bench.sent.length, ...question);
    expect(bench.answer(['192.0.2.45:40001', '192.0.2.45:40001'])).toBe(Verdict.consumed);
    expect(bench.address).toBe('2001:0:4136:e378:0:63be:3fff:fdd2');
    expect(bench.released.map(({ to }) => to)).toEqual(['undeliverable']);
    expect(bench.role.peers).toBe(0);
    expect(bench.send(data(CLIENT, PEER))).toBe(Drop.source_mismatch);
    expect(bench.receive(PEER_AT, data(PEER, CLIENT))).toBe(Drop.destination_mismatch);
  });

  test('what was found out is told when it has changed, and is the same object until then', () => {
    const bench = new ClientBench();
    const { learned } = bench.role;
    bench.pass(1_000);
    expect(bench.role.learned).toBe(learned);
    expect(learned).toEqual({ routers: [], prefixes: [], routes: [], mtu: 0, teredo: learned.teredo });
    expect(bench.role.heritage().learned).toBe(learned);
    bench.pass(60_000);
    expect(bench.role.learned).not.toBe(learned);
    expect(bench.role.learned.teredo).toMatchObject({ state: 'off-line', address: null });
    expect(bench.send(data(CLIENT, PEER))).toBe(Drop.tunnel_down);
  });
});

test('an echo reply with more data than was sent is taken by its nonce all the same; a request never is', () => {
  const bench = new ClientBench();
  bench.send(data(CLIENT, NATIVE));
  const nonce = 'a1b2c3d4e5f60718';
  const body = hex(`00010001${nonce}`);
  expect(bench.receive(RELAY_AT, icmp6({ src: NATIVE, dst: CLIENT }, 128, 0, body))).toBe(Verdict.hold);
  expect(bench.receive(RELAY_AT, echoReply({ src: NATIVE, dst: CLIENT }))).toBe(Verdict.hold);
  expect(bench.receive(RELAY_AT, echoRequest({ src: NATIVE, dst: CLIENT }))).toBe(Verdict.hold);
  expect(bench.receive(`${SECONDARY}:3544`, icmp6({ src: NATIVE, dst: CLIENT }, 129, 0, body))).toBe(Verdict.consumed);
});
