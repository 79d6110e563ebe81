/** The far end of a link under test: plain sockets that have nothing in common with the ports. */
import { AF, bind, close, ifNameToIndex, int32, must, readInto, SO, SOCK, SOL, sendto, setsockopt, socket } from '../../src/linux/libc.js';

const NON_BLOCKING = SOCK.NONBLOCK | SOCK.CLOEXEC;
const ETH_P_IPV4 = 0x0800;
const ETH_P_IPV6 = 0x86dd;
const IP_HDRINCL = 3;
const IP_MTU_DISCOVER = 10;
const LARGE = 4 << 20;
const IPV4_LEN = 20;

/** A socket that gives and takes whole packets. */
export abstract class FarEnd {
  readonly fd: number;
  readonly #buffer = new Uint8Array(65536);

  constructor(fd: number) {
    this.fd = fd;
    // Whoever is root in a user namespace alone may not force; what the host allows everyone is just enough.
    for (const option of [SO.RCVBUF, SO.SNDBUF, SO.RCVBUFFORCE, SO.SNDBUFFORCE]) setsockopt(fd, SOL.SOCKET, option, int32(LARGE), 4);
  }

  abstract send(packet: Uint8Array): void;

  /** What has come, in order. */
  take(): Uint8Array[] {
    const packets: Uint8Array[] = [];
    for (;;) {
      const octets = readInto(this.fd, this.#buffer, this.#buffer.length);
      if (octets < 0) return packets;
      packets.push(this.#buffer.slice(0, octets));
    }
  }

  close(): void {
    close(this.fd);
  }
}

/** Packets of one family on an interface, below the stack: any octets at all are sent as such. */
abstract class PacketLink extends FarEnd {
  readonly #address = new Uint8Array(20);

  /** `mac`: where frames go, six octets; null on a link without such. */
  constructor(name: string, etherType: number, mac: readonly number[] | null) {
    super(must(socket(AF.PACKET, SOCK.DGRAM | NON_BLOCKING, 0), 'socket', 'AF_PACKET'));
    const view = new DataView(this.#address.buffer);
    view.setUint16(0, AF.PACKET, true);
    view.setUint16(2, etherType);
    view.setInt32(4, ifNameToIndex(name), true);
    view.setUint8(11, mac?.length ?? 0);
    this.#address.set(mac ?? [], 12);
    must(bind(this.fd, this.#address, 20), 'bind', name);
  }

  send(packet: Uint8Array): void {
    must(sendto(this.fd, packet, packet.length, 0, this.#address, 20), 'sendto', `${packet.length} octets`);
  }
}

/** IPv6 packets on an interface. */
export class IPv6Link extends PacketLink {
  constructor(name: string, mac: readonly number[] | null) {
    super(name, ETH_P_IPV6, mac);
  }
}

/** IPv4 packets on an interface. */
export class IPv4Link extends PacketLink {
  constructor(name: string, mac: readonly number[] | null) {
    super(name, ETH_P_IPV4, mac);
  }
}

/** Frames of one Ethernet type that arrive at an interface, with their Ethernet header: nothing is put together. */
export class Tap extends FarEnd {
  constructor(name: string, etherType: number) {
    super(must(socket(AF.PACKET, SOCK.RAW | NON_BLOCKING, 0), 'socket', 'AF_PACKET'));
    const address = new Uint8Array(20);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF.PACKET, true);
    view.setUint16(2, etherType);
    view.setInt32(4, ifNameToIndex(name), true);
    must(bind(this.fd, address, 20), 'bind', name);
  }

  send(): void {
    throw new Error('a tap only listens');
  }
}

/** IPv4 packets of one protocol. */
export class IPv4Host extends FarEnd {
  readonly #withHeader: boolean;

  /** `withHeader`: send them as they are; else the kernel writes the header anew, and fragments. */
  constructor(protocol: number, { withHeader }: { withHeader: boolean }) {
    super(must(socket(AF.INET, SOCK.RAW | NON_BLOCKING, protocol), 'socket', `AF_INET, protocol ${protocol}`));
    this.#withHeader = withHeader;
    if (withHeader) must(setsockopt(this.fd, SOL.IP, IP_HDRINCL, int32(1), 4), 'setsockopt', 'IP_HDRINCL');
    else must(setsockopt(this.fd, SOL.IP, IP_MTU_DISCOVER, int32(0), 4), 'setsockopt', 'IP_MTU_DISCOVER');
  }

  send(packet: Uint8Array): void {
    const address = new Uint8Array(16);
    new DataView(address.buffer).setUint16(0, AF.INET, true);
    address.set(packet.subarray(16, 20), 4);
    const octets = this.#withHeader ? packet : packet.slice(IPV4_LEN);
    must(sendto(this.fd, octets, octets.length, 0, address, 16), 'sendto', `${packet.length} octets`);
  }
}
