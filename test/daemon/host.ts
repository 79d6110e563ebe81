/** A host to resolve configurations on. */
import { formatProblem, parseConfig } from '../../src/config/load.js';
import { resolve } from '../../src/daemon/resolve.js';
import { type HostAddress4, type HostFacts, NO_FINDINGS } from '../../src/engine/spec.js';
import { parseIpv4, parseIpv6 } from '../../src/wire/address.js';

export const ip = (text: string): number => parseIpv4(text) ?? Number.NaN;
export const address = (text: string, len: number, name = 'eth0'): HostAddress4 => ({ addr: ip(text), len, interface: name });
export const LINK_LOCAL = parseIpv6('fe80::5054:ff:fe00:1') ?? new Uint8Array();
export const MAC = Uint8Array.of(0x52, 0x54, 0, 0, 0, 1);

/** At 8.8.8.8/24, forwarding, with a LAN. */
export const HOST: HostFacts = {
  hostName: 'host',
  ipv4: [address('127.0.0.1', 8, 'lo'), address('8.8.8.8', 24)],
  ipv6: [Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7)],
  defaultSource: ip('8.8.8.8'),
  linkLocal: new Map([['lan0', LINK_LOCAL]]),
  mac: new Map([['eth0', MAC]]),
  forwards6: true,
  found: NO_FINDINGS,
};

/** Resolves `toml`, which has to be valid, and puts the problems at their places. */
export function on(facts: Partial<HostFacts>, toml: string, slots: ReadonlyMap<string, number> = new Map()) {
  const { config, problems, place } = parseConfig(toml, 't.toml');
  if (config === null) throw new Error(problems.map(formatProblem).join('\n'));
  const resolved = resolve(config, { ...HOST, ...facts }, slots);
  return {
    ...resolved,
    tunnels: resolved.node.tunnels,
    said: resolved.problems.map((problem) => formatProblem(place(problem)).replace('t.toml:', '')),
  };
}
