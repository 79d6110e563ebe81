import { afterEach, beforeEach, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { HEADROOM } from '../../src/core/frame.js';
import { Arena } from '../../src/linux/arena.js';
import { close } from '../../src/linux/libc.js';
import { Poller } from '../../src/linux/poll.js';
import { openUdp, UdpSocketPort } from '../../src/linux/udp.js';
import { openUdpGroup } from '../../src/linux/udp-group.js';
import { formatIpv4, parseIpv4 } from '../../src/wire/address.js';
import { Protocol, protocol4, ttl4 } from '../../src/wire/ipv4.js';
import { Tap } from './far-end.js';
import { Cable, describeInNamespaces } from './namespace.js';

const HERE = parseIpv4('192.0.2.1') ?? 0;
const THERE = parseIpv4('192.0.2.2') ?? 0;
const GROUP = parseIpv4('224.0.0.253') ?? 0;
const TEREDO = 3544;
const SERVICE = 40_000;
const ETH_P_IP = 0x0800;
const ETHERNET_LEN = 14;
const ROOM = HEADROOM + 2048;
/** Milliseconds after which what has not come is lost. */
const PATIENCE = 300;

describeInNamespaces('a group on a cable', () => {
  const undo: (() => void)[] = [];
  let cable: Cable;
  let arena: Arena;
  beforeEach(() => {
    cable = new Cable('192.0.2.1/24', '192.0.2.2/24');
    arena = new Arena(8 * (ROOM + 4096) + (1 << 20));
  });
  afterEach(() => {
    for (const step of undo.splice(0)) step();
    arena.unmap();
    cable.close();
  });

  /** A port over the socket that `open` opens. */
  function port(open: () => number): UdpSocketPort & { heard(): string[] } {
    const fd = open();
    undo.push(() => close(fd));
    const made = new UdpSocketPort(arena, fd, 1, ROOM, { trains: false });
    const poller = new Poller(arena, [fd]);
    /** All that comes until nothing comes, as text with its source. */
    const heard = (): string[] => {
      const texts: string[] = [];
      for (let isQuiet = false; !isQuiet; ) {
        poller.wait(PATIENCE);
        isQuiet = made.receive() === 0;
        const [{ b, off, end, remote }] = made.batch;
        if (!isQuiet) texts.push(`${new TextDecoder().decode(b.slice(off, end))} from ${formatIpv4(remote.addr)}:${remote.port}`);
      }
      return texts;
    };
    return Object.assign(made, { heard });
  }

  const hearer = () => port(() => cable.a.run(() => openUdpGroup(GROUP, HERE, TEREDO, { ttl: 64 })));

  function say(sender: UdpSocketPort, text: string, to: number): void {
    const [frame] = sender.batch;
    frame.clear();
    const octets = new TextEncoder().encode(text);
    frame.b.set(octets, frame.off);
    frame.end = frame.off + octets.length;
    frame.remote.addr = to;
    frame.remote.port = TEREDO;
    expect([sender.send([frame], 1), frame.fate]).toEqual([1, Drop.none]);
  }

  test('TRDO-CL-60: what any socket says to the group goes no further than the link, without a route, and is heard there', () => {
    const [one, other] = [hearer(), hearer()];
    const tap = cable.a.run(() => new Tap('tlxa', ETH_P_IP));
    undo.push(() => tap.close());
    say(
      port(() => cable.b.run(() => openUdp(THERE, SERVICE, { ttl: 64 }))),
      'here I am',
      GROUP,
    );
    expect(one.heard()).toEqual(['here I am from 192.0.2.2:40000']);
    expect(other.heard()).toEqual(['here I am from 192.0.2.2:40000']);
    const said = tap
      .take()
      .map((frame) => frame.subarray(ETHERNET_LEN))
      .filter((packet) => protocol4(packet, 0) === Protocol.udp);
    expect(said.map((packet) => ttl4(packet, 0))).toEqual([1]);
  });

  test('TRDO-CL-61: what is sent to the port of one host is not heard', () => {
    const group = hearer();
    const sender = port(() => cable.b.run(() => openUdp(THERE, SERVICE, { ttl: 64 })));
    say(sender, 'psst', HERE);
    say(sender, 'hello', GROUP);
    expect(group.heard()).toEqual(['hello from 192.0.2.2:40000']);
  });

  test('a host hears itself, and beside the service of a server', () => {
    const group = hearer();
    const service = port(() => cable.a.run(() => openUdp(HERE, TEREDO, { ttl: 64 })));
    say(service, 'it is me', GROUP);
    expect([group.heard(), service.heard()]).toEqual([['it is me from 192.0.2.1:3544'], []]);
  });

  test('on an address that the host does not have nobody is heard', () => {
    expect(() => cable.a.run(() => openUdpGroup(GROUP, THERE, TEREDO, { ttl: 64 }))).toThrow(
      /IP_ADD_MEMBERSHIP, group 224.0.0.253 at 192.0.2.2.*ENODEV/,
    );
  });
});
