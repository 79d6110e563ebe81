/** A stranger on a link: sends any octets at all, and keeps what reaches it. */
import type { Address } from './address.js';
import type { Link, Plug } from './link.js';
import type { Account } from './trace.js';

/** Packets that a probe keeps; later ones are counted only. */
const MOST_KEPT = 10_000;

/** One stranger. */
export class Probe implements Plug {
  readonly isUp = true;
  readonly account: Account;
  /** What was sent to an address it answers for, or to a group. */
  readonly received: Uint8Array[] = [];
  readonly #link: Link;

  constructor(link: Link, account: Account) {
    this.#link = link;
    this.account = account;
    link.attach(this);
  }

  /** Answers for `addr` on the link, if nobody did before. */
  claim(addr: Address): void {
    this.#link.bind(addr, this);
  }

  /** Puts a packet on the link, for whoever has the address `nextHop`. */
  send(packet: Uint8Array, nextHop: Address): void {
    this.account.note('injected');
    const ending = this.#link.send(this, packet, nextHop);
    if (ending !== null) this.account.note(ending);
  }

  /** See {@link Plug}. */
  arrive(packet: Uint8Array): void {
    this.account.note('delivered');
    if (this.received.length < MOST_KEPT) this.received.push(packet);
  }
}
