import { expect, test } from 'vitest';
import {
  type Diagnosis,
  judgeDevice,
  judgeFastPath,
  judgeKept,
  judgeLeftover,
  judgeMtu,
  judgeNode,
  judgePrivilege,
  judgeReversePath,
  judgeSit,
  judgeTrains,
  judgeTunnels,
} from '../../src/daemon/diagnosis.js';
import type { Status } from '../../src/daemon/status.js';
import { type HostFacts, NO_FINDINGS } from '../../src/engine/spec.js';
import { kernelSit } from '../../src/linux/sit.js';
import { node } from './view.js';

const facts: HostFacts = {
  hostName: 'h',
  ipv4: [
    { addr: 0x7f000001, len: 8, interface: 'lo' },
    { addr: 0xcb007101, len: 24, interface: 'eth0' },
    { addr: 0xc6336401, len: 24, interface: 'ppp0' },
  ],
  ipv6: [],
  defaultSource: 0xc6336401,
  linkLocal: new Map(),
  mac: new Map(),
  forwards6: true,
  found: NO_FINDINGS,
};

const short = ({ severity, where, remedy }: Diagnosis) => [severity, where, remedy];

test('a missing capability is a problem with its remedy, and none is none', () => {
  expect(judgePrivilege({ missing: 'CAP_NET_RAW', remedy: 'run it as root' })).toEqual({
    check: 'privileges',
    severity: 'problem',
    what: 'CAP_NET_RAW is missing',
    where: 'this process',
    remedy: 'run it as root',
  });
  expect(judgePrivilege(null).severity).toBe('ok');
});

test('a fast path that is not all that it could be is a warning, and a problem where it must be had', () => {
  const interfaces = ['eth0', 'eth1'];
  const reason = 'eth1: there is no such interface';
  const severities = (mode: 'auto' | 'native' | 'generic' | 'off', why: string | null, on = interfaces) =>
    judgeFastPath({ mode, interfaces: on, persist: false }, why).map(({ severity, where, what }) => [severity, where, what]);
  expect(severities('auto', null)).toEqual([['ok', 'eth0, eth1', 'the interfaces can have it']]);
  expect(severities('auto', reason)).toEqual([['warning', 'eth0, eth1', reason]]);
  for (const mode of ['native', 'generic'] as const) expect(severities(mode, reason)).toEqual([['problem', 'eth0, eth1', reason]]);
  expect([severities('off', reason), severities('auto', reason, [])]).toEqual([[], []]);
});

test('a kernel that takes no trains of UDP is good to know', () => {
  expect(judgeTrains('3 of 4 come back')).toMatchObject({ severity: 'note', what: expect.stringContaining('3 of 4 come back') });
  expect(judgeTrains(null).severity).toBe('ok');
});

test('the kernel driver is a warning, whatever this machine has', () => {
  expect(judgeSit('the kernel module sit also answers protocol 41')).toMatchObject({ severity: 'warning', remedy: 'rmmod sit' });
  expect(judgeSit(kernelSit()).check).toBe('sit');
});

test('Node.js is warned about from the day its maintenance ends', () => {
  const at = (text: string) => Date.parse(text);
  expect(judgeNode('20.20.2', at('2026-04-29')).severity).toBe('ok');
  expect(judgeNode('20.20.2', at('2026-04-30'))).toMatchObject({
    severity: 'warning',
    what: 'Node.js 20.20.2 gets no security fixes since 2026-04-30',
  });
  expect(judgeNode('24.1.0', at('2026-11-24')).severity).toBe('ok');
  expect(judgeNode('99.0.0', at('2026-11-24')).severity).toBe('ok');
});

test('a leftover is shown with the commands that undo it; a running service is none', () => {
  expect(judgeLeftover({ kind: 'left', pid: 7, commands: ['route delete unreachable 2002:c000:20a::/48'] }, '/s')).toMatchObject({
    severity: 'warning',
    what: 'process 7 was killed and left configuration behind: route delete unreachable 2002:c000:20a::/48',
    where: '/s',
  });
  expect(judgeLeftover({ kind: 'running', pid: 7 }, '/s').severity).toBe('ok');
  expect(judgeLeftover({ kind: 'none' }, '/s').severity).toBe('ok');
});

test('an interface that exists is a problem unless a process is seen to hold it', () => {
  expect(judgeDevice('tun6to4', false, null).severity).toBe('ok');
  expect(judgeDevice('tun6to4', true, { pid: 42, command: 'tsunagi run' })).toMatchObject({
    severity: 'note',
    what: 'process 42 has it: tsunagi run',
  });
  expect(judgeDevice('tun6to4', true, null)).toMatchObject({
    severity: 'problem',
    remedy: 'ip link delete tun6to4, or another tunnel.interface',
  });
});

test('a tunnel that waits for a lease is a problem, unless the running service has it up; a tunnel that it lacks is judged by the host', () => {
  const [tunnel] = node.tunnels;
  const waiting = { tunnels: [{ ...tunnel, name: 'home', down: 'no DHCPv4 lease on eth0 yet' }] };
  const status = (name: string, down: string | null) => ({
    tunnels: [{ name, state: down === null ? 'up' : 'down', ...(down !== null && { down }) } as Status['tunnels'][number]],
  });
  const says = (found: readonly Diagnosis[]) => found.map(({ severity, where, what }) => `${severity} ${where} ${what}`);

  expect(says(judgeTunnels(waiting, null))).toEqual(['problem home cannot come up: no DHCPv4 lease on eth0 yet']);
  expect(says(judgeTunnels(waiting, status('home', null)))).toEqual([]);
  expect(says(judgeTunnels(waiting, status('home', 'its lease has ended')))).toEqual(['problem home is down: its lease has ended']);
  expect(says(judgeTunnels(waiting, status('other', null)))).toEqual(['problem home cannot come up: no DHCPv4 lease on eth0 yet']);
  expect(says(judgeTunnels({ tunnels: [{ ...tunnel, down: null }] }, null))).toEqual([]);
});

test('a tunnel that is larger than the link below fragments, and the fitting MTU is named', () => {
  const links = [
    { ifname: 'eth0', mtu: 1500 },
    { ifname: 'ppp0', mtu: 1492 },
  ];
  // The relay (MTU 1480) decapsulates 203.0.113.1 on eth0; the host (1280) would use the default source on ppp0.
  expect(judgeMtu(node, facts, links).map(short)).toEqual([
    ['ok', 'relay over eth0', ''],
    ['ok', 'home over ppp0', ''],
  ]);
  expect(judgeMtu(node, facts, [{ ifname: 'eth0', mtu: 1492 }]).map(short)).toEqual([['warning', 'relay over eth0', 'mtu = 1472']]);
  expect(judgeMtu(node, facts, [{ ifname: 'eth0', mtu: 1000 }]).map(short), 'never below the least of IPv6').toEqual([
    ['warning', 'relay over eth0', 'mtu = 1280'],
  ]);
});

test('strict reverse path filtering matters where there are two ways; the stricter of all and the interface counts', () => {
  const strict = 'sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.eth0.rp_filter=2';
  const set = (values: Record<string, number>) => (name: string) => values[name] ?? 0;
  expect(judgeReversePath(facts, set({ eth0: 1 })).map(short)).toEqual([['warning', 'eth0', strict]]);
  expect(judgeReversePath(facts, set({ all: 1 })).map(({ where }) => where)).toEqual(['eth0', 'ppp0']);
  expect(judgeReversePath(facts, set({ all: 2, eth0: 1 })).map(({ severity }) => severity)).toEqual(['ok']);
  expect(judgeReversePath({ ...facts, ipv4: facts.ipv4.slice(0, 2) }, set({ eth0: 1 })).map(({ severity }) => severity)).toEqual(['ok']);
});

test('what was kept is fine while it is asked for, and says how to be rid of it when it is not', () => {
  const kept = { pins: '/sys/fs/bpf/tsunagi/r-1', devices: ['tun6to4', 'tun6rd'], steps: [], slots: {} };
  expect(judgeKept(null, true, true)).toEqual([]);
  expect(judgeKept(kept, true, true)).toMatchObject([
    { severity: 'ok', what: 'the fast path, and tun6to4, tun6rd, stay when the service ends' },
  ]);
  expect(judgeKept(kept, true, false).map(short)).toEqual([['note', kept.pins, 'tsunagi run takes them over']]);
  const commands = 'rm -r /sys/fs/bpf/tsunagi/r-1; ip link delete tun6to4; ip link delete tun6rd';
  expect(judgeKept(kept, false, false).map(short)).toEqual([
    ['warning', kept.pins, `the next start of the service removes them; so does: ${commands}`],
  ]);
});
