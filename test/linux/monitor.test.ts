import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { applySteps, undoSteps } from '../../src/linux/ip-batch.js';
import { concerns, Monitor } from '../../src/linux/monitor.js';
import { HostFixture, ROUTER_PLAN } from './host-fixture.js';
import { describeInNamespaces, ip } from './namespace.js';

const OWN: ReadonlySet<string> = new Set(['tun6to4']);

/** Lines as iproute2 6.1 prints them. */
test.each([
  [true, '3: eth0    inet 192.0.2.1/24 scope global eth0\\       valid_lft forever preferred_lft forever'],
  [true, 'Deleted 3: eth0    inet 192.0.2.1/24 scope global eth0\\       valid_lft forever preferred_lft forever'],
  [
    true,
    '2: eth0@if3: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN group default \\    link/ether a2:f3:96:1c:42:41 brd ff:ff:ff:ff:ff:ff',
  ],
  [true, 'default via 192.0.2.1 dev eth0 '],
  [true, 'Deleted default via 192.0.2.1 dev eth0 linkdown '],
  [true, 'default proto static metric 1024 \\\tnexthop via 192.0.2.1 dev eth0 weight 1 '],
  [false, '9: tun6to4    inet6 2002:c000:205::1/128 scope global nodad \\       valid_lft forever preferred_lft forever'],
  [false, 'Deleted 9: tun6to4: <POINTOPOINT,NOARP> mtu 1480 qdisc mq state DOWN group default \\    link/none '],
  [true, '9: tun6to4: <POINTOPOINT,NOARP> mtu 1480 qdisc mq state DOWN group default \\    link/none '],
  [false, '9: tun6to4: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1480 qdisc mq state UNKNOWN group default \\    link/none '],
  [false, 'default via 2002:c058:6301:: dev tun6to4 metric 1029 pref medium'],
  [false, '10.9.0.0/16 via 10.1.1.2 dev eth0 '],
  [false, 'local 192.0.2.1 dev eth0 table local proto kernel scope host src 192.0.2.1 '],
  [false, 'unreachable default dev lo metric 4294967295 error -101 pref medium'],
  [false, ''],
])('that it is %s that a fact may have changed: %s', (expected, line) => {
  expect(concerns(line, OWN)).toBe(expected);
});

describeInNamespaces('on a host', () => {
  let host: HostFixture;
  let monitor: Monitor;
  let changes: number;
  let failures: { reason: string; retryMs: number }[];
  let told: (() => void)[];
  beforeEach(() => {
    host = new HostFixture();
    changes = 0;
    failures = [];
    told = [];
    const tell = (): void => {
      for (const resolve of told.splice(0)) resolve();
    };
    monitor = host.namespace.run(
      () =>
        new Monitor({
          ownDevices: () => new Set(['tlx0']),
          changed: () => {
            changes++;
            tell();
          },
          failed: (reason, retryMs) => {
            failures.push({ reason, retryMs });
            tell();
          },
        }),
    );
  });
  afterEach(() => {
    monitor.stop();
    host.close();
  });

  const next = (): Promise<void> => new Promise((resolve) => told.push(resolve));
  const type = (command: string): string => host.namespace.run(() => ip(command));

  /** Ids of this process's children that run `ip monitor`. */
  const children = (): number[] =>
    readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .filter(
        (pid) => text(`/proc/${pid}/stat`).includes(` ${process.pid} `) && text(`/proc/${pid}/cmdline`).startsWith('ip\0-oneline\0monitor'),
      )
      .map(Number);

  test('it tells once at its start, then of a burst of changes once', async () => {
    await next();
    expect(changes).toBe(1);
    const burst = next();
    for (let i = 1; i <= 5; i++) type(`address add 192.0.2.${i}/24 dev tlxa`);
    await burst;
    expect(changes).toBe(2);
  });

  test('addresses, links and default routes are told of; what the node does itself is not', async () => {
    await next();
    for (const command of ['address add 192.0.2.1/24 dev tlxa', 'route add default via 192.0.2.2', 'link set dev tlxb down']) {
      const told = next();
      type(command);
      await told;
    }
    const before = changes;
    const own = ROUTER_PLAN.filter((step) => step.interface !== 'tlxa');
    host.namespace.run(() => applySteps(own));
    host.namespace.run(() => undoSteps(own));
    const told = next();
    type('address add 192.0.2.9/24 dev tlxa');
    await told;
    expect(changes).toBe(before + 1);
  });

  test('when ip ends, that is said, and a new one tells that something may have been missed', async () => {
    await next();
    const failed = next();
    for (const pid of children()) process.kill(pid, 'SIGKILL');
    await failed;
    expect(failures).toEqual([{ reason: 'ended by SIGKILL', retryMs: 1000 }]);
    await next();
    expect([changes, children().length]).toEqual([2, 1]);
  });

  test('stopped, it leaves no process and says no more', async () => {
    await next();
    const [pid] = children();
    monitor.stop();
    await promisify(execFile)('tail', ['--pid', String(pid), '-f', '/dev/null'], { timeout: 5_000 });
    expect([failures, changes]).toEqual([[], 1]);
  });
});

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
