/**
 * What LANs were told by the process before this one, of which nobody else knows: it was killed, or the machine lost
 * its power, and the addresses are others now (RFC 9096). Handed to the first role that serves the LAN.
 */
import type { AdvertisedLan } from '../role/role.js';
import type { TunnelSpec } from './spec.js';

/** By the name of the tunnel. */
export type ToldLans = ReadonlyMap<string, readonly AdvertisedLan[]>;

/** See the head of the file. */
export class LanMemory {
  readonly #told: Map<string, readonly AdvertisedLan[]>;

  constructor(told: ToldLans) {
    this.#told = new Map(told);
  }

  /** What the LANs of `spec` were told; of those that it does not serve yet it is kept. */
  takeFor({ name, lans }: TunnelSpec): readonly AdvertisedLan[] {
    const told = this.#told.get(name) ?? [];
    const isServed = (lan: AdvertisedLan): boolean => lans.some((one) => one.interface === lan.interface);
    this.#told.set(
      name,
      told.filter((lan) => !isServed(lan)),
    );
    return told.filter(isServed);
  }
}
