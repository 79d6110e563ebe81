import { afterEach, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { type Frame, HEADROOM } from '../../src/core/frame.js';
import { Arena, arenaStride } from '../../src/linux/arena.js';
import { AF, close, int32, must, readInto, SO, SOCK, SOL, setsockopt, socket } from '../../src/linux/libc.js';
import { Outlet6Port, openOutlet6 } from '../../src/linux/outlet6.js';
import { overflowOf } from '../../src/linux/overflow.js';
import { Poller } from '../../src/linux/poll.js';
import { parseIpv6 } from '../../src/wire/address.js';
import { type FarEnd, IPv6Link, Tap } from './far-end.js';
import { Cable, describeInNamespaces, ip, Namespace, routeIpv6 } from './namespace.js';

const BATCH = 64;
const ROOM = HEADROOM + 2048;
const ETHERNET_LEN = 14;
const ETH_P_IPV6 = 0x86dd;
/** A client's Teredo address: nobody of this host. */
const STRANGER = '2001:0:4136:e378:8000:63bf:3fff:fdd2';
const NEIGHBOUR = '2001:db8:1::2';
const OWN = '2001:db8::1';

describeInNamespaces('IPv6 without a device', () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0)) step();
  });

  /** A cable whose end a has a route to 2001:db8:1::/48, and the host the address 2001:db8::1. */
  function cable(): Cable {
    const made = new Cable('192.0.2.1/24', '192.0.2.2/24');
    undo.push(() => made.close());
    made.a.run(() => {
      routeIpv6('tlxa', '2001:db8:1::/48', NEIGHBOUR);
      ip(`address add ${OWN}/128 dev lo`);
      for (let i = 0; !ip('-6 route show table local').includes(`local ${OWN} `); i++) if (i === 500) throw new Error(`no ${OWN}`);
    });
    return made;
  }

  function outletIn(host: Namespace): { port: Outlet6Port; frames: Frame[]; arena: Arena; fd: number } {
    const fd = host.run(openOutlet6);
    undo.push(() => close(fd));
    const arena = new Arena(BATCH * arenaStride(ROOM) + (64 << 10));
    undo.push(() => arena.unmap());
    return { port: new Outlet6Port(arena, fd, BATCH), frames: arena.makeBatch(BATCH, ROOM), arena, fd };
  }

  function farEnd<T extends FarEnd>(host: Namespace, open: () => T): T {
    const far = host.run(open);
    undo.push(() => far.close());
    return far;
  }

  /** A packet from a stranger with `octets` octets of payload, traffic class 0xb9, flow label 0xabcde. */
  function packet(to: string, octets: number, nextHeader = 59, hopLimit = 64): Uint8Array {
    const b = new Uint8Array(40 + octets).fill(0xa5);
    b.set([0x6b, 0x9a, 0xbc, 0xde, octets >>> 8, octets, nextHeader, hopLimit]);
    b.set(parseIpv6(STRANGER) ?? [], 8);
    b.set(parseIpv6(to) ?? [], 24);
    return b;
  }

  function load(frame: Frame, b: Uint8Array): void {
    frame.fill(b, 0, b.length);
    frame.fate = 99;
  }

  const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');

  test("a packet leaves with its own header, whoever's source it has, and any hop limit", () => {
    const wire = cable();
    const { port, frames, arena } = outletIn(wire.a);
    const tap = farEnd(wire.b, () => new Tap('tlxb', ETH_P_IPV6));
    const packets = [packet(NEIGHBOUR, 100), packet(NEIGHBOUR, 0, 58, 255), packet(NEIGHBOUR, 1460, 17, 1)];
    for (const [i, b] of packets.entries()) load(frames[i], b);
    expect([port.send(frames, 3), frames.slice(0, 3).map((frame) => frame.fate)]).toEqual([3, [Drop.none, Drop.none, Drop.none]]);
    const poller = new Poller(arena, [tap.fd]);
    const arrived: Uint8Array[] = [];
    for (let i = 0; i < 100 && arrived.length < 3; i++) {
      poller.wait(10);
      arrived.push(...tap.take());
    }
    expect(arrived.map((frame) => hex(frame.subarray(ETHERNET_LEN)))).toEqual(packets.map(hex));
  });

  test('a packet for the host itself is delivered there', () => {
    const { a } = cable();
    const { port, frames, arena } = outletIn(a);
    const listener = a.run(() => must(socket(AF.INET6, SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, 253), 'socket', 'protocol 253'));
    undo.push(() => close(listener));
    load(frames[0], packet(OWN, 8, 253));
    expect([port.send(frames, 1), frames[0].fate]).toEqual([1, Drop.none]);
    new Poller(arena, [listener]).wait(1000);
    const payload = new Uint8Array(100);
    expect([readInto(listener, payload, 100), hex(payload.subarray(0, 8))]).toEqual([8, 'a5'.repeat(8)]);
  });

  test('what routes forbid has the fate of its kind', () => {
    const { a } = cable();
    const { port, frames } = outletIn(a);
    const types = ['unreachable', 'blackhole', 'prohibit', 'throw'];
    types.forEach((type, i) => {
      a.run(() => ip(`-6 route add ${type} 2001:db8:f::${i + 1}`));
      load(frames[i], packet(`2001:db8:f::${i + 1}`, 8));
    });
    load(frames[4], packet('2001:db8:e::1', 8));
    load(frames[5], packet(NEIGHBOUR, 8));
    expect(port.send(frames, 6)).toBe(6);
    const { no_route, send_refused, none } = Drop;
    expect(frames.slice(0, 6).map((frame) => frame.fate)).toEqual([no_route, no_route, send_refused, no_route, no_route, none]);
  });

  test('a host that has no IPv6 address has no route', () => {
    const host = new Namespace();
    undo.push(() => host.close());
    const { port, frames } = outletIn(host);
    load(frames[0], packet(NEIGHBOUR, 8));
    expect([port.send(frames, 1), frames[0].fate]).toEqual([1, Drop.no_route]);
  });

  test('a header that is cut short is refused as truncated, whatever octets lie behind it', () => {
    const { port, frames } = outletIn(cable().a);
    for (const [i, to] of [NEIGHBOUR, '2001:db8:e::1'].entries()) {
      load(frames[i], packet(to, 0));
      frames[i].end -= 1;
    }
    expect(port.send(frames, 2)).toBe(2);
    expect([frames[0].fate, frames[1].fate]).toEqual([Drop.truncated, Drop.truncated]);
  });

  test('packets of protocol 255, which the kernel thinks are for it, do not stay in it', () => {
    const wire = cable();
    const { fd, port, arena } = outletIn(wire.a);
    const mac = wire.a.run(() => ip('-o link show tlxa')).match(/link\/ether ([0-9a-f:]+)/)?.[1] ?? '';
    const octets = mac.split(':').map((octet) => Number.parseInt(octet, 16));
    const far = farEnd(wire.b, () => new IPv6Link('tlxb', octets));
    const listener = wire.a.run(() => must(socket(AF.INET6, SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, 255), 'socket', 'protocol 255'));
    undo.push(() => close(listener));
    for (let i = 0; i < 3; i++) far.send(packet(OWN, 8, 255));
    new Poller(arena, [listener]).wait(1000);
    const b = new Uint8Array(100);
    expect([readInto(listener, b, 100), readInto(fd, b, 100), port.receive(), overflowOf(fd)]).toEqual([8, -1, 0, 0]);
  });

  test('a socket that is full handles what it took, and leaves the rest to the caller', () => {
    const { a } = cable();
    const { port, frames, fd } = outletIn(a);
    must(setsockopt(fd, SOL.SOCKET, SO.SNDBUF, int32(4096), 4), 'setsockopt', 'SO_SNDBUF');
    a.run(() => ip('address add 2001:db8:1::1/128 dev tlxa nodad'));
    // Packets for a neighbour that does not answer wait in the socket's buffer for an answer.
    for (const frame of frames) load(frame, packet('2001:db8:1::77', 1000));
    const handled = port.send(frames, BATCH);
    expect(handled).toBeGreaterThan(0);
    expect(handled).toBeLessThan(BATCH);
    expect(frames.map((frame) => frame.fate)).toEqual(frames.map((_, i) => (i < handled ? Drop.none : 99)));
  });
});
