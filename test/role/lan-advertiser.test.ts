import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import {
  INITIAL_COUNT,
  INITIAL_INTERVAL,
  LanAdvertiser,
  MAX_ANSWER_DELAY,
  MAX_INTERVAL,
  MIN_DELAY,
  MIN_INTERVAL,
  PREFERRED_LIFETIME,
  ROUTER_LIFETIME,
  VALID_LIFETIME,
} from '../../src/role/lan-advertiser.js';
import type { AdvertisedLan } from '../../src/role/role.js';
import { formatPrefix6, type Prefix6, parseIpv6, parsePrefix6 } from '../../src/wire/address.js';
import { type RouterAdvertisement, readRouterAdvertisement } from '../../src/wire/ndisc.js';
import { seeded } from '../chance.js';
import { dissect, tsharkMissing } from '../wire/tshark.js';

const prefix = (text: string): Prefix6 => parsePrefix6(text) ?? expect.fail(text);
const LAN = { interface: 'lan0', linkLocal: parseIpv6('fe80::1') ?? new Uint8Array(16) };
const OLD = prefix('2002:c000:22a:1::/64');
const NEW = prefix('2002:c633:6407:1::/64');

interface Sent {
  readonly at: number;
  readonly ra: RouterAdvertisement;
  readonly octets: Uint8Array;
}

/** An advertiser with somebody who does as role.ts asks, in virtual time. */
class Driver {
  readonly sent: Sent[] = [];
  now: number;
  readonly advertiser: LanAdvertiser;
  readonly #out = makeBatch(1, HEADROOM + 1300)[0];

  constructor(now: number, lanPrefix: Prefix6 | null, before: readonly AdvertisedLan[] = [], seed = 1, until = Number.POSITIVE_INFINITY) {
    this.now = now;
    this.advertiser = new LanAdvertiser({ ...LAN, prefix: lanPrefix, mtu: 1280, until }, before, seeded(seed), now);
    this.drain();
  }

  drain(): void {
    this.#out.b.fill(0xa5);
    while (this.advertiser.pollTransmit(this.#out, this.now)) {
      const { b, off, end } = this.#out;
      this.sent.push({
        at: this.now,
        ra: readRouterAdvertisement(b, off, end) ?? expect.fail('no advertisement'),
        octets: b.slice(off, end),
      });
    }
  }

  /** Lets time pass, with every timer served when it is due. */
  until(time: number): void {
    for (let i = 0; this.advertiser.nextTimeout() <= time; i++) {
      expect(i).toBeLessThan(100_000);
      this.now = Math.max(this.now, this.advertiser.nextTimeout());
      this.advertiser.handleTimeout(this.now);
      this.drain();
    }
    this.now = time;
  }

  solicit(): void {
    this.advertiser.handleSolicitation(this.now);
    this.drain();
  }

  /** Prefixes of the last advertisement as text, with their lifetimes. */
  get last(): string[] {
    return (this.sent.at(-1)?.ra.prefixes ?? []).map((p) => `${formatPrefix6(p.prefix)} ${p.validLifetime} ${p.preferredLifetime}`);
  }
}

const gaps = (times: readonly number[]): number[] => times.slice(1).map((at, i) => at - times[i]);

test('left alone it advertises at once, twice more within 16 s each, then every 66 to 200 s (RFC 4861 sections 6.2.4 and 10)', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const driver = new Driver(1000, NEW, [], seed);
      driver.until(3_600_000);
      const times = driver.sent.map(({ at }) => at);
      expect(times[0]).toBe(1000);
      const intervals = gaps(times);
      expect(intervals.slice(0, INITIAL_COUNT - 1).every((gap) => gap <= INITIAL_INTERVAL)).toBe(true);
      for (const gap of intervals.slice(INITIAL_COUNT - 1)) {
        expect(gap).toBeGreaterThanOrEqual(MIN_INTERVAL);
        expect(gap).toBeLessThanOrEqual(MAX_INTERVAL);
      }
      expect(intervals.length).toBeGreaterThanOrEqual(3_600_000 / MAX_INTERVAL);
    }),
    { numRuns: 50 },
  );
});

test('the intervals differ from seed to seed: routers that start together do not stay together', () => {
  const third = (seed: number) => {
    const driver = new Driver(0, NEW, [], seed);
    driver.until(600_000);
    return driver.sent[INITIAL_COUNT].at;
  };
  expect(new Set([1, 2, 3, 4, 5, 6, 7, 8].map(third)).size).toBeGreaterThan(6);
});

/** What may happen next on the LAN. */
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('solicit' as const), times: fc.integer({ min: 1, max: 50 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(4000) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(400_000) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'early' as const }) },
  ),
  { maxLength: 60 },
);

test('whoever solicits, however often: never two advertisements within 3 s, each solicitation answered within 3.5 s, and none of it lost', () => {
  fc.assert(
    fc.property(steps, fc.nat(), (script, seed) => {
      const driver = new Driver(5000, NEW, [], seed);
      const asked: number[] = [];
      for (const step of script) {
        if (step.kind === 'wait') driver.until(driver.now + step.ms);
        if (step.kind === 'early') driver.advertiser.handleTimeout(driver.now);
        if (step.kind === 'solicit') {
          asked.push(driver.now);
          for (let i = 0; i < step.times; i++) driver.solicit();
        }
        driver.drain();
      }
      driver.until(driver.now + MAX_INTERVAL + MIN_DELAY);

      const times = driver.sent.map(({ at }) => at);
      for (const gap of gaps(times)) {
        expect(gap).toBeGreaterThanOrEqual(MIN_DELAY);
        expect(gap).toBeLessThanOrEqual(MAX_INTERVAL);
      }
      for (const at of asked) {
        const answer = times.find((time) => time >= at) ?? Number.POSITIVE_INFINITY;
        const before = times.filter((time) => time < at).at(-1) ?? Number.NEGATIVE_INFINITY;
        expect(answer).toBeLessThanOrEqual(Math.max(at + MAX_ANSWER_DELAY, before + MIN_DELAY));
      }
    }),
    { numRuns: 300 },
  );
});

test('an advertisement says what RFC 6343 section 4.1 asks for', () => {
  const driver = new Driver(0, NEW);
  driver.until(0);
  expect(driver.sent[0].ra).toMatchObject({ preference: 'low', routerLifetime: ROUTER_LIFETIME, mtu: 1280, source: LAN.linkLocal });
  expect(driver.last).toEqual([`2002:c633:6407:1::/64 ${VALID_LIFETIME} ${PREFERRED_LIFETIME}`]);
  expect(driver.sent[0].ra.prefixes[0]).toMatchObject({ onLink: true, autonomous: true });
  expect(ROUTER_LIFETIME * 1000).toBeGreaterThanOrEqual(3 * MAX_INTERVAL);
});

test('when the prefix changes, the old one is advertised with lifetime 0 for as long as hosts may believe it, and no longer', () => {
  const first = new Driver(0, OLD);
  first.until(100_000);
  const lastTold = first.sent.at(-1)?.at ?? Number.NaN;
  const driver = new Driver(100_000, NEW, first.advertiser.advertised(100_000));
  driver.until(4_000_000);

  const end = lastTold + VALID_LIFETIME * 1000;
  const withOld = driver.sent.filter(({ ra }) => ra.prefixes.length === 2);
  const without = driver.sent.filter(({ ra }) => ra.prefixes.length === 1);
  expect(withOld.length + without.length).toBe(driver.sent.length);
  for (const { at, ra } of withOld) {
    expect(at).toBeLessThan(end);
    expect(ra.routerLifetime).toBe(ROUTER_LIFETIME);
    expect(ra.prefixes.map((p) => [formatPrefix6(p.prefix), p.validLifetime, p.preferredLifetime])).toEqual([
      [formatPrefix6(OLD), 0, 0],
      [formatPrefix6(NEW), VALID_LIFETIME, PREFERRED_LIFETIME],
    ]);
  }
  for (const { at, ra } of without) {
    expect(at).toBeGreaterThanOrEqual(end);
    expect(formatPrefix6(ra.prefixes[0].prefix)).toBe(formatPrefix6(NEW));
  }
  expect(withOld[0].at).toBeLessThanOrEqual(100_000 + MIN_DELAY);
});

test('a prefix that comes back is no longer withdrawn', () => {
  const first = new Driver(0, OLD);
  first.until(10_000);
  const second = new Driver(10_000, NEW, first.advertiser.advertised(10_000));
  second.until(20_000);
  const third = new Driver(20_000, OLD, second.advertiser.advertised(20_000));
  third.until(24_000);
  expect(third.last).toEqual([`${formatPrefix6(NEW)} 0 0`, `${formatPrefix6(OLD)} ${VALID_LIFETIME} ${PREFERRED_LIFETIME}`]);
});

test('while the tunnel is down the LAN hears that there is no router, until nobody believes in one any more; then silence', () => {
  const first = new Driver(0, OLD);
  first.until(1000);
  const down = new Driver(1000, null, first.advertiser.advertised(1000));
  down.until(10_000_000);
  expect(down.sent.length).toBeGreaterThan(3);
  for (const { ra } of down.sent)
    expect([ra.routerLifetime, ...ra.prefixes.map((p) => p.validLifetime + p.preferredLifetime)]).toEqual(expect.arrayContaining([0]));
  expect(
    down.sent
      .flatMap(({ ra }) => [ra.routerLifetime, ...ra.prefixes.flatMap((p) => [p.validLifetime, p.preferredLifetime])])
      .every((n) => n === 0),
  ).toBe(true);
  expect(down.advertiser.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
  down.solicit();
  expect(down.advertiser.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
});

test('a LAN that never heard of a prefix hears nothing while there is none', () => {
  const driver = new Driver(0, null);
  driver.solicit();
  driver.until(1_000_000);
  driver.advertiser.withdraw(driver.now);
  driver.drain();
  expect(driver.sent).toEqual([]);
});

test('an address that changes again and again makes no more noise than RFC 4861 section 6.2.6 allows', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(8000), { minLength: 2, maxLength: 20 }), fc.nat(), (waits, seed) => {
      const times: number[] = [];
      let now = 1000;
      let before: readonly AdvertisedLan[] = [];
      for (const [i, wait] of waits.entries()) {
        const driver = new Driver(now, prefix(`2002:c000:20${i % 8}:1::/64`), before, seed + i);
        driver.until(now + wait);
        times.push(...driver.sent.map(({ at }) => at));
        now += wait;
        before = driver.advertiser.advertised(now);
      }
      for (const gap of gaps(times)) expect(gap).toBeGreaterThanOrEqual(MIN_DELAY);
    }),
    { numRuns: 200 },
  );
});

test('however often the address changes, an advertisement stays small: the oldest prefixes are forgotten first', () => {
  let now = 0;
  let before: readonly AdvertisedLan[] = [];
  let last: string[] = [];
  for (let i = 0; i < 20; i++) {
    const driver = new Driver(now, prefix(`2002:c000:2${i.toString(16).padStart(2, '0')}:1::/64`), before);
    now += 10_000;
    driver.until(now);
    before = driver.advertiser.advertised(now);
    last = driver.last;
  }
  expect(last.map((text) => text.split(':')[2])).toEqual(['20f', '210', '211', '212', '213']);
});

test('what another LAN was told, and what nobody believes any more, is not withdrawn here', () => {
  const told = [
    { interface: 'lan1', prefix: OLD, until: 99_000_000, sent: 0 },
    { interface: 'lan0', prefix: OLD, until: 5000, sent: 0 },
  ];
  const driver = new Driver(5000, NEW, told);
  driver.until(5000);
  expect(driver.last).toHaveLength(1);
});

test('withdrawing sends one last advertisement at once, all lifetimes 0, and then nothing, whoever asks', () => {
  fc.assert(
    fc.property(fc.nat(700_000), fc.nat(), (age, seed) => {
      const first = new Driver(0, OLD, [], seed);
      first.until(50_000);
      const driver = new Driver(50_000, NEW, first.advertiser.advertised(50_000), seed);
      driver.until(60_000 + age);
      const before = driver.sent.length;
      driver.advertiser.withdraw(driver.now);
      driver.drain();
      expect(driver.sent.length).toBe(before + 1);
      expect(driver.sent[before].at).toBe(60_000 + age);
      expect(driver.sent[before].ra.routerLifetime).toBe(0);
      expect(driver.last).toEqual([`${formatPrefix6(OLD)} 0 0`, `${formatPrefix6(NEW)} 0 0`]);
      driver.solicit();
      driver.until(driver.now + 1_000_000);
      expect(driver.sent.length).toBe(before + 1);
      expect(driver.advertiser.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
    }),
    { numRuns: 50 },
  );
});

test('tshark has no complaint about any of them', { timeout: 60_000 }, (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const first = new Driver(0, OLD);
  first.until(50_000);
  const driver = new Driver(50_000, NEW, first.advertiser.advertised(50_000));
  driver.until(3_000_000);
  driver.advertiser.withdraw(driver.now);
  driver.drain();
  const all = [...first.sent, ...driver.sent].map(({ octets }) => octets);
  const fields = ['ipv6.src', 'ipv6.dst', 'ipv6.hlim', 'icmpv6.nd.ra.flag.prf', 'icmpv6.opt.mtu', 'icmpv6.opt.prefix.length'];
  for (const { fields: values, complaints } of dissect(all, fields)) {
    expect(complaints).toEqual([]);
    expect(values.slice(0, 3)).toEqual(['fe80::1', 'ff02::1', '255']);
    expect(values[4]).toBe('1280');
  }
  expect(new Set(dissect(all.slice(0, -1), fields).map(({ fields: values }) => values[3]))).toEqual(new Set(['3']));
});

test('nothing outlives the IPv4 lease, RFC 5969 section 4: lifetimes end with it, to the second', () => {
  const end = 1_000_000;
  const driver = new Driver(0, NEW, [], 7, end + 700);
  driver.until(end);
  driver.solicit();
  driver.until(end + 2000);
  expect(driver.sent.length).toBeGreaterThan(5);
  for (const { at, ra } of driver.sent) {
    const left = Math.max(0, Math.floor((end + 700 - at) / 1000));
    expect(ra.routerLifetime).toBe(Math.min(ROUTER_LIFETIME, left));
    expect(ra.prefixes.map(({ validLifetime }) => validLifetime)).toEqual([Math.min(VALID_LIFETIME, left)]);
    expect(ra.prefixes.map(({ preferredLifetime }) => preferredLifetime)).toEqual([Math.min(PREFERRED_LIFETIME, left)]);
  }
  expect(driver.sent.some(({ ra }) => ra.routerLifetime > 0 && ra.routerLifetime < ROUTER_LIFETIME)).toBe(true);
});

test('a lease that is cut short does not make a LAN forget sooner what it was told', () => {
  const first = new Driver(0, NEW);
  first.until(1000);
  const second = new Driver(4000, NEW, first.advertiser.advertised(4000), 1, 60_000);
  second.until(5000);
  expect(second.advertiser.advertised(5000).map(({ until }) => until)).toEqual([(VALID_LIFETIME + 1) * 1000]);
});
