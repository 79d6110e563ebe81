/** TRDO-EN-21: checksums of UDP are the kernel's to write and to read, RFC 1122 section 4.1.3.4. */
import { afterEach, expect, test } from 'vitest';
import { HEADROOM } from '../../src/core/frame.js';
import { Arena } from '../../src/linux/arena.js';
import { close } from '../../src/linux/libc.js';
import { Poller } from '../../src/linux/poll.js';
import { openUdp, UdpSocketPort } from '../../src/linux/udp.js';
import { parseIpv4 } from '../../src/wire/address.js';
import { IPV4_LEN, Protocol, writeIpv4 } from '../../src/wire/ipv4.js';
import { put16, u16 } from '../../src/wire/octets.js';
import { UDP_LEN, writeUdp4 } from '../../src/wire/udp.js';
import { IPv4Host, Tap } from './far-end.js';
import { Cable, describeInNamespaces } from './namespace.js';

const HERE = parseIpv4('192.0.2.1') ?? 0;
const THERE = parseIpv4('192.0.2.2') ?? 0;
const TEREDO = 3544;
const FAR_PORT = 40_000;
const ROOM = HEADROOM + 2048;
const ETHERNET_LEN = 14;
const ETH_P_IP = 0x0800;

/** RFC 1071 over the pseudo header and a whole datagram: 0 when its checksum is right. */
function sumOf(datagram: Uint8Array): number {
  const pseudo = [192, 0, 2, 1, 192, 0, 2, 2, 0, Protocol.udp, datagram.length >>> 8, datagram.length & 255];
  const octets = [...pseudo, ...datagram, 0];
  let sum = 0;
  for (let i = 0; i + 1 < octets.length; i += 2) sum += octets[i] * 256 + octets[i + 1];
  return (sum % 0xffff) % 0xffff;
}

describeInNamespaces('checksums of UDP on a cable', () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0).reverse()) step();
  });

  function portOn(cable: Cable): { port: UdpSocketPort; arena: Arena; fd: number } {
    const fd = cable.a.run(() => openUdp(HERE, TEREDO, { ttl: 64 }));
    const arena = new Arena(4 * (ROOM + 256) + (1 << 20));
    undo.push(
      () => arena.unmap(),
      () => close(fd),
    );
    return { port: new UdpSocketPort(arena, fd, 1, ROOM, { trains: false }), arena, fd };
  }

  test('TRDO-EN-21: what is sent has a right checksum', () => {
    const cable = new Cable('192.0.2.1/24', '192.0.2.2/24');
    undo.push(() => cable.close());
    const { port, arena } = portOn(cable);
    const tap = cable.b.run(() => new Tap('tlxb', ETH_P_IP));
    undo.push(() => tap.close());
    const [frame] = port.batch;
    frame.clear();
    // In two fragments: of one packet the kernel would leave the sum to a network card, and there is none.
    frame.end = frame.off + 1501;
    frame.b.fill(0xa5, frame.off, frame.end);
    frame.remote.addr = THERE;
    frame.remote.port = FAR_PORT;
    expect(port.send(port.batch, 1)).toBe(1);
    const poller = new Poller(arena, [tap.fd]);
    const parts: Uint8Array[] = [];
    for (let i = 0; i < 100 && parts.length < 2; i++) {
      parts.push(...tap.take().map((whole) => whole.subarray(ETHERNET_LEN)));
      if (parts.length < 2) poller.wait(10);
    }
    const datagram = Uint8Array.from(parts.flatMap((part) => [...part.subarray(IPV4_LEN)]));
    expect([datagram.length, u16(datagram, 4), u16(datagram, 6) === 0, sumOf(datagram)]).toEqual([1509, 1509, false, 0]);
  });

  test('TRDO-EN-21: what comes without one is taken, and with a wrong one is not', () => {
    const cable = new Cable('192.0.2.1/24', '192.0.2.2/24');
    undo.push(() => cable.close());
    const { port, arena, fd } = portOn(cable);
    const far = cable.b.run(() => new IPv4Host(Protocol.udp, { withHeader: true }));
    undo.push(() => far.close());
    for (const [octets, checksum] of [
      [40, 1],
      [41, 0],
      [42, 0x55aa],
    ]) {
      const packet = new Uint8Array(IPV4_LEN + UDP_LEN + octets).fill(0xa5);
      writeIpv4(packet, 0, packet.length, 0, 0, 64, Protocol.udp, THERE, HERE);
      writeUdp4(packet, 0, IPV4_LEN, packet.length, FAR_PORT, TEREDO);
      put16(packet, IPV4_LEN + 6, checksum);
      far.send(packet);
    }
    const poller = new Poller(arena, [fd]);
    const sizes: number[] = [];
    for (let i = 0; i < 100 && sizes.length === 0; i++) {
      if (port.receive() > 0) sizes.push(port.batch[0].len);
      else poller.wait(10);
    }
    expect([sizes, port.receive()]).toEqual([[41], 0]);
  });
});
