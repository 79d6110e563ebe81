/**
 * A routing table: the longest prefix wins, then a route for the source alone, then the lowest metric, then
 * the route that was there first. Routes over interfaces that are down, and routes that have expired, do not count.
 */
import type { Millis } from '../core/clock.js';
import { type Address, addressKey, inSubnet, type Subnet } from './address.js';
import type { Interface } from './interface.js';

/** One route. */
export interface Route {
  readonly to: Subnet;
  /** Whose packets alone it is for; absent: everybody's. */
  readonly from?: Subnet;
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

/** Places routes to the same: those for a source first. */
function rank({ from, metric }: Route): number {
  return (from === undefined ? 2 ** 32 : 0) + metric;
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
    const behind = routes.findIndex((other) => rank(other) > rank(route));
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

  /** The route for the address at `b[off..)`, from the one at `b[source..)` if that is known; null when there is none. */
  lookup(b: Uint8Array, off: number, now: Millis, source: number | null = null): Route | null {
    for (const { len, routes } of this.#lengths) {
      for (const route of routes.get(addressKey(b, off, this.#size, len)) ?? []) {
        if (route.from !== undefined && (source === null || !inSubnet(route.from, b, source))) continue;
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
