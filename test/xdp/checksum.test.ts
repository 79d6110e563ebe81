/** Packets whose checksum the sender has left to a driver, as Linux does on a veth: a frame that is redirected would keep it so. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { filler, ipv4, ipv6, join } from '../vectors/compose.js';
import { nodeOf } from '../vectors/node.js';
import { describeWithPrograms, FastNode } from './fast-node.js';

const RELAY = '[[tunnel]]\ntype = "6to4"\nrole = "relay"\nlocal = "192.88.99.1"\nmtu = 1480\n[policy]\nallow-ipv4 = ["203.0.113.0/24"]';
const [WEB, SITE] = ['2a00:1450::80', '2002:cb00:7105::1'];
/** Next headers with a checksum, the least length of theirs, and where the checksum is. */
const [TCP, UDP] = [
  { next: 6, head: 20, check: 16 },
  { next: 17, head: 8, check: 6 },
];

/** The sum in ones' complement over the pseudo header of RFC 8200 section 8.1, by its definition. */
function pseudoHeaderSum(packet: Uint8Array): number {
  const words = [...Array(16).keys()].map((i) => 256 * packet[8 + 2 * i] + packet[9 + 2 * i]);
  const sum = words.reduce((total, word) => total + word, packet.length - 40 + packet[6]);
  return sum % 0xffff || 0xffff;
}

describeWithPrograms('a checksum', () => {
  let node: FastNode;
  beforeAll(() => {
    node = new FastNode();
    node.configure(nodeOf(RELAY));
  });
  afterAll(() => node.close());

  /** Why a packet is passed up, out of the tunnel and into it; nothing when it is not. */
  function reasons(packet: (ends: { src: string; dst: string }) => Uint8Array): readonly string[][] {
    const into = packet({ src: WEB, dst: SITE });
    const out = ipv4({ src: '203.0.113.5', dst: '192.88.99.1' }, packet({ src: SITE, dst: WEB }));
    return node.inside(() =>
      [() => node.forward('v6', into), () => node.forward('v4', out)].map((show) => {
        const before = node.tables.passed();
        show();
        return [...node.passedSince(before).keys()];
      }),
    );
  }

  test('that is the sum of the pseudo header is passed up, and any other is forwarded', () => {
    const kind = fc.constantFrom(TCP, UDP);
    fc.assert(
      fc.property(kind, fc.nat(1000), fc.integer({ min: 1, max: 0xfffe }), ({ next, head, check }, more, off) => {
        const packet = (by: number) => (ends: { src: string; dst: string }) => {
          const whole = ipv6(ends, next, join(filler(head + more)));
          const value = (pseudoHeaderSum(whole) + by) % 0xffff || 0xffff;
          whole.set([value >>> 8, value & 0xff], 40 + check);
          return whole;
        };
        expect(reasons(packet(0))).toEqual([['checksum'], ['checksum']]);
        expect(reasons(packet(off))).toEqual([[], []]);
      }),
      { seed: 4213, numRuns: 300 },
    );
  });

  test('of a TCP header that is not whole is not looked for', () => {
    expect(reasons((ends) => ipv6(ends, TCP.next, filler(19)))).toEqual([['truncated'], ['truncated']]);
    expect(reasons((ends) => ipv6(ends, TCP.next, filler(20)))).toEqual([[], []]);
  });
});
