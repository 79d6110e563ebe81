/** The maps of the program, filled and read: see `layout.ts`. */
import type { DirectionName } from '../core/counters.js';
import { DIRECTIONS } from '../core/counters.js';
import { u32 } from '../wire/octets.js';
import type { BpfMap } from './bpf-map.js';
import { ARRIVAL, CLIENT, COUNTER, EGRESS, FLOW, INGRESS, PASSED, type PassedName } from './layout.js';
import type { XdpObject } from './object.js';
import type { Offload } from './offload.js';
import type { ValueOf } from './struct.js';

/** An interface by which frames come and go: one with the program, or a VLAN on top of such a one. */
export interface FastInterface {
  readonly ifindex: number;
  /** The interface that has the program: itself, or the one under the VLAN. */
  readonly device: number;
  /** 1..4094; 0: none. */
  readonly vlan: number;
  /** Station address, six octets. */
  readonly mac: Uint8Array;
}

/** What was forwarded: packets, and octets of inner packets. */
export type Forwarded = Readonly<Record<DirectionName, { readonly packets: number; readonly octets: number }>>;

/** Where a client of Teredo is. */
export interface ClientFlow {
  /** Place of its tunnel in the counter rows. */
  readonly slot: number;
  /** Its IPv6 address, sixteen octets. */
  readonly address: Uint8Array;
  readonly endpoint: number;
  readonly port: number;
  /** When it was last heard, and when something was last sent to it: nanoseconds of the monotonic clock. */
  readonly heard: bigint;
  readonly sent: bigint;
}

/** See the head of the file. */
export class Tables {
  readonly #object: XdpObject;

  constructor(object: XdpObject) {
    this.#object = object;
  }

  /** Has the program go by `offload` from now on: the generation that does not hold is written, and then holds. */
  install({ settings, rules }: Offload): void {
    const active = this.#object.map('active');
    const [current] = words(active.lookup(key(0)) ?? key(0));
    const next = 1 - current;
    this.#object.map('settings').update(key(next), settings);
    const all = this.#object.map('rules');
    const count = rules.length / all.valueLen;
    all.updateMany(octetsOf(Uint32Array.from({ length: count }, (_, i) => next * count + i)), rules);
    active.update(key(0), key(next));
  }

  /** Has it take frames from these interfaces, and send by them, and no others. A frame that it has taken it can always send. */
  setInterfaces(interfaces: readonly FastInterface[]): void {
    const devices = [...new Set(interfaces.map(({ device }) => device))].map((device) => [key(device), key(device)] as const);
    const transmit = this.#object.map('transmit');
    add(transmit, devices);
    replace(
      this.#object.map('egress'),
      interfaces.map(({ ifindex, device, vlan }) => [key(ifindex), EGRESS.encode({ ifindex: device, vlan })]),
    );
    replace(
      this.#object.map('ingress'),
      interfaces.map(({ ifindex, device, vlan, mac }) => [
        ARRIVAL.encode({ ifindex: device, vlan }),
        INGRESS.encode({ ifindex, mac: [...mac], reserved: 0 }),
      ]),
    );
    replace(transmit, devices);
  }

  /** What was forwarded for the tunnel at `slot`, all processors together. */
  forwarded(slot: number): Forwarded {
    const map = this.#object.map('counters');
    const [encapsulate, decapsulate] = DIRECTIONS.map((_, direction) => {
      const record = map.lookup(key(slot * DIRECTIONS.length + direction)) ?? new Uint8Array(0);
      const sum = { packets: 0, octets: 0 };
      for (let off = 0; off < record.length; off += map.valueLen) {
        const { packets, octets } = COUNTER.decode(record, off);
        sum.packets += Number(packets);
        sum.octets += Number(octets);
      }
      return sum;
    });
    return { encapsulate, decapsulate };
  }

  /** Another tunnel has the place from now on. */
  clear(slot: number): void {
    const map = this.#object.map('counters');
    for (const direction of DIRECTIONS.keys()) map.update(key(slot * DIRECTIONS.length + direction), new Uint8Array(map.recordLen));
  }

  /** Descriptor of the map of flows, in which packet threads keep them: see `FlowTable`. */
  get flowsFd(): number {
    return this.#object.map('flows').fd;
  }

  /** Has the program forward to and from a client of Teredo, until that is silent for too long. */
  setFlow({ slot, address, ...flow }: ClientFlow): void {
    this.#object.map('flows').update(clientKey(slot, address), FLOW.encode({ ...flow, reserved: 0 }));
  }

  /** Leaves the client to the packet threads. */
  removeFlow(slot: number, address: Uint8Array): void {
    this.#object.map('flows').remove(clientKey(slot, address));
  }

  /** When the program has last heard a client, and last sent to it; null: it has no flow. */
  flow(slot: number, address: Uint8Array): ValueOf<typeof FLOW> | null {
    const found = this.#object.map('flows').lookup(clientKey(slot, address));
    return found === null ? null : FLOW.decode(found);
  }

  /** How many frames were passed up, by reason; those that there were. */
  passed(): ReadonlyMap<PassedName, number> {
    const { records } = this.#object.map('passed').all();
    const view = new DataView(records.buffer, records.byteOffset, records.length);
    const each = records.length / PASSED.length;
    const sums = PASSED.map((name, i) => {
      let sum = 0;
      for (let off = i * each; off < (i + 1) * each; off += 8) sum += Number(view.getBigUint64(off, true));
      return [name, sum] as const;
    });
    return new Map(sums.filter(([, sum]) => sum > 0));
  }
}

function clientKey(slot: number, address: Uint8Array): Uint8Array {
  return CLIENT.encode({ address: { word: [0, 4, 8, 12].map((off) => u32(address, off)) }, slot });
}

type Entry = readonly [key: Uint8Array, value: Uint8Array];

function add(map: BpfMap, entries: readonly Entry[]): void {
  for (const [entry, value] of entries) map.update(entry, value);
}

/** Makes `entries` all that `map` holds; what stays is never missing in between. */
function replace(map: BpfMap, entries: readonly Entry[]): void {
  const kept = new Set(entries.map(([entry]) => entry.toString()));
  for (const old of map.keys()) if (!kept.has(old.toString())) map.remove(old);
  add(map, entries);
}

function key(number: number): Uint8Array {
  return octetsOf(Uint32Array.of(number));
}

function octetsOf(numbers: Uint32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

function words(octets: Uint8Array): Uint32Array {
  return new Uint32Array(octets.buffer, octets.byteOffset, octets.length / 4);
}
