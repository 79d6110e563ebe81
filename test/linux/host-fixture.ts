/** A host to configure: one namespace with a cable end tlxa, IPv6 enabled, and a TUN device tlx0. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { PlanStep } from '../../src/engine/plan.js';
import { close } from '../../src/linux/libc.js';
import { openTun } from '../../src/linux/tun.js';
import { ip, Namespace } from './namespace.js';

/** Everything that a 6to4 router sets on such a host; the LAN is the cable. */
export const ROUTER_PLAN: readonly PlanStep[] = [
  { kind: 'link', interface: 'tlx0', mtu: 1480 },
  { kind: 'address', interface: 'tlx0', address: '192.88.99.1', len: 32, deprecated: false },
  { kind: 'address', interface: 'tlx0', address: 'fe80::c000:205', len: 64, deprecated: false },
  { kind: 'address', interface: 'tlx0', address: '2002:c000:205::1', len: 128, deprecated: false },
  { kind: 'route', to: '2002:c000:205::/48', via: null, interface: null, metric: 1024 },
  { kind: 'route', to: '2002::/16', via: null, interface: 'tlx0', metric: 1024 },
  { kind: 'address', interface: 'tlxa', address: '2002:c000:205:1::1', len: 64, deprecated: false },
  { kind: 'route', to: 'default', via: '2002:c058:6301::', interface: 'tlx0', metric: 1029 },
];

export class HostFixture {
  readonly namespace = new Namespace();
  readonly #tun: number[];

  constructor() {
    this.#tun = this.namespace.run(() => {
      for (const which of ['all', 'default']) writeFileSync(`/proc/sys/net/ipv6/conf/${which}/disable_ipv6`, '0');
      ip('link add tlxa type veth peer name tlxb');
      for (const name of ['tlxa', 'tlxb']) {
        ip(`link set dev ${name} addrgenmode none`);
        ip(`link set dev ${name} up`);
      }
      return openTun('tlx0', { queues: 1 });
    });
  }

  /** Every address and route of the host as text, one a line, sorted; for comparing before with after. */
  state(): string[] {
    const lines = ['-o -4 address', '-o -6 address', 'route', '-6 route'].flatMap((question) =>
      this.namespace.run(() => ip(question)).split('\n'),
    );
    return lines
      .map((line) =>
        line
          .replace(/^\d+: /, '')
          .replaceAll(/\s+valid_lft.*| pref medium| linkdown| tentative|\\/g, '')
          .replaceAll(/\s+/g, ' ')
          .trim(),
      )
      .filter((line) => line !== '')
      .sort();
  }

  /** What `ip monitor` says while `body` runs inside; an address on tlxb that comes and goes marks where it begins and ends. */
  async events(body: () => void): Promise<string[]> {
    const monitor = this.namespace.run(() =>
      spawn('ip', ['-oneline', 'monitor', 'address', 'link', 'route'], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    const mark = (verb: string): string => this.namespace.run(() => ip(`address ${verb} 198.18.0.1/32 dev tlxb`));
    try {
      const lines = createInterface(monitor.stdout)[Symbol.asyncIterator]();
      const until = async (end: RegExp): Promise<string[]> => {
        const seen: string[] = [];
        for (let i = 0; i < 200; i++) {
          const { value } = await lines.next();
          if (end.test(value)) return seen;
          seen.push(value);
        }
        throw new Error(`no ${end} in ${seen.join('\n')}`);
      };
      await listening(monitor.pid);
      mark('add');
      await until(/^local 198\.18\.0\.1 /);
      this.namespace.run(body);
      mark('delete');
      return await until(/^Deleted \d+: tlxb +inet 198\.18\.0\.1/);
    } finally {
      monitor.kill('SIGKILL');
    }
  }

  /** Another process of this host that has made tlx0 (ours is closed for it) and applied `plan`; to be killed. */
  async victim(stateDir: string, plan: readonly PlanStep[]): Promise<ChildProcess> {
    this.closeTun();
    const args = ['--import', 'tsx', fileURLToPath(new URL('victim.ts', import.meta.url)), stateDir, JSON.stringify(plan)];
    const victim = this.namespace.run(() => spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
    for await (const line of createInterface(victim.stdout)) if (line === 'ready') return victim;
    throw new Error(`process ${victim.pid} ended early`);
  }

  closeTun(): void {
    for (const fd of this.#tun.splice(0)) close(fd);
  }

  close(): void {
    this.closeTun();
    this.namespace.close();
  }
}

/** Waits until process `pid` has a netlink socket that listens to groups. */
async function listening(pid = 0): Promise<void> {
  for (let i = 0; i < 500; i++) {
    // Columns: socket, protocol, port (the process id, as iproute2 leaves it to the kernel), groups.
    const sockets = readFileSync(`/proc/${pid}/net/netlink`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
    if (sockets.some((column) => column[1] === '0' && column[2] === String(pid) && Number.parseInt(column[3], 16) !== 0)) return;
    await pause(2);
  }
  throw new Error(`process ${pid} does not listen`);
}
