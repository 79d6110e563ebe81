/** The kernel's own IPv6-in-IPv4 driver, `sit`: it takes protocol 41 beside us. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What the driver does to us, one sentence; null when it is not there. Raw sockets get their copy
 * all the same, but packets that belong to no sit interface are answered by the kernel with "port
 * unreachable", in every network namespace.
 */
export function kernelSit(modules = '/sys/module'): string | null {
  if (!existsSync(join(modules, 'sit'))) return null;
  return 'the kernel module sit also answers protocol 41 and tells peers "port unreachable" for packets of ours: unload it (rmmod sit), or drop such ICMP with nftables';
}
