import { HEADROOM } from '../../src/core/frame.js';
import type { Port } from '../../src/engine/port.js';
import { Arena, arenaStride } from '../../src/linux/arena.js';
import { closeDhcp4, Dhcp4Port, openDhcp4 } from '../../src/linux/dhcp4.js';
import { Icmp4Port, openIcmp4 } from '../../src/linux/icmp4.js';
import { LanPort, openLan } from '../../src/linux/lan.js';
import { close } from '../../src/linux/libc.js';
import { Outlet6Port, openOutlet6 } from '../../src/linux/outlet6.js';
import { Poller } from '../../src/linux/poll.js';
import { openProtocol41, Protocol41Port } from '../../src/linux/protocol41.js';
import { TrainWriter } from '../../src/linux/train-writer.js';
import { openTun, TunPort, takeTunTrains } from '../../src/linux/tun.js';
import { openUdp, UdpSocketPort } from '../../src/linux/udp.js';
import { WriteLoop } from '../../src/linux/writes.js';
import { parseIpv4 } from '../../src/wire/address.js';
import { type PortBench, portCompliance } from '../port-compliance.js';
import { type FarEnd, IPv4Host, IPv6Link } from './far-end.js';
import { Cable, completeChecksums, ip, Namespace, routeIpv6, withoutNamespaces } from './namespace.js';

const BATCH = 16;
const SPARE = 150;
const ROOM = HEADROOM + 4096;
/** Octets of a frame that a train may come in. */
const TRAIN_ROOM = HEADROOM + 65_535;
/** Longest wait for something to arrive, milliseconds. */
const STEP = 10;

const HERE = '192.0.2.1';
const THERE = '192.0.2.2';
const addr = (text: string): number => parseIpv4(text) ?? Number.NaN;

/** A port over `fd`, with `far` at the other end. */
function benchOf(fd: number, makePort: (arena: Arena) => Port, far: FarEnd, takeDown: () => void, closeNamespaces: () => void): PortBench {
  const arena = new Arena(2 * BATCH * arenaStride(TRAIN_ROOM) + SPARE * arenaStride(ROOM) + (64 << 10));
  const poller = new Poller(arena, [fd, far.fd]);
  return {
    port: makePort(arena),
    frames: arena.makeBatch(SPARE, ROOM),
    mtu: 1500,
    here: addr(HERE),
    there: addr(THERE),
    nowhere: addr('203.0.113.1'),
    inject: (packet) => far.send(packet),
    collect: () => far.take(),
    step: () => {
      poller.wait(STEP);
    },
    takeDown,
    close: () => {
      close(fd);
      far.close();
      closeNamespaces();
    },
  };
}

function tun(makePort: (arena: Arena, fd: number) => Port, trains: boolean): PortBench {
  const namespace = new Namespace();
  return namespace.run(() => {
    const [fd] = openTun('tlx0', { queues: 1 });
    if (trains) takeTunTrains(fd);
    ip('link set dev tlx0 mtu 1500 up');
    const far = new IPv6Link('tlx0', null);
    return benchOf(
      fd,
      (arena) => makePort(arena, fd),
      far,
      () => namespace.run(() => ip('link set dev tlx0 down')),
      () => namespace.close(),
    );
  });
}

const tunPort = (arena: Arena, fd: number): TunPort => new TunPort(arena, fd, BATCH, TRAIN_ROOM, { trains: true });

function tunPortWithoutRing(arena: Arena, fd: number): Port {
  const port = new TunPort(arena, fd, BATCH, ROOM, { trains: false });
  const writer = new TrainWriter(arena, new WriteLoop(arena, fd), BATCH, { trains: true });
  return { kind: port.kind, batch: port.batch, receive: () => port.receive(), send: (frames, n) => writer.send(frames, n) };
}

/** A cable, with the port at its end a and `far` at its end b. */
function wired(openPort: () => number, makePort: (arena: Arena, fd: number) => Port, openFar: () => FarEnd): PortBench {
  const cable = new Cable(`${HERE}/24`, `${THERE}/24`);
  const fd = cable.a.run(openPort);
  const far = cable.b.run(openFar);
  return benchOf(
    fd,
    (arena) => makePort(arena, fd),
    far,
    () => cable.a.run(() => ip('link set dev tlxa down')),
    () => cable.close(),
  );
}

const protocol41 = (): PortBench =>
  wired(
    () => openProtocol41({ worker: 0, workers: 1, key: 1 }),
    (arena, fd) => new Protocol41Port(arena, fd, BATCH, ROOM),
    () => new IPv4Host(41, { withHeader: false }),
  );

/** The far end's kernel, where nobody has the port, answers each datagram with an ICMP error. */
const udp = (trains: boolean): PortBench =>
  wired(
    () => {
      completeChecksums('tlxa');
      return openUdp(addr(HERE), 3544, { ttl: 64 });
    },
    (arena, fd) => new UdpSocketPort(arena, fd, BATCH, trains ? TRAIN_ROOM : ROOM, { trains }),
    () => new IPv4Host(17, { withHeader: false }),
  );

const icmp4 = (): PortBench =>
  wired(
    openIcmp4,
    (arena, fd) => new Icmp4Port(arena, fd, BATCH, ROOM),
    () => new IPv4Host(1, { withHeader: true }),
  );

const ALL_ROUTERS_MAC = [0x33, 0x33, 0, 0, 0, 2];
const lan = (): PortBench =>
  wired(
    () => openLan('tlxa'),
    (arena, fd) => new LanPort(arena, fd, BATCH, ROOM),
    () => new IPv6Link('tlxb', ALL_ROUTERS_MAC),
  );

/** A host with a route to the far end. */
const outlet = (): PortBench =>
  wired(
    () => {
      routeIpv6('tlxa', '2001:db8:1::/48', '2001:db8:1::2');
      return openOutlet6();
    },
    (arena, fd) => new Outlet6Port(arena, fd, BATCH),
    () => new IPv6Link('tlxb', null),
  );

/** The far end is a server on the same link; answers are of a kind that its kernel has no socket for. */
function dhcp4(): PortBench {
  const cable = new Cable(`${HERE}/24`, `${THERE}/24`);
  const sockets = cable.a.run(() => openDhcp4('tlxa'));
  return benchOf(
    sockets.link,
    (arena) => new Dhcp4Port(arena, sockets, BATCH, ROOM),
    cable.b.run(() => new IPv4Host(17, { withHeader: true })),
    () => cable.a.run(() => ip('link set dev tlxa down')),
    () => {
      closeDhcp4({ ...sockets, link: -1 });
      cable.close();
    },
  );
}

const skip = withoutNamespaces();
portCompliance('a TUN queue with trains', 'ipv6', () => tun(tunPort, true), skip);
portCompliance('a TUN queue without io_uring', 'ipv6', () => tun(tunPortWithoutRing, false), skip);
portCompliance('a raw socket of protocol 41', 'protocol-41', protocol41, skip);
portCompliance('a UDP socket', 'udp', () => udp(false), skip);
portCompliance('a UDP socket with trains', 'udp', () => udp(true), skip);
portCompliance('the IPv6 stack', 'outlet', outlet, skip);
portCompliance('a raw ICMP socket', 'icmp4', icmp4, skip);
portCompliance('a packet socket on a LAN', 'lan', lan, skip);
portCompliance('the sockets of a DHCPv4 client', 'dhcp4', dhcp4, skip);
