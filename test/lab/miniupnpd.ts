/**
 * MiniUPnPd, which many home gateways run: UPnP-IGD, NAT-PMP and PCP of others, in the namespace of a NAT.
 *
 * It has chains of its own beside the NAT's. It takes no address outside for good that is not globally reachable, those of
 * the documentation included, so networks with it have others.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labEnvironment, must } from '../../src/lab/command.js';
import { inNamespace } from '../../src/lab/network.js';
import { Program } from '../../src/lab/program.js';

/** Why it cannot be had here; null when it can. */
export function withoutMiniupnpd(): string | null {
  const { error } = spawnSync('miniupnpd', ['--version'], { env: labEnvironment() });
  return error === undefined ? null : 'needs the Debian package miniupnpd-nftables';
}

/** What of it is switched on. */
export interface Speaks {
  /** UPnP-IGD, by the version that it shows; null: not at all. */
  readonly upnp: 1 | 2 | null;
  /** NAT-PMP and PCP, which it has together. */
  readonly pcp: boolean;
}

/** Where one runs, and where its files go. */
export interface GatewayPlace {
  readonly namespace: string;
  readonly folder: string;
  /** The gateway's address inside, and who may ask it. */
  readonly inside: string;
  readonly lan: string;
}

const CHAINS = `table inet upnp { }
delete table inet upnp
table inet upnp {
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain forward { type filter hook forward priority -10; policy accept; jump miniupnpd; }
  chain prerouting { type nat hook prerouting priority -110; policy accept; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority 90; policy accept; jump postrouting_miniupnpd; }
}
`;

/** Starts it between the interfaces eth0, inside, and eth1; resolves when it listens. */
export async function startMiniupnpd({ namespace, folder, inside, lan }: GatewayPlace, { upnp, pcp }: Speaks): Promise<Program> {
  await must(inNamespace(namespace, ['nft', '-f', '-']), { input: CHAINS });
  const file = join(folder, 'miniupnpd.conf');
  const yes = (is: boolean): string => (is ? 'yes' : 'no');
  const configuration = [
    'ext_ifname=eth1',
    'listening_ip=eth0',
    'http_port=5000',
    `enable_upnp=${yes(upnp !== null)}`,
    `force_igd_desc_v1=${yes(upnp === 1)}`,
    `enable_natpmp=${yes(pcp)}`,
    'secure_mode=yes',
    'ipv6_disable=yes',
    'uuid=7a65746f-0000-4000-8000-6b6f63686972',
    'upnp_table_name=upnp',
    'upnp_nat_table_name=upnp',
    'upnp_forward_chain=miniupnpd',
    'upnp_nat_chain=prerouting_miniupnpd',
    'upnp_nat_postrouting_chain=postrouting_miniupnpd',
    `allow 1024-65535 ${lan} 1024-65535`,
    'deny 0-65535 0.0.0.0/0 0-65535',
  ];
  writeFileSync(file, configuration.map((line) => `${line}\n`).join(''));
  const { program, ready } = Program.start({
    kind: 'miniupnpd',
    place: inside,
    namespace,
    command: ['miniupnpd', '-d', '-f', file, '-P', join(folder, 'miniupnpd.pid')],
    log: join(folder, 'miniupnpd.log'),
    isReady: (line) => /HTTP listening on port|Listening for NAT-PMP/.test(line),
  });
  await ready;
  return program;
}

/** Its chains, as nft prints them: what it leads where. */
export async function ledBy({ namespace }: GatewayPlace): Promise<string> {
  return must(inNamespace(namespace, ['nft', 'list', 'chain', 'inet', 'upnp', 'prerouting_miniupnpd']));
}
