/**
 * The lab of RFC 5214's vectors for tests of its roles: a host, its peers, its routers, and somebody who does with a
 * role what role.ts asks, in virtual time. Messages of others are put together without the project's own code.
 */

import { expect } from 'vitest';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import { Verdict } from '../../src/core/verdict.js';
import { OwnAddresses } from '../../src/policy/own-addresses.js';
import { EndpointPolicy } from '../../src/policy/special-addresses.js';
import { IsatapHost, type IsatapHostOptions } from '../../src/role/isatap-host.js';
import { type Learned, NO_HERITAGE, Outer, type Role, TransmitTo } from '../../src/role/role.js';
import { formatIpv4, formatIpv6, parseIpv4 } from '../../src/wire/address.js';
import { seeded } from '../chance.js';
import { address, be16, be32, echoRequest, icmp6, toHex } from '../vectors/compose.js';

export const ip = (text: string) => parseIpv4(text) ?? expect.fail(text);

export const SITE = '2001:db8:0:1';
export const WEB = '3fff:0:1::80';
export const HOST = '192.0.2.5';
export const PEER = '192.0.2.6';
export const ROUTER = '192.0.2.1';
export const SECOND = '192.0.2.2';

const hex4 = (ipv4: string) =>
  ip(ipv4)
    .toString(16)
    .padStart(8, '0')
    .replace(/^(.{4})/, '$1:');
/** The ISATAP address of an IPv4 address under a prefix, u bit 0. */
export const isatap = (prefix: string, ipv4: string) => formatIpv6(address(`${prefix}:0:5efe:${hex4(ipv4)}`));
export const linkLocal = (ipv4: string) => isatap('fe80:0:0:0', ipv4);
export const global = (ipv4: string) => isatap(SITE, ipv4);

/** Options of a prefix, RFC 4861 section 4.6.2. */
export interface PrefixOption {
  readonly prefix?: string;
  readonly len?: number;
  readonly valid?: number;
  readonly preferred?: number;
  readonly flags?: number;
}

export const prefixOption = ({ prefix = SITE, len = 64, valid = 7200, preferred = valid, flags = 0xc0 }: PrefixOption = {}) =>
  Uint8Array.of(3, 4, len, flags, ...be32(valid), ...be32(preferred), ...be32(0), ...address(`${prefix}::`));
export const mtuOption = (mtu: number) => Uint8Array.of(5, 1, 0, 0, ...be32(mtu));
/** RFC 4191 section 2.3; `flags` 0x08 is high, 0x18 low. */
export const routeOption = (prefix: string, len: number, lifetime: number, flags = 0) =>
  Uint8Array.of(24, 3, len, flags, ...be32(lifetime), ...address(prefix));

export interface RaFields {
  readonly src?: string;
  readonly dst?: string;
  readonly hopLimit?: number;
  readonly code?: number;
  readonly flags?: number;
  readonly lifetime?: number;
}

/** A router advertisement. */
export function advertisement(from: string, options: readonly Uint8Array[] = [prefixOption()], fields: RaFields = {}): Uint8Array {
  const { src = linkLocal(from), dst = linkLocal(HOST), hopLimit = 255, code = 0, flags = 0, lifetime = 1800 } = fields;
  const head = Uint8Array.of(64, flags, ...be16(lifetime), ...be32(0), ...be32(0));
  return icmp6({ src, dst, hopLimit }, 134, code, Uint8Array.of(...head, ...options.flatMap((option) => [...option])));
}

export const routerSolicitation = (src: string, dst = 'ff02::2', hopLimit = 255, code = 0) =>
  icmp6({ src, dst, hopLimit }, 133, code, new Uint8Array(4));
export const neighborSolicitation = (src: string, target: string, dst = target) =>
  icmp6({ src, dst, hopLimit: 255 }, 135, 0, Uint8Array.of(0, 0, 0, 0, ...address(target)));
export const neighborAdvertisement = (src: string, dst: string, flags = 0x40, target = src) =>
  icmp6({ src, dst, hopLimit: 255 }, 136, 0, Uint8Array.of(flags, 0, 0, 0, ...address(target)));
export const redirect = (src: string, dst: string) =>
  icmp6({ src, dst, hopLimit: 255 }, 137, 0, Uint8Array.of(0, 0, 0, 0, ...address(PEERS_WEB), ...address(WEB)));
const PEERS_WEB = '2001:db8:0:1:0:5efe:c000:206';

export const echo = (src: string, dst: string, octets = 64) => echoRequest({ src, dst }, octets);

/** What a role sent. */
export interface Sent {
  readonly at: number;
  readonly to: number;
  readonly remote: string;
  readonly octets: Uint8Array;
  /** ICMPv6 type; -1 when it is none. */
  readonly type: number;
  readonly dst: string;
}

const OFF = 21;

/** A role, and somebody who does with it what role.ts asks. */
export class Driver<R extends Role> {
  now = 1000;
  readonly role: R;
  readonly sent: Sent[] = [];
  readonly outer = new Outer();
  /** What the network does with what was sent. */
  answer: (sent: Sent) => void = () => {};
  readonly #b = new Uint8Array(4096);
  readonly #out = makeBatch(1, HEADROOM + 2048)[0];

  constructor(role: R) {
    this.role = role;
    this.drain();
  }

  /** Shows it a packet from its device: a verdict or a drop reason. */
  send(octets: Uint8Array): number {
    const b = this.#b.fill(0xa5);
    b.set(octets, OFF);
    const verdict = this.role.encapsulate(b, OFF, this.outer, this.now);
    expect(toHex(b.subarray(OFF, OFF + octets.length))).toBe(toHex(octets));
    this.drain();
    return verdict;
  }

  /** Shows it a packet of the tunnel: a verdict or a drop reason. */
  receive(from: string, octets: Uint8Array, to = HOST): number {
    const b = this.#b.fill(0xa5);
    b.set(octets, OFF);
    this.outer.remote.addr = ip(from);
    this.outer.local.addr = ip(to);
    const verdict = this.role.decapsulate(b, OFF, this.outer, this.now);
    expect(toHex(b.subarray(OFF, OFF + octets.length))).toBe(toHex(octets));
    this.drain();
    return verdict;
  }

  /** Where the packet that was sent last went. */
  get remote(): string {
    return formatIpv4(this.outer.remote.addr);
  }

  drain(): void {
    const out = this.#out;
    for (let i = 0; ; i++) {
      expect(i).toBeLessThan(10_000);
      out.b.fill(0xa5);
      const to = this.role.speaker.pollTransmit(out, this.now);
      if (to === TransmitTo.nowhere) return;
      const octets = out.b.slice(out.off, out.end);
      const type = octets[6] === 58 ? octets[40] : -1;
      const sent = { at: this.now, to, remote: formatIpv4(out.remote.addr), octets, type, dst: formatIpv6(octets, 24) };
      this.sent.push(sent);
      this.answer(sent);
    }
  }

  /** Lets time pass, with every timer served when it is due. */
  until(time: number): void {
    for (let i = 0; this.role.speaker.nextTimeout() <= time; i++) {
      expect(i).toBeLessThan(100_000);
      this.now = Math.max(this.now, this.role.speaker.nextTimeout());
      this.role.speaker.handleTimeout(this.now);
      this.drain();
      expect(this.role.speaker.nextTimeout()).toBeGreaterThan(this.now);
    }
    this.now = time;
  }

  pass(time: number): void {
    this.until(this.now + time);
  }

  /** What was sent since this was asked last. */
  take(type?: number): Sent[] {
    const all = this.sent.splice(0);
    return type === undefined ? all : all.filter((one) => one.type === type);
  }
}

export const Nd = { rs: 133, ra: 134, ns: 135, na: 136 } as const;

/** A host of the campus. */
export function hostOf(more: Partial<IsatapHostOptions> = {}, seed = 1, now = 1000): IsatapHost {
  const options: IsatapHostOptions = {
    local: ip(HOST),
    own: new OwnAddresses([ip(HOST), ip('10.9.9.9')]),
    endpoints: EndpointPolicy.unicast([], [ip('192.0.2.255')]),
    identity: null,
    potentialRouters: [ip(ROUTER), ip(SECOND)],
    unique: () => false,
    mtu: 1280,
    speaks: true,
    learned: null,
    before: NO_HERITAGE,
    ...more,
  };
  return new IsatapHost(options, seeded(seed), now);
}

/** A host with whom routers and peers talk as they should, until they are told otherwise. */
export class Campus extends Driver<IsatapHost> {
  /** Who answers what: IPv4 addresses. */
  readonly routers = new Set([ROUTER, SECOND]);
  readonly peers = new Set([PEER, ROUTER, SECOND]);
  options: (router: string) => readonly Uint8Array[] = () => [prefixOption()];

  constructor(more: Partial<IsatapHostOptions> = {}, seed = 1) {
    super(hostOf(more, seed));
    this.answer = ({ type, remote, octets }) => {
      if (type === Nd.rs && this.routers.has(remote)) this.receive(remote, advertisement(remote, this.options(remote)));
      if (type === Nd.ns && this.peers.has(remote)) this.receive(remote, answerTo(octets));
    };
  }

  /** What it has learned so far; nothing is that, too. */
  get learned(): Learned {
    return this.role.learned ?? { routers: [], prefixes: [], routes: [], mtu: 0, teredo: null };
  }

  /** With all that a router says learned. */
  static settled(more: Partial<IsatapHostOptions> = {}, seed = 1): Campus {
    const campus = new Campus(more, seed);
    campus.pass(1_000);
    campus.take();
    return campus;
  }

  /** Sends, and sees it through: `held` packets that were released are where they went; a verdict otherwise. */
  reach(octets: Uint8Array): string | number {
    const verdict = this.send(octets);
    if (verdict === 0) return this.remote;
    if (verdict !== Verdict.hold) return verdict;
    const released = this.take().filter(({ to }) => to === TransmitTo.released);
    return released.length === 1 ? this.reach(released[0].octets) : Verdict.hold;
  }
}

/** The neighbor advertisement that a solicitation asks for. */
export function answerTo(solicitation: Uint8Array): Uint8Array {
  return neighborAdvertisement(formatIpv6(solicitation, 48), formatIpv6(solicitation, 8));
}
