/** The fast path in the service: a relay with the program on both of its interfaces, between real stacks. */
import { copyFileSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import type { Diagnosis } from '../../src/daemon/diagnosis.js';
import { Exit } from '../../src/daemon/failure.js';
import type { Status } from '../../src/daemon/status.js';
import { XdpObject } from '../../src/xdp/object.js';
import { Echoes, EXECUTABLE, FAR, type LogLine, RELAY, RELAY_TUNNEL } from '../lab/daemon-network.js';
import { CABLES, CONTENT, type FastNetwork, NATIVE, NONE, SECONDARY, type Tunnels, test } from './fast-network.js';
import { compileTiny } from './tiny.js';

const HOST6 = '2002:c000:20a::1';
const AUTO = `interfaces = ${JSON.stringify(CABLES)}`;
const OBJECT = fileURLToPath(new URL('../../dist/bpf/tsunagi.bpf.o', import.meta.url));
const LIBBPF = '/usr/lib/x86_64-linux-gnu/libbpf.so.1';

/** Fails when a problem is found; here there is none. */
const DOCTOR = `${process.execPath} ${EXECUTABLE} doctor --json --config`;

const SIXRD = 'type = "6rd"\nprefix = "2001:db8:6000::/36"\nipv4-mask-length = 24';
const ISATAP = 'type = "isatap"';
/** Tunnels of the other technologies between host and relay, named `home` and `relay`; their MTU is that of RFC 4213, 1280. */
const OTHERS: readonly (readonly [technology: string, Tunnels])[] = [
  [
    '6rd',
    {
      host: `[[tunnel]]\n${SIXRD}\nname = "home"\nrole = "customer-edge"\nborder-relays = ["${RELAY}"]`,
      relay: `[[tunnel]]\n${SIXRD}\nname = "relay"\nrole = "border-relay"\nlocal = "${RELAY}"`,
    },
  ],
  [
    'ISATAP',
    {
      host: `[[tunnel]]\n${ISATAP}\nname = "home"\nrole = "host"\npotential-routers = ["${RELAY}"]`,
      relay: `[[tunnel]]\n${ISATAP}\nname = "relay"\nrole = "router"\nlocal = "${RELAY}"\nprefix = "2001:db8:15a::/64"`,
    },
  ],
  [
    'Teredo',
    {
      host: `[[tunnel]]\ntype = "teredo"\nname = "home"\nrole = "client"\nserver = "${RELAY}"\nsecondary = "${SECONDARY}"`,
      relay: [
        `[[tunnel]]\ntype = "teredo"\nname = "relay"\nrole = "relay"\nlocal = "${RELAY}"`,
        `[[tunnel]]\ntype = "teredo"\nname = "server"\nrole = "server"\nlocal = "${RELAY}"\nsecondary = "${SECONDARY}"`,
      ].join('\n'),
    },
  ],
];

/** The service has noticed a change by then, on a busy machine too. */
const SOON = { timeout: 15_000 };

const statusOf = (net: FastNetwork, config: string) => net.ask(config, 'status') as Status;
/** Packets that went by the fast path, both ways. */
function fastPackets(net: FastNetwork, config: string): number {
  const { fastpath } = statusOf(net, config).tunnels[0];
  return fastpath?.offloaded === true ? fastpath.encapsulated.packets + fastpath.decapsulated.packets : 0;
}
/** The relay alone, with these lines in `[fastpath]`; it is not to start. */
async function refused(net: FastNetwork, lines: string) {
  const run = net.run(net.relay, ['run', '--config', net.relayConfig(lines)]);
  return { status: await run.ended, said: run.complaints.join('\n') };
}

/** Runs a program where the library is not to be found. That ip needs it too on Debian is another matter. */
function withoutLibbpf(net: FastNetwork): readonly string[] {
  const library = realpathSync(LIBBPF);
  copyFileSync(library, net.file('libbpf.so.1'));
  writeFileSync(net.file('ip'), `#!/bin/sh\nLD_LIBRARY_PATH=${net.folder} exec /bin/ip "$@"\n`, { mode: 0o755 });
  return ['unshare', '-m', 'sh', '-c', `mount --bind /dev/null ${library} && PATH=${net.folder}:$PATH exec "$@"`, 'sh'];
}

function withoutCapability(): readonly string[] {
  return ['capsh', '--drop=cap_bpf,cap_sys_admin', '--', '-c', 'exec "$@"', 'sh'];
}

/** In place of the program stands one that no verifier lets through. */
function withUnsafeProgram(net: FastNetwork): readonly string[] {
  writeFileSync(net.file('unsafe.o'), compileTiny().unsafe);
  return ['unshare', '-m', 'sh', '-c', `mount --bind ${net.file('unsafe.o')} ${OBJECT} && exec "$@"`, 'sh'];
}

describe('a relay', () => {
  test.for(['native', 'generic'] as const)(
    'carries echoes and TCP both ways in mode %s, counts them, and says so',
    async (mode, { net }) => {
      const { relay, relayConfig } = await net.start(`${AUTO}\nmode = "${mode}"`);
      expect(await relay.line('fast path')).toMatchObject({ level: 'info', mode, interfaces: CABLES, offloaded: ['relay'] });
      expect(await relay.line('ready')).toMatchObject({ fastpath: mode });
      expect(net.programs()).toEqual({ tdmr: mode === 'native' ? 'xdp' : 'xdpgeneric', xdlr: mode === 'native' ? 'xdp' : 'xdpgeneric' });
      expect(net.reaches()).toBe(true); // and everybody knows his neighbours
      const before = statusOf(net, relayConfig).tunnels[0];
      expect(await net.transfer(net.far, FAR, net.host)).toBe(CONTENT);
      expect(await net.transfer(net.host, HOST6, net.far)).toBe(CONTENT);
      const { fastpath, tunnels } = statusOf(net, relayConfig);
      expect(fastpath).toEqual({ mode, interfaces: CABLES, passed: expect.any(Object) });
      const [{ encapsulated, decapsulated, fastpath: fast }] = tunnels;
      for (const [whole, then] of [
        [encapsulated, before.encapsulated],
        [decapsulated, before.decapsulated],
      ]) {
        expect(whole.octets - then.octets).toBeGreaterThan(CONTENT);
      }
      // The packet threads had the first packet or two, before there were neighbours.
      if (fast?.offloaded !== true) throw new Error(JSON.stringify(fast));
      expect(encapsulated.packets - fast.encapsulated.packets).toBeLessThan(10);
      expect(decapsulated.packets - fast.decapsulated.packets).toBeLessThan(10);
    },
  );

  test('leaves packets whose checksum the sender leaves to its driver to the packet threads, and TCP arrives', async ({ net }) => {
    for (const [namespace, device] of [
      [net.host, 'tdmh'],
      [net.far, 'xdlf'],
    ] as const) {
      net.exec(namespace, `ethtool -K ${device} tx on`);
    }
    const { relayConfig } = await net.start(AUTO);
    expect(net.reaches()).toBe(true);
    expect(await net.transfer(net.far, FAR, net.host)).toBe(CONTENT);
    expect(await net.transfer(net.host, HOST6, net.far)).toBe(CONTENT);
    expect(statusOf(net, relayConfig).fastpath.passed?.checksum).toBeGreaterThan(100);
  });

  test.for(OTHERS)('of %s carries echoes and TCP both ways in the drivers', async ([, tunnels], { net }) => {
    const { relay, hostConfig, relayConfig } = await net.start(AUTO, [], tunnels);
    expect(await relay.line('fast path')).toMatchObject({ mode: 'native', offloaded: ['relay'] });
    await expect.poll(() => net.reaches(), { timeout: 20_000 }).toBe(true);
    const { address } = statusOf(net, hostConfig).tunnels[0];
    if (address === undefined) throw new Error('the host has no address');
    const before = fastPackets(net, relayConfig);
    expect(await net.transfer(net.far, FAR, net.host)).toBe(CONTENT);
    expect(await net.transfer(net.host, address, net.far)).toBe(CONTENT);
    const { encapsulated, decapsulated } = statusOf(net, relayConfig).tunnels[0];
    const fast = fastPackets(net, relayConfig) - before;
    expect(fast).toBeGreaterThan(0.98 * (encapsulated.packets + decapsulated.packets));
  });

  test.for(['SIGTERM', 'SIGKILL'] as const)('leaves no program behind after %s', async (signal, { net }) => {
    const { relay } = await net.start(AUTO);
    expect(net.programs()).toEqual(NATIVE);
    await relay.stop(signal);
    expect(net.programs()).toEqual(NONE);
  });

  test('swaps what the program goes by on reload, under traffic, and loses no packet', async ({ net }) => {
    const { relay, relayConfig } = await net.start(AUTO);
    const plain = readFileSync(relayConfig, 'utf8');
    expect(net.reaches()).toBe(true);
    const echoes = new Echoes(net.host, 0.002);
    for (const ttl of [63, 62, 61, 60]) {
      writeFileSync(relayConfig, plain.replace('mtu    = 1480', `mtu = 1480\nttl = ${ttl}`));
      const before = fastPackets(net, relayConfig);
      expect(net.ask(relayConfig, 'reload')).toMatchObject({ changed: ['relay'] });
      await expect.poll(() => fastPackets(net, relayConfig)).toBeGreaterThan(before + 20);
      expect(net.exec(net.host, 'tcpdump -i tdmh -n -v -c 1 ip proto 41 and src 192.88.99.1')).toContain(`ttl ${ttl},`);
    }
    const { sent, received } = await echoes.stop();
    expect(sent).toBeGreaterThan(200);
    expect(received).toBe(sent);
    expect(relay.log.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });

  test('gives a tunnel that has the place of another counts of its own', async ({ net }) => {
    const { relayConfig } = await net.start(AUTO);
    expect([net.reaches(), net.reaches()]).toEqual([true, true]);
    expect(fastPackets(net, relayConfig)).toBeGreaterThan(0);
    net.relayConfig(AUTO, RELAY_TUNNEL.replace('name   = "relay"', 'name = "other"'));
    expect(net.ask(relayConfig, 'reload')).toMatchObject({ added: ['other'], removed: ['relay'] });
    expect(statusOf(net, relayConfig).tunnels).toMatchObject([
      { name: 'other', encapsulated: { packets: 0 }, decapsulated: { packets: 0 } },
    ]);
    expect(net.reaches()).toBe(true);
    expect(fastPackets(net, relayConfig)).toBe(2);
  });

  test('that is not to have a fast path loads nothing for it, takes it on reload, and lets go of it again', async ({ net }) => {
    const { relay, relayConfig } = await net.start(`${AUTO}\nmode = "off"`);
    const loaded = () => readFileSync(`/proc/${relay.pid}/maps`, 'utf8').includes('libbpf');
    expect([loaded(), net.programs(), net.reaches()]).toEqual([false, NONE, true]);
    expect(statusOf(net, relayConfig).fastpath).toEqual({ mode: 'off', interfaces: [], reason: 'fastpath.mode is "off"' });
    const worker = statusOf(net, relayConfig).tunnels[0].encapsulated.packets;
    expect(worker).toBeGreaterThan(0);

    net.relayConfig(AUTO);
    net.ask(relayConfig, 'reload');
    expect([loaded(), net.programs(), net.reaches()]).toEqual([true, NATIVE, true]);
    expect(fastPackets(net, relayConfig)).toBe(2);

    net.relayConfig('');
    net.ask(relayConfig, 'reload');
    expect([net.programs(), net.reaches()]).toEqual([NONE, true]);
    const { fastpath, tunnels } = statusOf(net, relayConfig);
    expect(fastpath).toEqual({ mode: 'off', interfaces: [], reason: 'fastpath.interfaces names no interface' });
    expect(tunnels[0].encapsulated.packets, 'counts go on').toBe(worker + 2);
    expect(relay.log.filter(({ level }) => level === 'warn')).toEqual([]);
  });
});

describe('an interface', () => {
  test('with a program of somebody else keeps that, and packets for it go by the packet threads', async ({ net }) => {
    const tiny = XdpObject.load(compileTiny().tiny);
    const theirs = net.occupy(tiny.program('tiny_pass'), 'xdlr', 'native');
    const why = /^xdlr: XDP program \d+ "tiny_pass" of somebody else is on it, and is left alone$/;
    const { relay, relayConfig } = await net.start(AUTO);
    expect(await relay.line('fast path')).toMatchObject({ level: 'warn', interfaces: ['tdmr'], reason: expect.stringMatching(why) });
    expect(net.reaches()).toBe(true);
    const { fastpath, tunnels } = statusOf(net, relayConfig);
    expect(fastpath).toMatchObject({ mode: 'native', interfaces: ['tdmr'], reason: expect.stringMatching(why) });
    expect(tunnels[0]).toMatchObject({ encapsulated: { packets: 1 }, decapsulated: { packets: 1 } });
    expect(fastPackets(net, relayConfig)).toBe(0);
    expect(net.exec(net.relay, 'ip link show xdlr')).toContain('name tiny_pass');

    theirs.close();
    net.ask(relayConfig, 'reload');
    expect(net.programs()).toEqual(NATIVE);
    expect(statusOf(net, relayConfig).fastpath).not.toHaveProperty('reason');
    tiny.close();
  });

  test('that frames cannot be redirected into has the generic mode, and so have all', async ({ net }) => {
    net.exec(net.far, 'ethtool -K xdlf gro off');
    const why = 'xdlr: not in native mode: nothing can be redirected into it (a veth needs GRO, or an XDP program, at its other end)';
    expect(await refused(net, `${AUTO}\nmode = "native"`)).toEqual({
      status: Exit.privilege,
      said: `tsunagi: fastpath.mode = "native" cannot be had: ${why}`,
    });
    expect(net.programs()).toEqual(NONE);
    const findings = () => JSON.parse(net.exec(net.relay, `${DOCTOR} ${net.relayConfig(AUTO)}`)).findings as Diagnosis[];
    const doctor = () => findings().filter(({ check }) => check === 'fast path');
    expect(doctor()).toMatchObject([{ severity: 'warning', what: why, where: CABLES.join(', ') }]);
    const { relay, relayConfig } = await net.start(AUTO);
    expect(doctor()).toMatchObject([{ severity: 'warning', what: why }]);
    expect(await relay.line('fast path')).toMatchObject({ level: 'warn', mode: 'generic', interfaces: CABLES, reason: why });
    expect([net.reaches(), net.reaches()]).toEqual([true, true]);
    expect(fastPackets(net, relayConfig)).toBeGreaterThanOrEqual(2);

    // No message tells of that.
    const before = fastPackets(net, relayConfig);
    net.exec(net.far, 'ethtool -K xdlf gro on');
    await expect.poll(() => net.programs(), SOON).toEqual(NATIVE);
    expect(net.reaches()).toBe(true);
    expect(fastPackets(net, relayConfig)).toBe(before + 2);
    net.exec(net.far, 'ethtool -K xdlf gro off');
    await expect.poll(() => net.programs(), SOON).toEqual({ tdmr: 'xdpgeneric', xdlr: 'xdpgeneric' });
    expect(net.reaches()).toBe(true);
    net.exec(net.far, 'ethtool -K xdlf gro on');
    await expect.poll(() => net.programs(), SOON).toEqual(NATIVE);
    expect(doctor()).toMatchObject([{ severity: 'ok' }]);
  });

  test.for(['auto', 'native'] as const)('that goes away and comes back has the program again, in mode %s', async (mode, { net }) => {
    const { relay, relayConfig } = await net.start(`${AUTO}\nmode = "${mode}"`);
    const since = relay.log.length;
    net.exec(net.relay, 'ip link del xdlr');
    const gone = await relay.line('fast path', since);
    expect(gone).toMatchObject({ level: 'warn', mode: 'native', interfaces: ['tdmr'], reason: 'xdlr: there is no such interface' });
    net.layCable();
    await expect.poll(() => relay.log.filter(({ msg }: LogLine) => msg === 'fast path').at(-1), SOON).toMatchObject({ interfaces: CABLES });
    const before = fastPackets(net, relayConfig);
    expect([net.reaches(), net.reaches()]).toEqual([true, true]);
    expect(fastPackets(net, relayConfig)).toBeGreaterThanOrEqual(before + 2);
    expect(relay.log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('that there is none of, or that is no Ethernet, ends a service that must have it', async ({ net }) => {
    const absent = `interfaces = ["tdmr", "xdlx", "lo"]`;
    const why = 'xdlx: there is no such interface; lo: it is no Ethernet interface';
    expect(await refused(net, `${absent}\nmode = "generic"`)).toEqual({
      status: Exit.privilege,
      said: `tsunagi: fastpath.mode = "generic" cannot be had: ${why}`,
    });
    const { relayConfig } = await net.start(absent);
    expect(statusOf(net, relayConfig).fastpath).toMatchObject({ mode: 'native', interfaces: ['tdmr'], reason: why });
    net.relayConfig(`${AUTO}\nmode = "native"`);
    net.ask(relayConfig, 'reload');
    net.relayConfig(`${absent}\nmode = "native"`);
    const reload = await net.tsunagi('reload', '--config', relayConfig);
    expect(reload).toEqual({ status: Exit.failed, stderr: `tsunagi: fastpath.mode = "native" cannot be had: ${why}` });
    expect([net.programs(), net.reaches()]).toEqual([NATIVE, true]);
  });
});

describe('a machine that can do none of it', () => {
  const machines = [
    ['without libbpf', withoutLibbpf, /^libbpf\.so\.1 cannot be loaded; apt-get install libbpf1$/],
    ['without CAP_BPF', withoutCapability, /^the kernel lets this process load no program: CAP_BPF and CAP_NET_ADMIN are needed$/],
    ['with a kernel that refuses the program', withUnsafeProgram, /^the kernel refused the program: .*: EACCES; /],
  ] as const;
  test.for(machines)('%s says so, and has packet threads', async ([, machine, reason], { net }) => {
    const wrapper = machine(net);
    const { host, relay, relayConfig } = await net.start(AUTO, wrapper);
    const said = await relay.line('no fast path');
    expect(said).toMatchObject({ level: 'warn', reason: expect.stringMatching(reason) });
    if (machine === withUnsafeProgram) expect(said.verifier).toContainEqual(expect.stringContaining('invalid access to packet'));
    else expect(said).not.toHaveProperty('verifier');
    expect(statusOf(net, relayConfig).fastpath).toEqual({ mode: 'off', interfaces: [], reason: said.reason });
    expect(net.reaches()).toBe(true);
    expect(relay.log.filter(({ msg }) => msg === 'no fast path')).toHaveLength(1);
    expect(await host.stop()).toBe(Exit.done);
    expect(await relay.stop()).toBe(Exit.done);

    const strict = net.run(net.relay, ['run', '--config', net.relayConfig(`${AUTO}\nmode = "native"`)], wrapper);
    expect(await strict.ended).toBe(Exit.privilege);
    expect(strict.complaints.join('\n')).toBe(`tsunagi: fastpath.mode = "native" cannot be had: ${said.reason}`);
  });
});
