/** The names and the addresses of its own that a configuration holds. */
import type { Config, TunnelConfig } from './config.js';

/** Names whose IPv4 addresses have to be asked for. */
export function namesIn({ tunnels }: Config): ReadonlySet<string> {
  const routers = tunnels.flatMap((tunnel) => (tunnel.type === 'isatap' ? tunnel.potentialRouters : []));
  return new Set(routers.filter((router) => typeof router === 'string'));
}

/** IPv4 addresses of this host that `tunnel` names. */
export function addressesIn(tunnel: TunnelConfig): number[] {
  const { local, accept } = tunnel;
  const others = tunnel.type === 'teredo' && tunnel.secondary !== null ? [...accept, tunnel.secondary] : accept;
  return local === null ? [...others] : [local, ...others];
}
