import { afterEach, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { HEADROOM } from '../../src/core/frame.js';
import { Arena } from '../../src/linux/arena.js';
import { closeDhcp4, Dhcp4Port, type Dhcp4Sockets, openDhcp4 } from '../../src/linux/dhcp4.js';
import { AF, bind, close, int32, must, SO, SOCK, SOL, setsockopt, socket } from '../../src/linux/libc.js';
import { Poller } from '../../src/linux/poll.js';
import { parseIpv4 } from '../../src/wire/address.js';
import { dst4, Protocol, src4, writeIpv4 } from '../../src/wire/ipv4.js';
import { put16 } from '../../src/wire/octets.js';
import { writeUdp4 } from '../../src/wire/udp.js';
import { IPv4Link, Tap } from './far-end.js';
import { Cable, describeInNamespaces, ip } from './namespace.js';

const ETH_P_IP = 0x0800;
const ETHERNET_LEN = 14;
const CLIENT = parseIpv4('192.0.2.1') ?? 0;
const SERVER = parseIpv4('192.0.2.2') ?? 0;
const EVERYBODY = 0xffffffff;
const UDP_AT = 20;

/** An IPv4 packet that carries UDP and sixteen octets. */
function datagram(from: number, to: number, ports: readonly [number, number], { protocol = Protocol.udp as number, fragment = 0 } = {}) {
  const packet = new Uint8Array(UDP_AT + 8 + 16).fill(0xa5);
  writeIpv4(packet, 0, packet.length, 0, fragment, 64, protocol, from, to);
  writeUdp4(packet, 0, UDP_AT, packet.length, ...ports);
  return packet;
}

describeInNamespaces('the ports of a DHCPv4 client', () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0)) step();
  });

  function client(before: (cable: Cable) => void = () => {}): { cable: Cable; port: Dhcp4Port; arena: Arena; sockets: Dhcp4Sockets } {
    const cable = new Cable('192.0.2.1/24', '192.0.2.2/24');
    undo.push(() => cable.close());
    before(cable);
    const sockets = cable.a.run(() => openDhcp4('tlxa'));
    undo.push(() => closeDhcp4(sockets));
    const arena = new Arena(1 << 20);
    return { cable, arena, sockets, port: new Dhcp4Port(arena, sockets, 8, HEADROOM + 2048) };
  }

  const macOf = (cable: Cable): number[] => {
    const text = cable.a.run(() => /link\/ether (\S+)/.exec(ip('-o link show dev tlxa'))?.[1]) ?? '';
    return text.split(':').map((octet) => Number.parseInt(octet, 16));
  };

  function server(cable: Cable, mac = macOf(cable)): IPv4Link {
    const link = cable.b.run(() => new IPv4Link('tlxb', mac));
    undo.push(() => link.close());
    return link;
  }

  function tap(cable: Cable): Tap {
    const made = cable.b.run(() => new Tap('tlxb', ETH_P_IP));
    undo.push(() => made.close());
    return made;
  }

  test('what comes for UDP port 68 is heard, whoever its IPv4 destination is, and nothing else', () => {
    const { cable, port, arena, sockets } = client();
    const far = server(cable);
    const answers = [datagram(SERVER, parseIpv4('192.0.2.77') ?? 0, [67, 68]), datagram(SERVER, EVERYBODY, [67, 68])];
    const others = [
      datagram(SERVER, CLIENT, [67, 69]),
      datagram(SERVER, CLIENT, [68, 67]),
      datagram(SERVER, CLIENT, [67, 68], { protocol: Protocol.icmp }),
      datagram(SERVER, CLIENT, [67, 68], { fragment: 0x2000 }),
      datagram(SERVER, CLIENT, [67, 68], { fragment: 0x0001 }),
      datagram(SERVER, CLIENT, [67, 68]).subarray(0, 22),
    ];
    for (const packet of [answers[0], ...others, answers[1]]) far.send(packet);
    new Poller(arena, [sockets.link]).wait(1000);
    const heard = port.batch.slice(0, port.receive()).map((frame) => frame.b.slice(frame.off, frame.end));
    expect(heard).toEqual(answers);
  });

  test('what is for another host is not heard, even where the interface is promiscuous', () => {
    const { cable, port } = client(({ a }) => a.run(() => ip('link set dev tlxa promisc on')));
    const mac = macOf(cable);
    server(cable, [mac[0], ...mac.slice(1, 5), mac[5] ^ 1]).send(datagram(SERVER, CLIENT, [67, 68]));
    server(cable).send(datagram(SERVER, CLIENT, [67, 68]));
    expect(port.receive()).toBe(1);
  });

  function load(port: Dhcp4Port, i: number, packet: Uint8Array): void {
    const frame = port.batch[i];
    frame.fill(packet, 0, packet.length);
    frame.remote.addr = dst4(packet, 0);
    frame.fate = 99;
  }

  test('a broadcast leaves for every host on the link, whatever its source; a unicast for the neighbour that the kernel finds', () => {
    const { cable, port, arena } = client();
    const wire = tap(cable);
    load(port, 0, datagram(0, EVERYBODY, [68, 67]));
    load(port, 1, datagram(CLIENT, SERVER, [68, 67]));
    load(port, 2, datagram(parseIpv4('192.0.2.9') ?? 0, EVERYBODY, [68, 67]));
    expect([port.send(port.batch, 3), ...port.batch.slice(0, 3).map((frame) => frame.fate)]).toEqual([3, Drop.none, Drop.none, Drop.none]);
    const frames: Uint8Array[] = [];
    const poller = new Poller(arena, [wire.fd]);
    for (let i = 0; i < 20 && frames.length < 3; i++) {
      poller.wait(100);
      frames.push(...wire.take());
    }
    const mac = cable.b.run(() => /link\/ether (\S+)/.exec(ip('-o link show dev tlxb'))?.[1]?.replaceAll(':', ''));
    const seen = frames.map((frame) => [Buffer.from(frame.subarray(0, 6)).toString('hex'), src4(frame, ETHERNET_LEN)]);
    expect(new Set(seen.map(String))).toEqual(
      new Set(
        [
          ['ffffffffffff', 0],
          [mac, CLIENT],
          ['ffffffffffff', parseIpv4('192.0.2.9')],
        ].map(String),
      ),
    );
  });

  test('a server behind a router is sent to by it', () => {
    const { cable, port, arena } = client(({ a }) => a.run(() => ip('route add 198.51.100.0/24 via 192.0.2.2')));
    const wire = tap(cable);
    load(port, 0, datagram(CLIENT, parseIpv4('198.51.100.1') ?? 0, [68, 67]));
    expect([port.send(port.batch, 1), port.batch[0].fate]).toEqual([1, Drop.none]);
    new Poller(arena, [wire.fd]).wait(1000);
    expect(wire.take().map((frame) => dst4(frame, ETHERNET_LEN))).toEqual([parseIpv4('198.51.100.1')]);
  });

  test('an answer brings the server no complaint that nobody listens', () => {
    const { cable, port, arena } = client();
    const wire = tap(cable);
    const far = server(cable);
    far.send(datagram(SERVER, CLIENT, [67, 68]));
    expect(port.receive()).toBe(1);
    // The kernel has judged the first of these before the second: what it says, it says in this order.
    far.send(datagram(SERVER, CLIENT, [67, 69]));
    new Poller(arena, [wire.fd]).wait(1000);
    const complaints = wire.take().map((frame) => frame.subarray(ETHERNET_LEN));
    expect(complaints.map((packet) => [packet[9], (packet[50] << 8) | packet[51]])).toEqual([[Protocol.icmp, 69]]);
  });

  test('where another program has port 68 the client works beside it', () => {
    const { port, sockets, cable } = client(({ a }) => {
      const fd = a.run(() => must(socket(AF.INET, SOCK.DGRAM | SOCK.CLOEXEC, 0), 'socket', 'AF_INET'));
      undo.push(() => close(fd));
      const address = new Uint8Array(16);
      new DataView(address.buffer).setUint16(0, AF.INET, true);
      put16(address, 2, 68);
      must(bind(fd, address, 16), 'bind', 'port 68');
      must(setsockopt(fd, SOL.SOCKET, SO.RCVBUF, int32(4096), 4), 'setsockopt', 'SO_RCVBUF');
    });
    expect(sockets.keeper).toBe(-1);
    server(cable).send(datagram(SERVER, CLIENT, [67, 68]));
    expect(port.receive()).toBe(1);
  });

  test('an interface that is deleted refuses frames with tunnel_down, and one that never was is named', () => {
    const { cable, port } = client();
    cable.a.run(() => ip('link delete dev tlxa'));
    load(port, 0, datagram(0, EVERYBODY, [68, 67]));
    load(port, 1, datagram(CLIENT, SERVER, [68, 67]));
    expect([port.receive(), port.receive(), port.send(port.batch, 2)]).toEqual([0, 0, 2]);
    expect([port.batch[0].fate, port.batch[1].fate]).toEqual([Drop.tunnel_down, Drop.tunnel_down]);
    expect(() => openDhcp4('nowhere0')).toThrow('if_nametoindex(nowhere0): ENODEV');
  });
});
