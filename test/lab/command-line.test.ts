/** `tsunagi lab` as it is typed: what stays, what is removed, and by whom. */
import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isRunning, processName } from '../../src/lab/process.js';
import { tsharkMissing } from '../wire/tshark.js';
import { Labs, namespacesOf, OrdinaryUser, withoutLabs } from './command-line.js';
import { dissect, ERROR, GOOD } from './dissection.js';

/** What a demonstration shows, in order. */
const DEMONSTRATED = ['6to4', '6rd', 'isatap', 'teredo', 'internet'];
/** The relays of each path that has several tunnels or ways. */
const RELAYED = {
  '6rd': ['pc web ueno', 'meguro web ueno', 'pc tv', 'web tv shinagawa'],
  isatap: ['library web hongo', 'library laboratory', 'web laboratory hongo'],
  teredo: [...['kanda', 'ebisu', 'tabata', 'mejiro'].map((pc) => `${pc} web shinjuku`), 'ebisu sugamo'],
  internet: [
    'pc web ueno',
    'library web hongo',
    'pc library ueno hongo',
    'library pc hongo ueno',
    'host pc otemachi ueno',
    'library host hongo otemachi',
  ],
};

/** A line of `lab demo --json`, as far as it is read here. */
interface Report {
  readonly network: string;
  readonly lab: string;
  readonly works: boolean;
  readonly paths: readonly {
    from: string;
    to: string;
    relay: { node: string } | null;
    relays: readonly { node: string }[];
    carried: readonly { node: string; xdp: number; worker: number }[];
  }[];
}

/** The fast path, which set-up compiles where it can. */
const PROGRAM = new URL('../../dist/bpf/tsunagi.bpf.o', import.meta.url);
/** Octets of a visit, both ways. */
const MEBIBYTES = 2 << 20;

function packetsOf(carried: Report['paths'][number]['carried'], way: 'xdp' | 'worker'): number {
  return carried.reduce((sum, { [way]: packets }) => sum + packets, 0);
}

function reportsIn(stdout: string): Report[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Report);
}

function relaysOf({ from, to, relays }: Report['paths'][number]): string {
  return [from, to, ...relays.map(({ node }) => node)].join(' ');
}

const reason = withoutLabs();
let labs: Labs;

beforeEach((ctx) => {
  if (reason !== null) ctx.skip(reason);
  labs = new Labs();
});

afterEach(() => {
  if (reason === null) labs.close();
});

test('up leaves a network that can be used by name, and down leaves nothing', () => {
  const id = labs.up('6to4');
  expect(labs.list()).toMatchObject([{ id, network: '6to4', purpose: 'up', state: 'up' }]);
  expect(labs.list()[0].programs.every(({ running }) => running)).toBe(true);
  expect(labs.lab(['exec', '6to4', 'pc', 'ping', '-c', '1', '-W', '5', 'web']).status).toBe(0);
  expect(labs.lab(['exec', id, 'host', 'sh', '-c', 'echo "$0 $1"; cat; exit 7', 'a b', '--json'], 'in')).toEqual({
    status: 7,
    stdout: 'a b --json\nin',
    stderr: '',
  });
  expect(labs.lab(['exec', '6to4', 'host', 'sh', '-c', 'kill -9 $$']).status).toBe(137);
  expect(labs.lab(['exec', '6to4', 'nobody', 'true'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('expected one of host, tokyo'),
  });
  expect(labs.lab(['exec', '6to4', 'host', 'no-such-program'])).toMatchObject({
    status: 127,
    stderr: expect.stringMatching(/^tsunagi: .*no-such-program: not found\n$/),
  });

  const pids = labs.list()[0].programs.map(({ pid }) => pid);
  expect(labs.lab(['down', '6to4'])).toMatchObject({ status: 0, stdout: `lab ${id} (6to4) is removed\n` });
  expect(namespacesOf(id)).toEqual([]);
  expect(pids.filter((pid) => processName(pid) !== null)).toEqual([]);
  expect(readdirSync(labs.run)).toEqual([]);
  expect(labs.lab(['exec', '6to4', 'host', 'true'])).toMatchObject({ status: 1, stderr: expect.stringContaining('lab up 6to4') });
  expect(labs.lab(['down', id])).toMatchObject({ status: 1, stderr: `tsunagi: no lab "${id}" runs\n` });
});

test('up says how to use the network, how to look at a daemon, and how to remove it', () => {
  const { status, stdout, stderr } = labs.lab(['up', '6to4']);
  expect(status).toBe(0);
  const [, id] = /^6to4 is up as lab (\S+)$/m.exec(stdout) ?? [];
  const [, control] = /^ {2}.* status --control (\S+)$/m.exec(stderr) ?? [];
  expect(stderr).toContain(`lab exec ${id} host ping -c 3 web`);
  expect(lstatSync(control).isSocket()).toBe(true);
  expect(stderr).toContain(`lab down ${id}`);
  expect(labs.lab(['down', id]).status).toBe(0);
});

test('two labs of one network have different names, and have to be named by them', () => {
  const ids = [labs.up('6to4'), labs.up('6to4')];
  expect(namespacesOf(ids[0])).toHaveLength(namespacesOf(ids[1]).length);
  const ambiguous = labs.lab(['exec', '6to4', 'host', 'true']);
  expect(ambiguous.status).toBe(2);
  for (const id of ids) {
    expect(ambiguous.stderr).toContain(id);
    expect(labs.lab(['exec', id, 'host', 'ping', '-c', '1', '-W', '5', 'web']).status).toBe(0);
  }
  expect(labs.lab(['down', ids[0]]).status).toBe(0);
  expect(namespacesOf(ids[0])).toEqual([]);
  expect(labs.lab(['exec', '6to4', 'host', 'ping', '-c', '1', '-W', '5', 'web']).status).toBe(0);
});

test('what a killed lab leaves is removed by the next command, which says so; its programs have ended by then', async () => {
  const captures = join(labs.run, 'captures');
  const id = labs.up('6to4', '--capture', captures);
  const [{ pid, programs }] = labs.list();
  const names = programs.flatMap((program) => processName(program.pid) ?? []);
  expect(names).toHaveLength(programs.length);
  expect(programs.filter(({ kind }) => kind === 'capture')).toHaveLength(9);

  process.kill(pid, 'SIGKILL');
  await until(() => !names.some(isRunning));
  expect(namespacesOf(id)).toHaveLength(9);

  const next = labs.lab(['list']);
  expect(next.stderr).toContain(`removed what was left of lab ${id} (6to4), whose process ${pid} had died: 9 namespaces`);
  expect(next.stdout).not.toContain(id);
  expect(namespacesOf(id)).toEqual([]);
  expect(readdirSync(labs.run)).toEqual(['captures']);
  expect(labs.lab(['list']).stderr).toBe('');
});

test('down ends what somebody runs in a node, and does without a keeper that does not answer', async () => {
  const id = labs.up('6to4');
  const sleeper = labs.start(['exec', id, 'pc', 'sh', '-c', 'echo ready; exec sleep 1000']);
  if (sleeper.stdout === null) throw new Error('no stdout');
  await once(sleeper.stdout, 'data');
  const ended = once(sleeper, 'exit');
  process.kill(labs.list()[0].pid, 'SIGSTOP');
  expect(labs.lab(['down', id])).toMatchObject({ status: 0 });
  expect(await ended).toEqual([143, null]);
  expect(namespacesOf(id)).toEqual([]);
  expect(readdirSync(labs.run)).toEqual([]);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s while a demonstration is brought up removes what there is of it', async (signal, status) => {
  const demo = labs.start(['demo', '--once']);
  const exited = once(demo, 'exit');
  await until(() => readdirSync(labs.run).some((id) => namespacesOf(id).length > 0));
  const ids = readdirSync(labs.run);
  demo.kill(signal);
  expect(await exited).toEqual([status, null]);
  expect(ids.flatMap(namespacesOf)).toEqual([]);
  expect(readdirSync(labs.run)).toEqual([]);
});

test('a demonstration whose parent is killed ends, and takes everything with it', async () => {
  const parent = labs.start(['demo', '6to4'], ['sh', '-c', '"$0" "$@" & echo $!; wait']);
  if (parent.stdout === null) throw new Error('no stdout');
  const [line] = (await once(parent.stdout.setEncoding('utf8'), 'data')) as [string];
  const demo = processName(Number.parseInt(line, 10));
  if (demo === null) throw new Error(`no demonstration: ${line}`);
  await until(() => labs.list().some(({ purpose }) => purpose === 'demo'));
  const [{ id }] = labs.list();
  parent.kill('SIGKILL');
  await until(() => !isRunning(demo));
  expect(namespacesOf(id)).toEqual([]);
  expect(readdirSync(labs.run)).toEqual([]);
});

test('once: every path of the demonstration works, with the relay that it takes; the end leaves nothing but captures', async () => {
  const captures = join(labs.run, 'captures');
  const { status, stdout, stderr } = labs.lab(['demo', '--once', '--json', '--capture', captures]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const reports = reportsIn(stdout);
  expect(reports.map(({ network, works }) => [network, works])).toEqual(DEMONSTRATED.map((network) => [network, true]));
  expect(Object.fromEntries(reports.map(({ network, paths }) => [network, paths.map(relaysOf)]))).toMatchObject(RELAYED);
  const [report] = reports;
  expect(report.paths.map(({ from, to, relay }) => [from, to, relay?.node])).toEqual([
    ['host', 'web', 'otemachi'],
    ['pc', 'web', 'dojima'],
    ['home', 'web', 'dojima'],
    ['host', 'pc', undefined],
    ['pc', 'host', undefined],
    ['web', 'host', 'otemachi'],
    ['web', 'pc', 'otemachi'],
  ]);
  expect(report.paths[0]).toMatchObject({
    relay: { address: '2001:db8:0:b000:192:88:99:1' },
    largeEchoAnswered: true,
    web: { tunnel: '6to4', ipv4: '192.0.2.10', download: { octets: 1 << 20, isWhole: true }, upload: { octets: 1 << 20, isWhole: true } },
  });
  // Both mebibytes went through relays, in the kernel where it can be.
  for (const { carried, relay } of report.paths) expect(carried.length > 0).toBe(relay !== null);
  expect(packetsOf(report.paths[0].carried, existsSync(PROGRAM) ? 'xdp' : 'worker')).toBeGreaterThan(MEBIBYTES / 1400);
  expect(reports.flatMap(({ lab }) => namespacesOf(lab))).toEqual([]);
  expect(readdirSync(labs.run)).toEqual(['captures']);
  expect(readdirSync(captures).sort()).toEqual([...DEMONSTRATED].sort());
  const of6to4 = join(captures, '6to4');
  expect(readdirSync(of6to4)).toHaveLength(9);
  if (tsharkMissing !== null) return;

  // The host's IPv4 access carries RFC 3056 and what IPv4 itself needs, to the relays and straight to the home; the other side has IPv6 alone.
  const access = dissect(join(of6to4, 'access-tokyo.pcap'));
  const tunnelled = access.filter(({ protocols }) => !protocols.startsWith('eth:ethertype:arp'));
  expect(new Set(tunnelled.map(({ protocols }) => protocols.split(':').slice(0, 4).join(':')))).toEqual(new Set(['eth:ethertype:ip:ipv6']));
  expect(new Set(tunnelled.flatMap(({ ipv4 }) => ipv4))).toEqual(new Set(['192.0.2.10', '192.88.99.1', '198.51.100.10']));
  for (const { ipv6 } of tunnelled)
    expect(
      ipv6.some((address) => address === '2002:c000:20a::1'),
      ipv6.join(),
    ).toBe(true);
  // On the links of a relay both directions are to be seen, though its fast path takes packets before its own end shows them.
  const [outside, inside] = ['ix-otemachi', 'core-otemachi'].map((link) => dissect(join(of6to4, `${link}.pcap`)));
  for (const packets of [outside, inside]) {
    const ofHost = packets.map(({ ipv6 }) => ipv6.indexOf('2002:c000:20a::1')).filter((at) => at >= 0);
    expect(new Set(ofHost)).toEqual(new Set([0, 1]));
    expect(ofHost.length).toBeGreaterThan(MEBIBYTES / 1400);
  }
  const server = dissect(join(of6to4, 'server.pcap'));
  expect(server.filter(({ ipv4 }) => ipv4[0] !== '')).toEqual([]);
  for (const packets of [access, outside, inside, server]) {
    expect(Math.max(...packets.map(({ frame }) => frame))).toBeLessThanOrEqual(1514);
    expect(new Set(packets.flatMap(({ checksums }) => checksums))).toEqual(new Set([GOOD]));
    expect(packets.filter(({ malformed }) => malformed !== '')).toEqual([]);
    expect(Math.max(...packets.flatMap(({ severities }) => severities))).toBeLessThan(ERROR);
  }
});

test('an ordinary user has the same demonstration in a user namespace, and nothing is left of that either', (ctx) => {
  const user = new OrdinaryUser(labs.run);
  if (user.reason !== null) ctx.skip(user.reason);
  // Those that want most of the namespace: routers, captures, NATs and sockets of UDP.
  const networks = ['6to4', 'teredo'];
  const { status, stdout, stderr } = labs.lab(['demo', ...networks, '--once', '--json'], '', user.wrapper);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(reportsIn(stdout).map(({ network, works }) => [network, works])).toEqual(networks.map((network) => [network, true]));

  const up = labs.lab(['up', '6to4', '--json'], '', user.wrapper);
  expect(up).toMatchObject({ status: 0 });
  const { id } = JSON.parse(up.stdout) as { id: string };
  const script = 'ping -c 1 -W 5 web >/dev/null && id -u; exit 3';
  expect(labs.lab(['exec', id, 'pc', 'sh', '-c', script], '', user.wrapper)).toMatchObject({ status: 3, stdout: '0\n' });
  expect(labs.lab(['down', id], '', user.wrapper)).toMatchObject({ status: 0, stdout: `lab ${id} (6to4) is removed\n` });
  expect(readdirSync(labs.run)).toEqual([]);
});

test('a user who may not open the TUN device is told so, with what to do, and status 4', (ctx) => {
  const user = new OrdinaryUser(labs.run, 0o600);
  if (user.reason !== null) ctx.skip(user.reason);
  expect(labs.lab(['demo', '--once'], '', user.wrapper)).toMatchObject({
    status: 4,
    stdout: '',
    stderr: expect.stringContaining('chmod 0666 /dev/net/tun'),
  });
});

test('without once it stays, says how to look inside, and ends with Ctrl-C', async () => {
  const demo = labs.start(['demo', '6to4', '6to4']);
  const exited = once(demo, 'exit');
  if (demo.stderr === null || demo.stdout === null) throw new Error('no output');
  let shown = '';
  demo.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  const hint = await new Promise<string>((resolve) => {
    createInterface({ input: demo.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      if (line.includes('ping -c 3 web')) resolve(line.trim());
    });
  });
  const [, id] = /lab exec (\S+) host/.exec(hint) ?? [];
  expect(labs.list()).toMatchObject([{ id, purpose: 'demo', state: 'up' }]);
  expect(labs.lab(['exec', id, 'host', 'ping', '-c', '1', '-W', '5', 'web']).status).toBe(0);
  demo.kill('SIGINT');
  expect(await exited).toEqual([0, null]);
  expect(shown).toContain('192.88.99.1');
  expect(shown.match(/^✓ {2}/gm)).toHaveLength(7);
  expect(namespacesOf(id)).toEqual([]);
  expect(readdirSync(labs.run)).toEqual([]);
});

test('keep leaves the lab of a demonstration up, for down to remove', () => {
  const { status, stdout, stderr } = labs.lab(['demo', '6to4', '--once', '--keep', '--json']);
  expect(status).toBe(0);
  const { lab: id } = JSON.parse(stdout) as { lab: string };
  expect(stderr).toContain(`lab down ${id}`);
  expect(labs.list()).toMatchObject([{ id, state: 'up' }]);
  expect(labs.lab(['down', id]).status).toBe(0);
  expect(namespacesOf(id)).toEqual([]);
});

test('a daemon that dies shows in the list, and in the keeper’s log with its last words', async () => {
  const id = labs.up('6to4');
  const [{ programs }] = labs.list();
  const daemon = programs.find(({ kind, node }) => kind === 'daemon' && node === 'home');
  process.kill(daemon?.pid ?? 0, 'SIGKILL');
  const log = join(labs.run, id, 'keeper.log');
  await until(() => existsSync(log));
  expect(readFileSync(log, 'utf8')).toMatch(/daemon on home died: SIGKILL\n {2}.*"msg":"ready"/);
  expect(labs.lab(['list']).stdout).toContain('daemon on home died');
});

test('wrong usage is status 2, an unknown network names those there are', () => {
  expect(labs.lab(['up', '7to4'])).toMatchObject({ status: 2, stderr: expect.stringContaining('6to4') });
  expect(labs.lab(['down'])).toMatchObject({ status: 2 });
  expect(labs.lab(['exec', '6to4', 'host'])).toMatchObject({ status: 2 });
});

/** Waits for something that nobody tells of. */
async function until(happened: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!happened()) {
    if (performance.now() > deadline) throw new Error('it did not happen within 30 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
