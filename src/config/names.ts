/** What a configuration leaves to DNS. */
import type { Config } from './config.js';

/** Names whose IPv4 addresses have to be asked for. */
export function namesIn({ tunnels }: Config): ReadonlySet<string> {
  const routers = tunnels.flatMap((tunnel) => (tunnel.type === 'isatap' ? tunnel.potentialRouters : []));
  return new Set(routers.filter((router) => typeof router === 'string'));
}
