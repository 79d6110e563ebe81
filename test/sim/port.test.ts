import { expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import type { Port, PortKind } from '../../src/engine/port.js';
import { fromIpv4, parseAddress, parseSubnet } from '../../src/sim/address.js';
import { SharedFrames } from '../../src/sim/frames.js';
import { Host } from '../../src/sim/host.js';
import { Link } from '../../src/sim/link.js';
import { openIcmp4, openLan, openProtocol41, openTun } from '../../src/sim/port.js';
import { Probe } from '../../src/sim/probe.js';
import { SeededRandom } from '../../src/sim/random.js';
import { Scheduler } from '../../src/sim/scheduler.js';
import { Trace } from '../../src/sim/trace.js';
import { SimulatedUdpPort } from '../../src/sim/udp-port.js';
import { fragmentCount4, Reassembly4, writeFragment4 } from '../../src/wire/fragment4.js';
import { headerLen4, isIpv4 } from '../../src/wire/ipv4.js';
import { type PortBench, portCompliance } from '../port-compliance.js';

const MTU = 1500;
const HERE = 0xc0000201;
const THERE = 0xc0000202;
const NOWHERE = 0x08080808;
const ALL_ROUTERS = parseAddress('ff02::2');

/** A host on a cable with a stranger at its other end. */
function cable() {
  const scheduler = new Scheduler();
  const trace = new Trace(scheduler);
  const random = new SeededRandom(1);
  const link = new Link('cable', scheduler, random.stream('cable'), trace.account('cable'), { delay: 1, mtu: MTU });
  const host = new Host({ name: 'here', forwards: false, scheduler, random, account: trace.account('here'), frames: new SharedFrames() });
  const eth0 = host.addInterface('eth0', link, MTU);
  host.assign(eth0, parseSubnet('192.0.2.1/24'));
  const probe = new Probe(link, trace.account('there'));
  probe.claim(fromIpv4(THERE));
  return { scheduler, host, eth0, probe };
}

function bench(kind: Exclude<PortKind, 'ipv6' | 'dhcp4'>): PortBench {
  const { scheduler, host, eth0, probe } = cable();
  const wake = (): void => {};
  const makers: Record<typeof kind, () => Port> = {
    'protocol-41': () => openProtocol41(host, wake),
    icmp4: () => openIcmp4(host, wake),
    lan: () => openLan(host, 'eth0', wake),
    udp: () => new SimulatedUdpPort(host, { local: HERE, port: 3544 }, wake),
  };
  const reassembly = new Reassembly4();
  return {
    port: makers[kind](),
    frames: makeBatch(20, HEADROOM + 4000),
    mtu: MTU,
    here: HERE,
    there: THERE,
    nowhere: NOWHERE,
    inject(packet) {
      for (const piece of pieces(packet)) probe.send(piece, kind === 'lan' ? ALL_ROUTERS : fromIpv4(HERE));
    },
    collect() {
      const arrived = probe.received.splice(0);
      return arrived.flatMap((packet) => {
        const whole = packet[0] >>> 4 === 4 ? reassembly.add(packet, 0, packet.length, scheduler.now) : packet;
        return whole === null ? [] : [whole];
      });
    },
    step: () => void scheduler.run(scheduler.now + 1),
    takeDown() {
      eth0.isUp = false;
    },
    close() {},
  };
}

/** A packet as it goes over the cable: in fragments where it is too large. */
function pieces(packet: Uint8Array): Uint8Array[] {
  if (packet.length <= MTU || !isIpv4(packet, 0, packet.length)) return [packet];
  return Array.from({ length: fragmentCount4(packet.length, headerLen4(packet, 0), MTU) }, (_, i) => {
    const piece = new Uint8Array(MTU);
    return piece.slice(0, writeFragment4(piece, 0, packet, 0, MTU, packet.length, i));
  });
}

/** A device, whose far end is the host itself. */
function deviceBench(): PortBench {
  const { scheduler, host } = cable();
  const port = openTun(host, 'tun0', () => {});
  const received: Uint8Array[] = [];
  host.receive = (_from, packet) => void received.push(packet);
  host.interface('tun0').isUp = true;
  return {
    port,
    frames: makeBatch(20, HEADROOM + 4000),
    mtu: MTU,
    here: HERE,
    there: THERE,
    nowhere: NOWHERE,
    inject: (packet) => void host.interface('tun0').send(packet, packet.subarray(24, 40)),
    collect: () => received.splice(0),
    step: () => void scheduler.run(scheduler.now + 1),
    takeDown() {
      host.interface('tun0').isUp = false;
    },
    close() {},
  };
}

portCompliance('the simulated TUN device', 'ipv6', deviceBench);
portCompliance('the simulated protocol 41 socket', 'protocol-41', () => bench('protocol-41'));
portCompliance('the simulated ICMPv4 socket', 'icmp4', () => bench('icmp4'));
portCompliance('the simulated UDP socket', 'udp', () => bench('udp'));
portCompliance('the simulated LAN', 'lan', () => bench('lan'));

test('a LAN refuses what is larger than its link, and what is for one host', () => {
  const { port, frames, collect, step } = bench('lan');
  const send = (to: string, octets: number): number => {
    const packet = new Uint8Array(octets);
    packet.set([0x60, 0, 0, 0, (octets - 40) >>> 8, octets - 40, 59, 255]);
    packet.set(parseAddress(to), 24);
    frames[0].fill(packet, 0, octets);
    expect(port.send(frames, 1)).toBe(1);
    return frames[0].fate;
  };
  expect([send('ff02::1', MTU), send('ff02::1', MTU + 1), send('2001:db8::1', 100)]).toEqual([Drop.none, Drop.too_big, Drop.send_refused]);
  step();
  expect(collect().map(({ length }) => length)).toEqual([MTU]);
});
