/**
 * A routing table: the longest prefix wins, then the lowest metric, then the route that was there
 * first. Routes over interfaces that are down, and routes that have expired, do not count.
 */
import type { Millis } from '../core/clock.js';
import { type Address, addressKey, type Subnet } from './address.js';
import type { Interface } from './interface.js';

/** One route. */
export interface Route {
  readonly to: Subnet;
  /** Next hop; null: the destination is on the link. */
  readonly via: Address | null;
  /** null: packets are refused as unreachable. */
  readonly interface: Interface | null;
  /** Lower wins. */
  readonly metric: number;
  /** End of its life; `Infinity`: for good. */
  readonly until: Millis;
}

interface Length {
  readonly len: number;
  /** Routes by prefix, best first. */
  readonly routes: Map<string, Route[]>;
}

/** The routes of one family. */
export class RouteTable {
  readonly #size: number;
  /** Longest prefixes first. */
  #lengths: Length[] = [];

  /** `size` is the number of octets in an address: the family. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Adds a route behind those that are as good. */
  add(route: Route): void {
    const length = this.#length(route.to.len);
    const key = addressKey(route.to.addr, 0, this.#size, route.to.len);
    const routes = length.routes.get(key) ?? [];
    const behind = routes.findIndex((other) => other.metric > route.metric);
    routes.splice(behind < 0 ? routes.length : behind, 0, route);
    length.routes.set(key, routes);
  }

  /** Removes the routes for which `gone` answers true. */
  remove(gone: (route: Route) => boolean): void {
    for (const { routes } of this.#lengths) {
      for (const [key, list] of routes) {
        const kept = list.filter((route) => !gone(route));
        if (kept.length === 0) routes.delete(key);
        else routes.set(key, kept);
      }
    }
    this.#lengths = this.#lengths.filter(({ routes }) => routes.size > 0);
  }

  /** The route for the address at `b[off..)`; null when there is none. */
  lookup(b: Uint8Array, off: number, now: Millis): Route | null {
    for (const { len, routes } of this.#lengths) {
      for (const route of routes.get(addressKey(b, off, this.#size, len)) ?? []) {
        if (route.until > now && (route.interface === null || route.interface.isUp)) return route;
      }
    }
    return null;
  }

  /** Every route, longest prefix first. */
  routes(): Route[] {
    return this.#lengths.flatMap(({ routes }) => [...routes.values()].flat());
  }

  #length(len: number): Length {
    const at = this.#lengths.findIndex((length) => length.len <= len);
    if (at >= 0 && this.#lengths[at].len === len) return this.#lengths[at];
    const length: Length = { len, routes: new Map() };
    this.#lengths.splice(at < 0 ? this.#lengths.length : at, 0, length);
    return length;
  }
}
