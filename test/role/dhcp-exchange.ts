/** A DHCPv4 client in virtual time, and a server by hand. */
import { expect } from 'vitest';
import { DROPS, Drop } from '../../src/core/drop.js';
import { HEADROOM, makeBatch } from '../../src/core/frame.js';
import type { Random } from '../../src/core/random.js';
import { Verdict } from '../../src/core/verdict.js';
import { DhcpClient, type DhcpClientOptions } from '../../src/role/dhcp-client.js';
import { type DhcpMessage, DhcpType, readDhcp4 } from '../../src/wire/dhcp4.js';
import { dst4, src4 } from '../../src/wire/ipv4.js';
import { isUdp4, udpDestination, udpSource } from '../../src/wire/udp.js';
import { referenceChecksum } from '../wire/octet-arrays.js';
import { hex } from '../wire/vectors.js';

export const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
/** 10.100.0.1, and the address that it leases, 10.100.100.1. */
export const SERVER = 0x0a640001;
export const OTHER_SERVER = 0x0a640002;
export const ADDRESS = 0x0a646401;
export const BROADCAST = 0xffffffff;
export const OPTION_212 = '082020010db80000000000000000000000000a000001';

const word = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

/** Chance that is always in the middle, yet never twice the same: delays are half, waits their mean, transactions differ. */
export function middling(): Random {
  let n = 0;
  return (into) => {
    into.set([0x80, 0, ++n >>> 8, n]);
  };
}

/** Chance that says these words, in order, and then nothing but zeros. */
export function scripted(...words: number[]): Random {
  return (into) => into.set(word(words.shift() ?? 0));
}

/** What a server says; what is left out is as in an ordinary answer to the host `MAC`. */
export interface Reply {
  readonly type: number;
  readonly xid: number;
  readonly op?: number;
  readonly htype?: number;
  readonly hlen?: number;
  readonly mac?: Uint8Array;
  readonly yiaddr?: number;
  readonly port?: number;
  /** Options by code, as hex or 32 bits; null takes an ordinary one away. */
  readonly options?: Readonly<Record<number, string | number | null>>;
}

const ORDINARY_LEASE = { 51: 3600, 1: 0xffff0000, 3: SERVER, 212: OPTION_212 };

/** The whole IPv4 packet of a reply, by other code than ours. */
export function replyPacket(reply: Reply): Uint8Array {
  const { type, xid, op = 2, htype = 1, hlen = 6, mac = MAC, yiaddr = ADDRESS, port = 68 } = reply;
  const given = { 53: type.toString(16).padStart(2, '0'), 54: SERVER, ...(type === DhcpType.nak ? {} : ORDINARY_LEASE), ...reply.options };
  const options = Object.entries(given).flatMap(([code, value]) => {
    if (value === null) return [];
    const octets = typeof value === 'number' ? word(value) : [...hex(value)];
    return [Number(code), octets.length, ...octets];
  });
  const fixed = [op, htype, hlen, 0, ...word(xid), 0, 0, 0, 0, ...word(0), ...word(yiaddr), ...word(0), ...word(0), ...mac];
  const message = [...fixed, ...new Array(236 - fixed.length).fill(0), 0x63, 0x82, 0x53, 0x63, ...options, 255];
  const len = 28 + message.length;
  const b = Uint8Array.of(0x45, 0, len >>> 8, len, 0, 0, 0, 0, 64, 17, 0, 0, ...word(SERVER), ...word(BROADCAST));
  const sum = referenceChecksum(b);
  b.set([sum >>> 8, sum], 10);
  return Uint8Array.of(...b, 0, 67, port >>> 8, port, (len - 20) >>> 8, len - 20, 0, 0, ...message);
}

/** A message that the client sent. */
export interface Sent extends DhcpMessage {
  readonly at: number;
  readonly source: number;
  readonly destination: number;
  readonly octets: Uint8Array;
}

/** A verdict by name. */
export function verdictName(verdict: number): string {
  if (verdict === Verdict.consumed) return 'consumed';
  return verdict === Drop.none ? 'none' : (DROPS.find(({ code }) => code === verdict)?.name ?? `${verdict}`);
}

/** A client with somebody who does as it asks. After everything that is done to it, what must always hold is looked at. */
export class Exchange {
  readonly client: DhcpClient;
  readonly sent: Sent[] = [];
  now: number;
  readonly #out = makeBatch(1, HEADROOM + 400)[0];
  readonly #in = makeBatch(1, HEADROOM + 2000)[0];

  constructor(random: Random = middling(), options: Partial<DhcpClientOptions> = {}, now = 1000) {
    this.now = now;
    this.client = new DhcpClient({ mac: MAC, inform: null, hostName: 'home-1', ...options }, random, now);
    this.#drain();
  }

  get last(): Sent {
    return this.sent.at(-1) ?? expect.fail('nothing was sent');
  }

  /** Lets time pass, with every timer served when it is due. */
  until(time: number): void {
    for (let i = 0; this.client.nextTimeout() <= time; i++) {
      expect(i).toBeLessThan(100_000);
      this.now = Math.max(this.now, this.client.nextTimeout());
      this.client.handleTimeout(this.now);
      this.#drain();
    }
    this.now = time;
  }

  /** Lets time pass until something is sent, a day at most. */
  untilSent(): Sent {
    const before = this.sent.length;
    const end = this.now + 86_400_000;
    while (this.sent.length === before && this.client.nextTimeout() <= end) this.until(this.client.nextTimeout());
    expect(this.sent.length).toBe(before + 1);
    return this.last;
  }

  /** Shows the client a packet; the verdict by name. */
  receive(packet: Uint8Array): string {
    expect(this.#in.fill(packet, 0, packet.length)).toBe(true);
    const verdict = this.client.handlePacket(this.#in, this.now);
    this.#drain();
    return verdictName(verdict);
  }

  /** Answers what was sent last. */
  answer(type: number, options: Reply['options'] = {}, rest: Partial<Reply> = {}): string {
    return this.receive(replyPacket({ type, xid: this.last.xid, options, ...rest }));
  }

  /** Goes through to a lease. */
  bind(options: Reply['options'] = {}): this {
    this.untilSent();
    expect(this.answer(DhcpType.offer, options)).toBe('consumed');
    expect(this.answer(DhcpType.ack, options)).toBe('consumed');
    return this;
  }

  release(): void {
    this.client.release(this.now);
    this.#drain();
  }

  #drain(): void {
    this.#out.b.fill(0xa5);
    for (let i = 0; this.client.pollTransmit(this.#out, this.now); i++) {
      expect(i).toBe(0);
      const { b, off, end, remote } = this.#out;
      expect(isUdp4(b, off, end)).toBe(true);
      expect([udpSource(b, off + 20), udpDestination(b, off + 20), remote.addr]).toEqual([68, 67, dst4(b, off)]);
      const message = readDhcp4(b, off + 28, end) ?? expect.fail('no message');
      expect([message.op, message.htype, message.chaddr]).toEqual([1, 1, MAC]);
      this.sent.push({ ...message, at: this.now, source: src4(b, off), destination: dst4(b, off), octets: b.slice(off, end) });
    }
    expect(this.client.nextTimeout()).toBeGreaterThanOrEqual(this.now);
    const { lease } = this.client;
    if (lease === null) return;
    expect(lease.until).toBeGreaterThan(this.now);
    expect(this.client.nextTimeout()).toBeLessThanOrEqual(lease.until);
  }
}
