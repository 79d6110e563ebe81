/** A fast path that stays: echoes and their answers go through a relay whose service is stopped, killed and started again. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Diagnosis } from '../../src/daemon/diagnosis.js';
import { Exit } from '../../src/daemon/failure.js';
import type { Status } from '../../src/daemon/status.js';
import { XdpObject } from '../../src/xdp/object.js';
import { Echoes, EXECUTABLE, RELAY, RELAY_TUNNEL, type Run, SIDE_TUNNEL } from '../lab/daemon-network.js';
import { CABLES, type FastNetwork, NATIVE, NONE, type Tunnels, test } from './fast-network.js';
import { compileTiny } from './tiny.js';

const PLAIN = `interfaces = ${JSON.stringify(CABLES)}`;
const STAYING = `${PLAIN}\npersist = true`;

const SIXRD = 'type = "6rd"\nprefix = "2001:db8:6000::/36"\nipv4-mask-length = 24';
/** Tunnels of the other technologies between host and relay. */
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
      host: `[[tunnel]]\ntype = "isatap"\nname = "home"\nrole = "host"\npotential-routers = ["${RELAY}"]`,
      relay: `[[tunnel]]\ntype = "isatap"\nname = "relay"\nrole = "router"\nlocal = "${RELAY}"\nprefix = "2001:db8:15a::/64"`,
    },
  ],
];

const statusOf = (net: FastNetwork, config: string) => net.ask(config, 'status') as Status;

/** Packets that the fast path has forwarded, both ways. */
function fastPackets(net: FastNetwork, config: string): number {
  const { fastpath } = statusOf(net, config).tunnels[0];
  return fastpath?.offloaded === true ? fastpath.encapsulated.packets + fastpath.decapsulated.packets : 0;
}

/** Where the relay keeps what stays. */
async function pinsOf(relay: Run): Promise<string> {
  const { pins } = await relay.line('the fast path stays');
  return String(pins);
}

/** The TUN device of the relay, by number and name; empty: there is none. */
const devices = (net: FastNetwork) => net.exec(net.relay, 'ip -o link show type tun').match(/^\d+: [^:]+/gm) ?? [];

/** What is answered while nobody but the kernel is there. */
async function withoutService(net: FastNetwork): Promise<void> {
  for (let i = 0; i < 20; i++) expect(net.reaches(), `echo ${i}`).toBe(true);
}

describe('a relay whose fast path is to stay', () => {
  test.for(['SIGKILL', 'SIGTERM'] as const)('loses no packet by %s and the start after it, and counts on', async (signal, { net }) => {
    const { relay, relayConfig } = await net.start(STAYING);
    expect(net.reaches()).toBe(true);
    expect(statusOf(net, relayConfig).fastpath).toMatchObject({ mode: 'native', stays: true });
    const before = devices(net);
    const echoes = new Echoes(net.host, 0.002);
    await expect.poll(() => fastPackets(net, relayConfig)).toBeGreaterThan(100);
    const counted = fastPackets(net, relayConfig);
    await relay.stop(signal);
    expect([net.programs(), devices(net)]).toEqual([NATIVE, before]);
    await withoutService(net);
    const next = await net.service(net.relay, relayConfig);
    expect(await next.line('what was kept is taken over')).toMatchObject({ level: 'info', interfaces: ['tun6to4'] });
    expect([net.programs(), devices(net)]).toEqual([NATIVE, before]);
    const after = fastPackets(net, relayConfig);
    expect(after).toBeGreaterThan(counted + 40);
    await expect.poll(() => fastPackets(net, relayConfig)).toBeGreaterThan(after + 100);
    const { sent, received } = await echoes.stop();
    expect(sent).toBeGreaterThan(200);
    expect(received).toBe(sent);
    const complaints = next.log.filter(({ level }) => level === 'warn' || level === 'error').map(({ msg }) => msg);
    // Routes on which packets are refused are on no device that could stay.
    expect(complaints).toEqual(signal === 'SIGKILL' ? ['a killed process left configuration behind, it is undone'] : []);
    // What is no longer to stay leaves.
    net.relayConfig(PLAIN);
    net.ask(relayConfig, 'reload');
    expect(statusOf(net, relayConfig).fastpath).not.toHaveProperty('stays');
    expect(net.reaches()).toBe(true);
    expect(await next.stop('SIGKILL')).toBe('SIGKILL');
    expect([net.programs(), devices(net)]).toEqual([NONE, []]);
  });

  test.for(OTHERS)('of %s goes on alike', async ([, tunnels], { net }) => {
    const { relay, relayConfig } = await net.start(STAYING, [], tunnels);
    await expect.poll(() => net.reaches(), { timeout: 20_000 }).toBe(true);
    const before = devices(net);
    const echoes = new Echoes(net.host, 0.002);
    await expect.poll(() => fastPackets(net, relayConfig)).toBeGreaterThan(100);
    const counted = fastPackets(net, relayConfig);
    await relay.stop('SIGKILL');
    await withoutService(net);
    await net.service(net.relay, relayConfig);
    expect(fastPackets(net, relayConfig)).toBeGreaterThan(counted + 40);
    const { sent, received } = await echoes.stop();
    expect([received, net.programs(), devices(net)]).toEqual([sent, NATIVE, before]);
  });

  test('says what stays, and the first start that is not to have it removes it', async ({ net }) => {
    /** What is set but for routes on which packets are refused: they are on no device that could stay. */
    const settings = () => net.snapshot(net.relay).replace(/ linkdown|^unreachable .*\n|state UNKNOWN/gm, '');
    const untouched = settings();
    const { relay, relayConfig } = await net.start(STAYING);
    const started = settings();
    expect(await relay.stop()).toBe(Exit.done);
    const pins = await pinsOf(relay);
    expect(settings()).toBe(started);
    expect(existsSync(pins)).toBe(true);
    const doctor = () => {
      const text = net.exec(net.relay, `${process.execPath} ${EXECUTABLE} doctor --json --config ${relayConfig}`);
      return (JSON.parse(text).findings as Diagnosis[]).filter(({ check }) => ['kept', 'interface', 'fast path'].includes(check));
    };
    expect(doctor()).toMatchObject([
      { check: 'kept', severity: 'note', where: pins },
      { check: 'fast path', severity: 'ok' },
    ]);
    net.relayConfig(PLAIN);
    expect(doctor()[0]).toMatchObject({
      check: 'kept',
      severity: 'warning',
      remedy: expect.stringContaining(`rm -r ${pins}; ip link delete`),
    });
    const next = await net.service(net.relay, relayConfig);
    expect(await next.line('what was kept is removed')).toMatchObject({ pins });
    expect([existsSync(pins), net.programs(), net.reaches()]).toEqual([false, NATIVE, true]);
    expect(await next.stop()).toBe(Exit.done);
    expect([net.programs(), devices(net), settings()]).toEqual([NONE, [], untouched]);
  });

  test('is changed by the next start as the configuration says: what is set on a kept device and no longer wanted goes', async ({
    net,
  }) => {
    const { relay, relayConfig } = await net.start(STAYING);
    expect(net.reaches()).toBe(true);
    await relay.stop('SIGKILL');
    net.relayConfig(STAYING, RELAY_TUNNEL.replace('name   = "relay"', 'name = "other"').replace('192.88.99.1', '192.0.2.1'));
    const next = await net.service(net.relay, relayConfig);
    expect(statusOf(net, relayConfig).tunnels).toMatchObject([{ name: 'other' }]);
    expect(fastPackets(net, relayConfig), 'counts of its own').toBe(0);
    expect(net.snapshot(net.relay)).not.toContain('192.88.99.1');
    expect([net.programs(), devices(net).length]).toEqual([NATIVE, 1]);
    await next.stop('SIGKILL');
    net.relayConfig(PLAIN, SIDE_TUNNEL);
    const last = await net.service(net.relay, relayConfig);
    expect(await last.line('what was kept is removed')).toMatchObject({ interfaces: ['tun6to4'] });
    await last.stop();
    expect([net.programs(), devices(net)]).toEqual([NONE, []]);
  });

  test('goes on with a program whose maps are laid out otherwise, and leaves files of others alone', async ({ net }) => {
    const { relay, relayConfig } = await net.start(STAYING);
    expect(net.reaches()).toBe(true);
    await relay.stop();
    const pins = await pinsOf(relay);
    const maps = readdirSync(pins).find((name) => name.startsWith('maps-')) ?? '';
    rmSync(join(pins, maps, 'counters'));
    mkdirSync(join(pins, 'theirs'));
    const tiny = XdpObject.load(compileTiny().tiny);
    tiny.map('counts').pin(join(pins, 'theirs', 'counts'));
    const echoes = new Echoes(net.host, 0.002);
    const next = await net.service(net.relay, relayConfig);
    await expect.poll(() => fastPackets(net, relayConfig)).toBeGreaterThan(100);
    const { sent, received } = await echoes.stop();
    expect([received, net.programs()]).toEqual([sent, NATIVE]);
    expect(readdirSync(join(pins, maps))).toContain('counters');
    await next.stop();
    net.relayConfig(PLAIN);
    await net.service(net.relay, relayConfig);
    expect(readdirSync(pins)).toEqual(['theirs']);
    rmSync(join(pins, 'theirs'), { recursive: true });
    rmSync(pins, { recursive: true });
    tiny.close();
  });

  test('says where it cannot stay, and leaves with the service then', async ({ net }) => {
    const script = 'mount -t tmpfs none /sys/fs/bpf && exec capsh --drop=cap_sys_admin -- -c \'exec "$@"\' sh "$@"';
    const { relay, relayConfig } = await net.start(STAYING, ['unshare', '-m', 'sh', '-c', script, 'sh']);
    const reason = expect.stringMatching(
      /^it does not stay when the service ends: \/sys\/fs\/bpf is no BPF file system, and cannot be made one: mount: /,
    );
    expect(await relay.line('fast path')).toMatchObject({ level: 'warn', mode: 'native', offloaded: ['relay'], reason });
    expect(net.reaches()).toBe(true);
    expect(statusOf(net, relayConfig).fastpath).not.toHaveProperty('stays');
    expect(await relay.stop()).toBe(Exit.done);
    expect([net.programs(), devices(net)]).toEqual([NONE, []]);
  });
});
