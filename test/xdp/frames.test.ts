/**
 * What is around the packets: stations, VLANs, padding, routes and neighbours. A VLAN interface is stood for by another one,
 * which has its routes: the program sees nothing of it but its number.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FastInterface } from '../../src/xdp/tables.js';
import { ip } from '../linux/namespace.js';
import { be16, icmp6, ipv4, join, udp6 } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';
import { describeWithPrograms, FastNode, GATEWAY4, GATEWAY6, interfaceOf, MAC4, MAC6 } from './fast-node.js';

const ALLOW = '[policy]\nallow-ipv4 = ["192.0.2.0/24", "203.0.113.0/24"]';
const RELAY = `[[tunnel]]\ntype = "6to4"\nrole = "relay"\nlocal = "192.88.99.1"\nmtu = 1480\n${ALLOW}`;
const WEB = '2a00:1450::80';
const SITE = '2002:cb00:7105::1';
const OUTER = { src: '203.0.113.5', dst: '192.88.99.1' };
const ENDS = { src: SITE, dst: WEB };
const BACK = { src: WEB, dst: SITE };
const [IPV4, IPV6, VLAN, SERVICE_VLAN] = [0x0800, 0x86dd, 0x8100, 0x88a8];

/** A frame of Ethernet; `tags`: protocol and control of each. */
function frame(to: Uint8Array, from: Uint8Array, protocol: number, packet: Uint8Array, ...tags: (readonly [number, number])[]): Buffer {
  const between = tags.flatMap(([kind, control]) => [...be16(kind), ...be16(control)]);
  return Buffer.from(join(to, from, Uint8Array.of(...between, ...be16(protocol)), packet));
}

/** A packet as the next router sees it: the hop limit one lower than it came. */
function onward(packet: Uint8Array): Uint8Array {
  const sent = Uint8Array.from(packet);
  sent[7]--;
  return sent;
}

const inner = udp6(ENDS);
const reply = udp6(BACK);

describeWithPrograms('frames', () => {
  let node: FastNode;
  let v4: FastInterface;
  let v6: FastInterface;
  beforeAll(() => {
    node = new FastNode();
    ({ v4, v6 } = node.interfaces);
    node.configure(nodeOf(RELAY));
    node.inside(() => {
      for (const name of ['xdcv4', 'xdcv6']) {
        ip(`link add ${name} address ${name === 'xdcv4' ? '02:00:00:00:00:24' : '02:00:00:00:00:26'} type veth peer name ${name}p`);
        for (const end of [name, `${name}p`]) ip(`link set dev ${end} addrgenmode none up`);
      }
      ip('neighbour add 10.255.255.253 lladdr 02:00:00:00:00:04 dev xdcv4 nud permanent');
      ip('neighbour add fe80::6 lladdr 02:00:00:00:00:06 dev xdcv6 nud permanent');
    });
  });
  afterAll(() => node.close());

  /** What leaves, and why it does not. */
  function shown(device: FastInterface, octets: Buffer): readonly [frame: string | null, reasons: string[]] {
    const before = node.tables.passed();
    const out = node.inside(() => node.show(device.device, octets));
    return [out === null ? null : Buffer.from(out).toString('hex'), [...node.passedSince(before).keys()]];
  }
  const decapsulated = frame(GATEWAY6, MAC6, IPV6, onward(inner)).toString('hex');
  const arriving = frame(MAC4, GATEWAY4, IPV4, ipv4(OUTER, inner));

  test('what follows a packet does not leave with it', () => {
    const padding = new Uint8Array(31).fill(0xa5);
    expect(shown(v4, Buffer.concat([arriving, padding]))).toEqual([decapsulated, []]);
    const [plain] = shown(v6, frame(MAC6, GATEWAY6, IPV6, reply));
    const [padded] = shown(v6, frame(MAC6, GATEWAY6, IPV6, join(reply, padding)));
    expect(padded?.length).toBe(plain?.length);
    expect(padded?.slice(-2 * reply.length)).toBe(Buffer.from(onward(reply)).toString('hex'));
  });

  test('what is for another station, in a VLAN that is none of ours, or in two of them is passed up', () => {
    const packet = ipv4(OUTER, inner);
    expect(shown(v4, frame(MAC6, GATEWAY4, IPV4, packet))).toEqual([null, ['other_link']]);
    expect(shown(v4, frame(Uint8Array.of(255, 255, 255, 255, 255, 255), GATEWAY4, IPV4, packet))).toEqual([null, ['other_link']]);
    expect(shown(v4, frame(MAC4, GATEWAY4, IPV4, packet, [VLAN, 7]))).toEqual([null, ['other_link']]);
    expect(shown(v4, frame(MAC4, GATEWAY4, IPV4, packet, [VLAN, 0], [VLAN, 0]))).toEqual([null, ['other_protocol']]);
    expect(shown(v4, frame(MAC4, GATEWAY4, IPV4, packet, [SERVICE_VLAN, 0]))).toEqual([null, ['other_protocol']]);
    expect(shown(v4, frame(MAC4, GATEWAY4, 0x0806, packet))).toEqual([null, ['other_protocol']]);
  });

  test('a tag that names a priority and no VLAN is none', () => {
    expect(shown(v4, frame(MAC4, GATEWAY4, IPV4, ipv4(OUTER, inner), [VLAN, 0xe000]))).toEqual([decapsulated, []]);
  });

  test('from VLAN to VLAN, and to none', () => {
    const [tagged4, tagged6] = node.inside(() => [interfaceOf('xdcv4', MAC4), interfaceOf('xdcv6', MAC6)]);
    const on4: FastInterface = { ...tagged4, device: v4.ifindex, vlan: 7, mac: Uint8Array.of(2, 0, 0, 0, 0, 0x24) };
    const on6: FastInterface = { ...tagged6, device: v6.ifindex, vlan: 4094, mac: Uint8Array.of(2, 0, 0, 0, 0, 0x26) };
    node.inside(() => {
      node.tables.setInterfaces([v4, v6, on4, on6]);
      ip('-6 route add 2a00:1450:7::/48 via fe80::6 dev xdcv6');
      ip('route add 203.0.113.7/32 via 10.255.255.253 dev xdcv4 onlink');
    });
    // Into the tunnel from VLAN 4094, by VLAN 7: the head grows by the outer header alone.
    const sevenths = udp6({ src: '2a00:1450:7::80', dst: '2002:cb00:7107::1' });
    const [out] = shown(v6, frame(on6.mac, GATEWAY6, IPV6, sevenths, [VLAN, 4094]));
    const left = Buffer.from(out ?? '', 'hex');
    expect(left.subarray(0, 18)).toEqual(frame(GATEWAY4, on4.mac, IPV4, new Uint8Array(0), [VLAN, 7]));
    expect(left.subarray(38)).toEqual(Buffer.from(onward(sevenths)));
    // Out of it from no VLAN into 4094, and from VLAN 7 into none.
    const into = udp6({ src: SITE, dst: '2a00:1450:7::80' });
    expect(shown(v4, frame(MAC4, GATEWAY4, IPV4, ipv4(OUTER, into)))).toEqual([
      frame(GATEWAY6, on6.mac, IPV6, onward(into), [VLAN, 4094]).toString('hex'),
      [],
    ]);
    expect(shown(v4, frame(on4.mac, GATEWAY4, IPV4, ipv4(OUTER, inner), [VLAN, 7]))).toEqual([decapsulated, []]);
    // The station address is that of the VLAN's own interface.
    expect(shown(v4, frame(MAC4, GATEWAY4, IPV4, ipv4(OUTER, inner), [VLAN, 7]))).toEqual([null, ['other_link']]);
    node.inside(() => node.tables.setInterfaces([v4, v6]));
    expect(shown(v4, frame(MAC4, GATEWAY4, IPV4, ipv4(OUTER, into)))).toEqual([null, ['device']]);
    expect(shown(v6, frame(MAC6, GATEWAY6, IPV6, udp6({ src: WEB, dst: '2002:cb00:7107::1' })))).toEqual([null, ['device']]);
  });

  test('where the kernel has another way, no neighbour yet, or a smaller link, it decides', () => {
    node.inside(() => {
      ip('-6 route add 2002:cb00:7108::/48 via fe80::6 dev xdc6');
      ip('-6 route add 2a00:1450:8::/48 via fe80::8 dev xdc6');
      ip('-6 route add unreachable 2a00:1450:9::/48');
      ip('-6 route add 2a00:1450:a::/48 via fe80::6 dev xdc6 mtu lock 1280');
      ip('route add 203.0.113.8/32 via 10.255.255.8 dev xdc4 onlink');
      ip('route add 203.0.113.9/32 via 10.255.255.254 dev xdc4 onlink mtu lock 576');
      ip('-6 address add 2a00:1450:b::1/128 dev lo');
    });
    const inward = (dst: string, octets?: number) => shown(v4, frame(MAC4, GATEWAY4, IPV4, ipv4(OUTER, udp6({ src: SITE, dst }, octets))));
    const outward = (dst: string, octets?: number) => shown(v6, frame(MAC6, GATEWAY6, IPV6, udp6({ src: WEB, dst }, octets)));
    expect(outward('2002:cb00:7108::1')).toEqual([null, ['route']]);
    expect(inward('2a00:1450:8::1')).toEqual([null, ['neighbor']]);
    expect(inward('2a00:1450:9::1')).toEqual([null, ['route']]);
    expect(inward('2a00:1450:a::1', 1281)).toEqual([null, ['too_big']]);
    expect(inward('2a00:1450:a::1', 1280)[1]).toEqual([]);
    expect(inward('2a00:1450:b::1')).toEqual([null, ['route']]);
    expect(outward('2002:cb00:7109::1', 557)).toEqual([null, ['too_big']]);
    expect(outward('2002:cb00:7109::1', 556)[1]).toEqual([]);
    node.inside(() => ip('route add 203.0.113.10/32 via 10.255.255.10 dev xdc4 onlink'));
    expect(outward('2002:cb00:710a::1')).toEqual([null, ['neighbor']]);
  });

  test('what is larger than the tunnel is left to it, whatever its device would take', () => {
    node.inside(() => ip('link set tun6to4 mtu 9000'));
    const outward = (octets: number) => shown(v6, frame(MAC6, GATEWAY6, IPV6, udp6(BACK, octets)));
    expect([outward(1481), outward(1480)[1]]).toEqual([[null, ['too_big']], []]);
    node.configure(nodeOf(RELAY));
  });

  test('of ICMPv6 it is neighbor discovery alone that is passed up', () => {
    const reasons = (type: number) => [
      shown(v6, frame(MAC6, GATEWAY6, IPV6, icmp6(BACK, type, 0, new Uint8Array(4))))[1],
      shown(v4, frame(MAC4, GATEWAY4, IPV4, ipv4(OUTER, icmp6(ENDS, type, 0, new Uint8Array(4)))))[1],
    ];
    for (const type of [133, 134, 135, 136, 137]) expect([type, reasons(type)]).toEqual([type, [['discovery'], ['discovery']]]);
    for (const type of [1, 2, 128, 132, 138]) expect([type, reasons(type)]).toEqual([type, [[], []]]);
  });

  test('DF clear: each packet has another identification; DF set: it has none', () => {
    const identification = () => shown(v6, frame(MAC6, GATEWAY6, IPV6, reply))[0]?.slice(2 * 18, 2 * 22);
    const seen = new Set(Array.from({ length: 32 }, identification));
    expect(seen.size).toBeGreaterThan(16);
    expect([...seen].every((text) => text?.endsWith('0000'))).toBe(true);
    node.configure(
      nodeOf(
        '[[tunnel]]\ntype = "6rd"\nrole = "border-relay"\nlocal = "10.0.0.1"\nanycast = true\nprefix = "2a01::/16"\nipv4-mask-length = 8',
      ),
    );
    const [out] = shown(v6, frame(MAC6, GATEWAY6, IPV6, udp6({ src: WEB, dst: '2a01:1:200::1' })));
    expect(out?.slice(2 * 18, 2 * 22)).toBe('00004000');
    node.configure(nodeOf(RELAY));
  });

  test('after a reload the new settings hold, and they alone', () => {
    const other = nodeOf(RELAY.replace('192.88.99.1', '192.0.2.1'));
    for (let i = 0; i < 5; i++) {
      node.configure(i % 2 === 0 ? other : nodeOf(RELAY));
      const [first, second] = ['192.88.99.1', '192.0.2.1'].map((dst) =>
        shown(v4, frame(MAC4, GATEWAY4, IPV4, ipv4({ ...OUTER, dst }, inner))),
      );
      expect([first, second]).toEqual(
        i % 2 === 0
          ? [
              [null, ['other_addresses']],
              [decapsulated, []],
            ]
          : [
              [decapsulated, []],
              [null, ['other_addresses']],
            ],
      );
    }
  });
});
