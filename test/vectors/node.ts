/** From the configuration of a vector to what the engine is built from. */
import type { Config } from '../../src/config/config.js';
import { formatProblem, parseConfig } from '../../src/config/load.js';
import { resolve } from '../../src/daemon/resolve.js';
import { type HostAddress4, type HostFacts, NO_FINDINGS, type NodeSpec } from '../../src/engine/spec.js';
import { in4, parseIpv6, parsePrefix4 } from '../../src/wire/address.js';

const RELAY_ANYCAST = parsePrefix4('192.88.99.0/24') ?? { addr: 0, len: 32 };
const LINK_LOCAL = parseIpv6('fe80::1') ?? new Uint8Array(16);

/** Reads the configuration of a vector. Throws when it is invalid: a mistake in the vector. */
export function configOf(toml: string): Config {
  const { config, problems } = parseConfig(toml, 'vector.toml');
  if (config === null) throw new Error(problems.map(formatProblem).join('\n'));
  return config;
}

/** The IPv4 addresses of `eth0`: all that tunnels name, but for the anycast ones, which a relay brings itself. */
export function hostAddresses({ tunnels }: Config): number[] {
  const named = tunnels.flatMap((tunnel) => [tunnel.local, ...tunnel.accept, 'secondary' in tunnel ? tunnel.secondary : null]);
  return [...new Set(named.flatMap((addr) => addr ?? []))].filter((addr) => !in4(addr, RELAY_ANYCAST));
}

/**
 * The node that `toml` describes, on the host that `vectors/README.md` gives it: `eth0` has its addresses
 * as /24, the first of them the source of the default route. The host forwards IPv6, and every LAN interface has
 * `fe80::1`. Throws on a configuration that is invalid: a mistake in the vector.
 */
export function nodeOf(toml: string, facts: Partial<HostFacts> = {}): NodeSpec {
  const config = configOf(toml);
  const ipv4: HostAddress4[] = hostAddresses(config).map((addr) => ({ addr, len: 24, interface: 'eth0' }));
  const host: HostFacts = {
    hostName: 'vector',
    ipv4,
    ipv6: [],
    defaultSource: ipv4[0]?.addr ?? null,
    linkLocal: new Map(config.tunnels.flatMap((tunnel) => ('lans' in tunnel ? tunnel.lans : []).map((lan) => [lan.interface, LINK_LOCAL]))),
    mac: new Map(),
    forwards6: true,
    found: NO_FINDINGS,
    ...facts,
  };
  const { node, problems: unfit } = resolve(config, host, new Map());
  const errors = unfit.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  return node;
}
