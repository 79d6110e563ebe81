import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/sim/address.js';
import { type Impairments, Link, OVERTAKING_TIME } from '../../src/sim/link.js';
import { Probe } from '../../src/sim/probe.js';
import { SeededRandom } from '../../src/sim/random.js';
import { Scheduler } from '../../src/sim/scheduler.js';
import { Trace } from '../../src/sim/trace.js';
import { PcapReader } from '../../src/wire/pcap.js';

const A = parseAddress('192.0.2.1');
const B = parseAddress('192.0.2.2');
const ALL = parseAddress('ff02::1');

/** A link with a stranger at each end, and a third one. */
function bench(impairments: Partial<Impairments> = {}, seed = 1) {
  const scheduler = new Scheduler();
  const trace = new Trace(scheduler);
  const link = new Link('cable', scheduler, new SeededRandom(seed), trace.account('cable'), impairments);
  const arrivals: { at: number; id: number }[] = [];
  const ends = [A, B].map((address, i) => {
    const probe = new Probe(link, trace.account(`end ${i}`));
    probe.claim(address);
    const arrive = probe.arrive.bind(probe);
    probe.arrive = (packet) => {
      arrivals.push({ at: scheduler.now, id: idOf(packet) });
      arrive(packet);
    };
    return probe;
  });
  return { scheduler, trace, link, a: ends[0], b: ends[1], arrivals };
}

/** A packet that can be told from others. */
function packet(id: number, octets = 100): Uint8Array {
  const b = new Uint8Array(octets).fill(0xa5);
  b.set([0x45, id >>> 8, id]);
  return b;
}

const idOf = (b: Uint8Array): number => (b[1] << 8) | b[2];
const ids = (arrivals: readonly { id: number }[]): number[] => arrivals.map(({ id }) => id);

describe('exactly', () => {
  test('a packet arrives after the delay, the same octets, once, at whoever has the address', () => {
    const { scheduler, a, b, arrivals } = bench({ delay: 7 });
    const sent = packet(1);
    a.send(sent, B);
    scheduler.run(6.9);
    expect(b.received).toEqual([]);
    scheduler.run(100);
    expect(b.received).toEqual([sent]);
    expect([arrivals, a.received]).toEqual([[{ at: 7, id: 1 }], []]);
  });

  test('a group packet reaches everybody but its sender', () => {
    const { scheduler, trace, link, a, b } = bench();
    const third = new Probe(link, trace.account('third'));
    a.send(packet(1), ALL);
    scheduler.run(1);
    expect([a.received.length, b.received.length, third.received.length]).toEqual([0, 1, 1]);
    expect(trace.balance()).toBe(0);
  });

  test('an address that nobody has, or only the sender, is no neighbour; of two owners the first answers', () => {
    const { scheduler, link, trace, a, b } = bench();
    expect(link.send(a, packet(1), parseAddress('192.0.2.3'))).toBe('no_neighbour');
    expect(link.send(a, packet(2), A)).toBe('no_neighbour');
    const late = new Probe(link, trace.account('late'));
    late.claim(B);
    a.send(packet(3), B);
    link.unbind(B, b);
    a.send(packet(4), B);
    scheduler.run(1);
    expect([b.received.map(idOf), late.received.map(idOf)]).toEqual([[3], [4]]);
  });

  test('one octet more than the MTU is refused, the MTU itself is not', () => {
    const { link, a } = bench({ mtu: 1280 });
    expect([link.send(a, packet(1, 1280), B), link.send(a, packet(2, 1281), B)]).toEqual([null, 'too_big']);
  });

  test('a link that is down takes nothing, and what was on its way does not arrive', () => {
    const { scheduler, trace, link, a, b } = bench({ delay: 5 });
    a.send(packet(1), B);
    scheduler.run(1);
    link.isUp = false;
    a.send(packet(2), B);
    scheduler.run(100);
    expect([b.received.length, b.account.count('down'), a.account.count('down'), trace.balance()]).toEqual([0, 1, 1, 0]);
  });

  test('bandwidth spaces packets by their size, and both directions have it', () => {
    // 100 octets at 80 000 bit/s take 10 ms.
    const { scheduler, a, b, arrivals } = bench({ bandwidth: 80_000, delay: 3 });
    for (const id of [1, 2, 3]) a.send(packet(id, 100), B);
    b.send(packet(4, 200), A);
    scheduler.run(50);
    a.send(packet(5, 100), B);
    scheduler.run(100);
    expect(arrivals).toEqual([
      { at: 13, id: 1 },
      { at: 23, id: 2 },
      { at: 23, id: 4 },
      { at: 33, id: 3 },
      { at: 63, id: 5 },
    ]);
  });

  test('a full queue drops the newest packet, and takes others once there is room', () => {
    const { scheduler, trace, a, arrivals } = bench({ bandwidth: 80_000, queue: 2 });
    for (let id = 1; id <= 5; id++) a.send(packet(id, 100), B);
    scheduler.run(15);
    a.send(packet(6, 100), B);
    scheduler.run(100);
    // One is being sent and two wait: the fourth and fifth find no room.
    expect([ids(arrivals), trace.count('queue_full'), trace.balance()]).toEqual([[1, 2, 3, 6], 2, 0]);
  });

  test('where every packet is overtaken, they turn around; the last ones wait no longer than they may', () => {
    const { scheduler, a, arrivals } = bench({ reorder: 1, delay: 2 });
    for (let id = 1; id <= 4; id++) a.send(packet(id), B);
    scheduler.run(1000);
    expect(arrivals).toEqual([4, 3, 2, 1].map((id) => ({ at: OVERTAKING_TIME + 2, id })));
  });

  test('loss 1 loses everything, duplication 1 delivers everything twice, and both are accounted for', () => {
    const lossy = bench({ loss: 1 });
    for (let id = 0; id < 50; id++) lossy.a.send(packet(id), B);
    lossy.scheduler.run(10);
    expect([lossy.arrivals, lossy.trace.count('lost'), lossy.trace.balance()]).toEqual([[], 50, 0]);

    const twice = bench({ duplicate: 1 });
    for (let id = 0; id < 3; id++) twice.a.send(packet(id), B);
    twice.scheduler.run(10);
    expect([ids(twice.arrivals), twice.trace.balance()]).toEqual([[0, 0, 1, 1, 2, 2], 0]);
  });

  test('a capture holds what was sent, lost packets too, with the time of sending', () => {
    const { scheduler, link, a } = bench({ loss: 1 });
    a.send(packet(1, 40), B);
    scheduler.run(1234.5);
    a.send(packet(2, 60), B);
    const captured = [...new PcapReader(link.capture())];
    expect(captured.map(({ time, end, off }) => [time, end - off])).toEqual([
      [0, 40],
      [1234.5, 60],
    ]);
    expect(captured.map(({ b, off }) => (b[off + 1] << 8) | b[off + 2])).toEqual([1, 2]);
  });
});

describe('on average', () => {
  const COUNT = 20_000;
  /** Five standard deviations of a share that was counted over `COUNT` packets. */
  const tolerance = (share: number): number => 5 * Math.sqrt((share * (1 - share)) / COUNT);

  function run(impairments: Partial<Impairments>, seed: number): number[] {
    const { scheduler, trace, a, arrivals } = bench(impairments, seed);
    for (let id = 0; id < COUNT; id++) a.send(packet(id, 40), B);
    scheduler.run(1000);
    expect(trace.balance()).toBe(0);
    return ids(arrivals);
  }

  test.each([0.01, 0.25, 0.6])('a share of %f is lost', (loss) => {
    const arrived = run({ loss }, 5);
    expect(Math.abs(1 - arrived.length / COUNT - loss)).toBeLessThan(tolerance(loss));
  });

  test.each([0.01, 0.25])('a share of %f arrives twice', (duplicate) => {
    const arrived = run({ duplicate }, 6);
    expect(new Set(arrived).size).toBe(COUNT);
    expect(Math.abs(arrived.length / COUNT - 1 - duplicate)).toBeLessThan(tolerance(duplicate));
  });

  test.each([0.01, 0.25, 0.5])('a share of %f is overtaken by the next one, and nothing else changes its order', (reorder) => {
    const arrived = run({ reorder }, 7);
    expect(arrived.toSorted((x, y) => x - y)).toEqual(Array.from({ length: COUNT }, (_, id) => id));
    const place = new Float64Array(COUNT);
    for (const [i, id] of arrived.entries()) place[id] = i;
    let overtaken = 0;
    for (let id = 0; id + 1 < COUNT; id++) if (place[id] > place[id + 1]) overtaken++;
    expect(Math.abs(overtaken / COUNT - reorder)).toBeLessThan(tolerance(reorder));
  });
});

test('whatever a link does, every packet is accounted for at any time, and comes to rest', () => {
  const shares = fc.double({ min: 0, max: 1, noNaN: true });
  const impairments = fc.record({
    loss: shares,
    reorder: shares,
    duplicate: shares,
    delay: fc.nat(20),
    bandwidth: fc.constantFrom(Infinity, 1e6, 1e5),
    queue: fc.nat(5),
  });
  const sends = fc.array(
    fc.record({ gap: fc.nat(30), from: fc.boolean(), octets: fc.integer({ min: 3, max: 2000 }), group: fc.boolean() }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(impairments, sends, fc.nat(), (how, list, seed) => {
      const { scheduler, trace, link, a, b } = bench(how, seed);
      for (const [id, { gap, from, octets, group }] of list.entries()) {
        scheduler.run(scheduler.now + gap);
        const [sender, other] = from ? [a, B] : [b, A];
        sender.send(packet(id, octets), group ? ALL : other);
        expect(trace.balance()).toBe(link.onItsWay);
      }
      scheduler.run(scheduler.now + 100_000);
      expect([trace.balance(), link.onItsWay]).toEqual([0, 0]);
      expect(a.received.length + b.received.length).toBe(trace.count('delivered'));
    }),
    { seed: 3, numRuns: 200 },
  );
});
