import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PlanStep } from '../../src/engine/plan.js';
import { applyLines, applySteps, changeSteps, IpError, undoCommands, undoSteps } from '../../src/linux/ip-batch.js';
import { HostFixture, ROUTER_PLAN } from './host-fixture.js';
import { describeInNamespaces, ip } from './namespace.js';

test('every step is one that a person could type', () => {
  expect(ROUTER_PLAN.flatMap(applyLines)).toEqual([
    'link set dev tlx0 addrgenmode none',
    'link set dev tlx0 mtu 1480 txqueuelen 2048 multicast off up',
    'address replace 192.88.99.1/32 dev tlx0',
    'address replace fe80::c000:205/64 dev tlx0 nodad',
    'address replace 2002:c000:205::1/128 dev tlx0 nodad',
    'route replace unreachable 2002:c000:205::/48 metric 1024',
    'route replace 2002::/16 dev tlx0 metric 1024',
    'address replace 2002:c000:205:1::1/64 dev tlxa nodad',
    'route replace ::/0 via 2002:c058:6301:: dev tlx0 metric 1029',
  ]);
});

/** What a customer edge sets for its lease, and an ISATAP host under a prefix that is not preferred any more. */
const LEASE_PLAN: readonly PlanStep[] = [
  { kind: 'address', interface: 'tlxa', address: '10.1.2.50', len: 24, deprecated: false },
  { kind: 'route', to: '0.0.0.0/0', via: '10.1.2.1', interface: 'tlxa', metric: 1024 },
  { kind: 'address', interface: 'tlxa', address: '2001:db8::5efe:a01:232', len: 128, deprecated: true },
];

test('a lease has its router on the link, a deprecated address is not preferred, and both are undone as they were done', () => {
  expect(LEASE_PLAN.flatMap(applyLines)).toEqual([
    'address replace 10.1.2.50/24 dev tlxa',
    'route replace 0.0.0.0/0 via 10.1.2.1 onlink dev tlxa metric 1024',
    'address replace 2001:db8::5efe:a01:232/128 dev tlxa nodad preferred_lft 0',
  ]);
  expect(undoCommands(LEASE_PLAN)).toEqual([
    'address delete 2001:db8::5efe:a01:232/128 dev tlxa',
    'route delete 0.0.0.0/0 via 10.1.2.1 onlink dev tlxa metric 1024',
    'address delete 10.1.2.50/24 dev tlxa',
  ]);
});

test('what outlives the TUN device of a plan is on LANs, or on no interface at all', () => {
  expect(undoCommands(ROUTER_PLAN)).toEqual([
    'address delete 2002:c000:205:1::1/64 dev tlxa',
    'route delete unreachable 2002:c000:205::/48 metric 1024',
  ]);
});

describeInNamespaces('on a host', () => {
  let host: HostFixture;
  beforeEach(() => {
    host = new HostFixture();
  });
  afterEach(() => host.close());

  const within = (body: () => void): void => host.namespace.run(body);
  const sysctl = (path: string): string => host.namespace.run(() => readFileSync(`/proc/sys/net/${path}`, 'utf8').trim());
  const link = (name: string): string => host.namespace.run(() => ip(`-o link show dev ${name}`));

  test('a plan that is applied twice is there once, and undone leaves the host as it was', () => {
    const before = host.state();
    within(() => applySteps(ROUTER_PLAN));
    const after = host.state();
    expect(after.filter((line) => !before.includes(line))).toEqual([
      '2002::/16 dev tlx0 metric 1024',
      '2002:c000:205:1::/64 dev tlxa proto kernel metric 256',
      '2002:c000:205::1 dev tlx0 proto kernel metric 256',
      'default via 2002:c058:6301:: dev tlx0 metric 1029',
      'fe80::/64 dev tlx0 proto kernel metric 256',
      'tlx0 inet 192.88.99.1/32 scope global tlx0',
      'tlx0 inet6 2002:c000:205::1/128 scope global nodad',
      'tlx0 inet6 fe80::c000:205/64 scope link nodad',
      'tlxa inet6 2002:c000:205:1::1/64 scope global nodad',
      'unreachable 2002:c000:205::/48 dev lo metric 1024',
    ]);
    within(() => applySteps(ROUTER_PLAN));
    expect(host.state()).toEqual(after);

    within(() => undoSteps(ROUTER_PLAN));
    expect(host.state()).toEqual(before);
  });

  test('the TUN device has the MTU, is up, joins no multicast group and listens to no advertisement', () => {
    within(() => applySteps(ROUTER_PLAN));
    expect(link('tlx0')).toMatch(/<(?=.*\bUP\b)(?!.*MULTICAST).*> mtu 1480 .*qlen 2048/);
    for (const key of ['accept_ra', 'autoconf', 'router_solicitations', 'disable_ipv6'])
      expect([key, sysctl(`ipv6/conf/tlx0/${key}`)]).toEqual([key, '0']);
  });

  test('what has gone already is undone without complaint: by hand, or with its interface', () => {
    within(() => applySteps(ROUTER_PLAN));
    within(() => ip('address delete 2002:c000:205:1::1/64 dev tlxa'));
    within(() => ip('link delete dev tlx0'));
    within(() => undoSteps(ROUTER_PLAN));
    within(() => undoSteps(ROUTER_PLAN));
    expect(host.state().filter((line) => line.includes('2002'))).toEqual([]);
  });

  test('a step that fails names the command and says what ip says', () => {
    const steps: PlanStep[] = [
      ROUTER_PLAN[0],
      { kind: 'address', interface: 'nowhere0', address: '2001:db8::1', len: 64, deprecated: false },
    ];
    const error = thrownBy(() => within(() => applySteps(steps)));
    expect([error.command, error.said]).toEqual(['address replace 2001:db8::1/64 dev nowhere0 nodad', 'Cannot find device "nowhere0"']);
    expect(error.message).toBe('ip address replace 2001:db8::1/64 dev nowhere0 nodad: Cannot find device "nowhere0"');
  });

  test('where ip gives up without the number of a command, its words are still there', () => {
    const error = thrownBy(() =>
      within(() => applySteps([{ kind: 'address', interface: 'tlxa', address: '2001:db8::zz', len: 64, deprecated: false }])),
    );
    expect(error.said).toContain('2001:db8::zz');
  });

  test('an undoing that fails for another reason is reported after all have been tried', () => {
    within(() => applySteps(ROUTER_PLAN));
    const odd: PlanStep = { kind: 'route', to: '2001:db8::zz/64', via: null, interface: null, metric: 1 };
    expect(thrownBy(() => within(() => undoSteps([...ROUTER_PLAN.slice(1), odd]))).message).toContain('2001:db8::zz');
  });

  test('from one plan to the next: what stays is not touched, what is new comes, what is gone goes', async () => {
    const [linkStep, anycast, linkLocal] = ROUTER_PLAN;
    const moved: PlanStep[] = [
      { ...linkStep, mtu: 1400 } as PlanStep,
      anycast,
      linkLocal,
      { kind: 'address', interface: 'tlx0', address: '2002:c000:206::1', len: 128, deprecated: false },
      { kind: 'route', to: '2002::/16', via: null, interface: 'tlx0', metric: 1024 },
      { kind: 'route', to: 'default', via: '2002:c058:6302::', interface: 'tlx0', metric: 1029 },
      { kind: 'route', to: '2001:db8:1::/48', via: '2002:c058:6302::', interface: 'tlx0', metric: 1024 },
    ];
    const from: PlanStep[] = [...ROUTER_PLAN, { kind: 'route', to: '2001:db8:1::/48', via: null, interface: 'tlx0', metric: 1024 }];
    within(() => applySteps(from));
    const events = await host.events(() => changeSteps(from, moved));
    expect(events.filter((line) => line.includes('2002::/16') || line.includes('192.88.99.1') || line.includes('fe80::'))).toEqual([]);
    expect(events.filter((line) => /^Deleted default/.test(line))).toEqual([]);

    const expected = new HostFixture();
    expected.namespace.run(() => applySteps(moved));
    expect(host.state()).toEqual(expected.state());
    expect(link('tlx0')).toMatch(/\bUP\b.* mtu 1400 /);
    expected.close();
  });

  test('of two tunnels with one route the later has it, and when that goes the earlier does', () => {
    const link = (name: string): PlanStep => ({ kind: 'link', interface: name, mtu: 1280 });
    const route = (name: string): PlanStep => ({ kind: 'route', to: 'default', via: null, interface: name, metric: 1029 });
    const one: PlanStep[] = [ROUTER_PLAN[0], route('tlx0')];
    const two: PlanStep[] = [...one, link('tlxa'), route('tlxa')];
    const shown = (): string => host.namespace.run(() => ip('-6 route show default')).trim();
    within(() => applySteps(one));
    within(() => changeSteps(one, two));
    expect(shown()).toMatch(/^default dev tlxa metric 1029/);
    within(() => changeSteps(two, one));
    expect(shown()).toMatch(/^default dev tlx0 metric 1029/);
  });

  test('a route for what comes from one prefix wins for that alone, and is undone', () => {
    const link = (name: string): PlanStep => ({ kind: 'link', interface: name, mtu: 1280 });
    const address = (name: string, text: string): PlanStep => ({
      kind: 'address',
      interface: name,
      address: text,
      len: 128,
      deprecated: false,
    });
    const route = (name: string, from?: string): PlanStep => ({
      kind: 'route',
      to: 'default',
      ...(from !== undefined && { from }),
      via: null,
      interface: name,
      metric: 1029,
    });
    const own = [address('tlx0', '2002:c000:205::1'), address('tlxa', '2001:0:c000:205::1')];
    const two = [link('tlx0'), link('tlxa'), ...own, route('tlx0'), route('tlxa')];
    const both = [...two, route('tlx0', '2002:c000:205::/48'), route('tlxa', '2001:0:c000:205::1/128')];
    const way = (from: string): string =>
      /dev (\S+)/.exec(host.namespace.run(() => ip(`-6 route get 2001:db8::1 from ${from}`)))?.[1] ?? '';
    const ways = (): string[] => ['2002:c000:205::1', '2001:0:c000:205::1'].map(way);
    within(() => applySteps(two));
    expect(ways()).toEqual(['tlxa', 'tlxa']);
    within(() => changeSteps(two, both));
    expect(ways()).toEqual(['tlx0', 'tlxa']);
    within(() => changeSteps(both, two));
    expect(ways()).toEqual(['tlxa', 'tlxa']);
    within(() => undoSteps(both));
  });

  test('the address and the default route of a lease come and go, whatever subnet mask came with it', () => {
    const before = host.state();
    const bare: PlanStep[] = LEASE_PLAN.map((step) =>
      step.kind === 'address' ? { ...step, len: step.address.includes(':') ? 128 : 32 } : step,
    );
    for (const plan of [LEASE_PLAN, bare]) {
      within(() => applySteps(plan));
      expect(host.state()).toContain('default via 10.1.2.1 dev tlxa metric 1024 onlink');
      within(() => undoSteps(plan));
      expect(host.state()).toEqual(before);
    }
  });

  test('another address in the same subnet takes the place of the first, which takes nothing along', () => {
    const moved = LEASE_PLAN.map((step) => (step.kind === 'address' && step.len === 24 ? { ...step, address: '10.1.2.60' } : step));
    within(() => writeFileSync('/proc/sys/net/ipv4/conf/tlxa/promote_secondaries', '0'));
    within(() => applySteps(LEASE_PLAN));
    within(() => changeSteps(LEASE_PLAN, moved));
    const expected = new HostFixture();
    expected.namespace.run(() => applySteps(moved));
    expect(host.state()).toEqual(expected.state());
    expected.close();
  });

  test('an address is deprecated, and preferred again, without going away', async () => {
    const [address] = LEASE_PLAN.slice(2) as [PlanStep & { kind: 'address' }];
    const preferred: PlanStep[] = [{ ...address, deprecated: false }];
    const shown = (): string => host.namespace.run(() => ip('-6 -o address show dev tlxa'));
    within(() => applySteps(preferred));
    expect(shown()).not.toContain('deprecated');
    const events = await host.events(() => changeSteps(preferred, [address]));
    expect(shown()).toMatch(/a01:232\/128 .*deprecated/);
    within(() => changeSteps([address], preferred));
    expect(shown()).toMatch(/a01:232\/128 (?!.*deprecated)/);
    expect(events.filter((line) => line.startsWith('Deleted'))).toEqual([]);
  });

  test('between equal plans nothing is done at all', async () => {
    within(() => applySteps(ROUTER_PLAN));
    expect(await host.events(() => changeSteps(ROUTER_PLAN, [...ROUTER_PLAN]))).toEqual([]);
  });
});

function thrownBy(body: () => void): IpError {
  try {
    body();
  } catch (error) {
    if (error instanceof IpError) return error;
    throw error;
  }
  return expect.fail('nothing was thrown');
}
