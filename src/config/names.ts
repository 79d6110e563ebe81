/** The names and the addresses of its own that a configuration holds. */
import type { Config, TunnelConfig } from './config.js';

/** Names whose IPv4 addresses have to be asked for: of potential routers, and of Teredo servers. */
export function namesIn({ tunnels }: Config): ReadonlySet<string> {
  const named = tunnels.flatMap((tunnel): readonly unknown[] => {
    if (tunnel.type === 'isatap') return tunnel.potentialRouters;
    return tunnel.type === 'teredo' ? tunnel.servers : [];
  });
  return new Set(named.filter((one) => typeof one === 'string'));
}

/** IPv4 addresses of this host that `tunnel` names. */
export function addressesIn(tunnel: TunnelConfig): number[] {
  const { local, accept } = tunnel;
  const others = tunnel.type === 'teredo' && tunnel.secondary !== null ? [...accept, tunnel.secondary] : accept;
  return local === null ? [...others] : [local, ...others];
}
