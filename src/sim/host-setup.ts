/** Applies a host plan to a simulated host, as `linux/` does with iproute2: what is gone is undone, what is new is done. */
import type { PlanStep, RouteStep } from '../engine/plan.js';
import { sameSpec } from '../engine/spec.js';
import { parseAddress, parseSubnet, sameAddress } from './address.js';
import type { Host } from './host.js';
import type { Route } from './routing.js';

/** What one daemon has set up on its host. */
export class HostSetup {
  readonly #host: Host;
  #plan: readonly PlanStep[] = [];
  /** True: part of the plan went with the devices of a daemon that was killed. */
  #isStale = false;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Makes the host what `plan` says; the devices it names exist. */
  become(plan: readonly PlanStep[]): void {
    const before = this.#plan;
    for (const step of before.toReversed()) if (!isIn(step, plan)) this.#undo(step);
    for (const step of plan) if (this.#isStale || !isIn(step, before)) this.#apply(step);
    this.#plan = plan;
    this.#isStale = false;
  }

  /** The daemon was killed: what it had set up is found, and taken over or undone, by the next `become`. */
  abandon(): void {
    this.#isStale = true;
  }

  #apply(step: PlanStep): void {
    if (step.kind === 'route') {
      const route = this.#route(step);
      this.#removeRoute(step);
      this.#host.routesFor(route.to.addr).add(route);
    } else if (step.kind === 'address') {
      const preferredUntil = step.deprecated ? 0 : Infinity;
      this.#host.assign(this.#host.interface(step.interface), { addr: parseAddress(step.address), len: step.len }, preferredUntil);
    } else {
      const device = this.#host.interface(step.interface);
      device.mtu = step.mtu;
      device.isUp = true;
    }
  }

  #undo(step: PlanStep): void {
    const on = step.interface === null ? undefined : this.#host.interfaces.get(step.interface);
    if (step.kind === 'route') this.#removeRoute(step);
    else if (on !== undefined && step.kind === 'address') this.#host.release(on, parseAddress(step.address));
    else if (on !== undefined) on.isUp = false;
  }

  #route(step: RouteStep): Route {
    return {
      to: parseSubnet(step.to),
      ...(step.from !== undefined && { from: parseSubnet(step.from) }),
      via: step.via === null ? null : parseAddress(step.via),
      interface: step.interface === null ? null : this.#host.interface(step.interface),
      metric: step.metric,
      until: Infinity,
    };
  }

  #removeRoute(step: RouteStep): void {
    const { addr, len } = parseSubnet(step.to);
    this.#host
      .routesFor(addr)
      .remove(
        (route) =>
          route.metric === step.metric &&
          sameSpec(route.from, step.from === undefined ? undefined : parseSubnet(step.from)) &&
          route.to.len === len &&
          sameAddress(addr, route.to.addr, 0) &&
          (route.interface?.name ?? null) === step.interface,
      );
  }
}

function isIn(step: PlanStep, plan: readonly PlanStep[]): boolean {
  return plan.some((other) => sameSpec(step, other));
}
