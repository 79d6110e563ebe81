/**
 * Teredo clients whose gateways are asked for a port, RFC 6081 section 5.3: the gateway is a real one, MiniUPnPd.
 *
 *   mejiro 192.168.1.2 --- symmetric NAT 198.20.0.11 -------.
 *   sugamo 192.168.2.2 --- port restricted NAT 198.20.0.12 -+-- server 198.20.0.1, 198.20.0.2
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, describe, expect } from 'vitest';
import { NAT_KINDS } from '../../src/core/nat.js';
import type { Status } from '../../src/daemon/status.js';
import type { TeredoClientStatus } from '../../src/daemon/status-details.js';
import { daemonProgram, EXECUTABLE, nodeFiles } from '../../src/lab/daemon.js';
import { buildNetwork, removeNamespaces } from '../../src/lab/network.js';
import { awaitAddress } from '../../src/lab/node-addresses.js';
import { ping } from '../../src/lab/ping.js';
import { type LabPlan, planLab } from '../../src/lab/plan.js';
import { Program } from '../../src/lab/program.js';
import type { Topology, TopologyNode } from '../../src/topology/topology.js';
import { withoutNamespaces } from '../linux/namespace.js';
import { ledBy, type Speaks, startMiniupnpd, withoutMiniupnpd } from './miniupnpd.js';

const words = { en: 'x', ja: 'x' };
const SERVER = '[[tunnel]]\ntype = "teredo"\nrole = "server"\nlocal = "198.20.0.1"\nsecondary = "198.20.0.2"\n';
const client = (keys: string): string => `[[tunnel]]\nname = "pc"\ntype = "teredo"\nrole = "client"\nserver = "198.20.0.1"\n${keys}`;
const MAPPING = client('port = 40000\nport-mapping = true\n');
const OUTSIDE = '198.20.0.11';
const GATEWAY = '192.168.1.1';

function home(name: string, n: number, kind: keyof typeof NAT_KINDS): TopologyNode[] {
  return [
    {
      name,
      title: words,
      interfaces: [{ name: 'eth0', link: `lan-${name}`, addresses: [`192.168.${n}.2/24`] }],
      routes: [{ to: 'default4', via: `192.168.${n}.1` }],
    },
    {
      name: `nat-${name}`,
      title: words,
      forwards: true,
      interfaces: [
        { name: 'eth0', link: `lan-${name}`, addresses: [`192.168.${n}.1/24`] },
        { name: 'eth1', link: 'net', addresses: [`198.20.0.${10 + n}/24`] },
      ],
      nat: { inside: 'eth0', outside: 'eth1', ...NAT_KINDS[kind] },
    },
  ];
}

const TOPOLOGY: Topology = {
  name: 'gateways',
  title: words,
  nodes: [
    ...home('mejiro', 1, 'symmetric'),
    ...home('sugamo', 2, 'port-restricted-cone'),
    { name: 'mita', title: words, interfaces: [{ name: 'eth0', link: 'net', addresses: ['198.20.0.1/24', '198.20.0.2/24'] }] },
  ],
  links: [{ name: 'lan-mejiro' }, { name: 'lan-sugamo' }, { name: 'net' }],
  paths: [],
};

type LogLine = Readonly<Record<string, unknown>>;
let built = 0;

/** The network, with a server that answers. */
class Homes {
  readonly folder = mkdtempSync(join(tmpdir(), 'tsunagi-gateway-'));
  readonly #plan: LabPlan = planLab(TOPOLOGY, `upn${process.pid.toString(36)}${built++}`);
  readonly #programs = new Set<Program>();

  static async up(): Promise<Homes> {
    const homes = new Homes();
    try {
      await buildNetwork(homes.#plan);
      await homes.daemon('mita', SERVER);
      return homes;
    } catch (error) {
      await homes.down();
      throw error;
    }
  }

  namespaceOf(node: string): string {
    return this.#plan.namespaces.find((each) => each.node === node)?.name ?? '';
  }

  get place() {
    return { namespace: this.namespaceOf('nat-mejiro'), folder: this.folder, inside: GATEWAY, lan: '192.168.1.0/24' };
  }

  async gateway(speaks: Speaks): Promise<Program> {
    const program = await startMiniupnpd(this.place, speaks);
    this.#programs.add(program);
    return program;
  }

  async daemon(name: string, toml: string): Promise<Program> {
    const node = TOPOLOGY.nodes.find((each) => each.name === name) ?? expect.fail(name);
    mkdirSync(join(this.folder, name), { recursive: true });
    const { program, ready } = Program.start(daemonProgram(this.folder, this.namespaceOf(name), node, toml));
    this.#programs.add(program);
    await ready;
    return program;
  }

  /** What the service of a node has logged. */
  log(node: string): LogLine[] {
    const { log } = nodeFiles(this.folder, node);
    const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** The line with this message, waited for. */
  async line(node: string, message: string): Promise<LogLine> {
    const found = (): LogLine | undefined => this.log(node).find(({ msg }) => msg === message);
    await expect.poll(found, { timeout: 20_000, interval: 50 }).toBeDefined();
    return found() ?? expect.fail(message);
  }

  status(node: string): TeredoClientStatus {
    const { config } = nodeFiles(this.folder, node);
    const text = execFileSync(process.execPath, [EXECUTABLE, 'status', '--json', '--config', config], { encoding: 'utf8' });
    return (JSON.parse(text) as Status).tunnels[0].teredo as TeredoClientStatus;
  }

  reload(node: string): void {
    execFileSync(process.execPath, [EXECUTABLE, 'reload', '--config', nodeFiles(this.folder, node).config]);
  }

  /** Whether one node reaches the other over Teredo. */
  async reaches(from: string, to: string): Promise<boolean> {
    const address = await awaitAddress(this.namespaceOf(to), to);
    await awaitAddress(this.namespaceOf(from), from);
    return (await ping(this.namespaceOf(from), address, { count: 2, patience: 9 })).received > 0;
  }

  async down(): Promise<void> {
    await Promise.all([...this.#programs].map((program) => program.stop()));
    await removeNamespaces(this.#plan.namespaces.map(({ name }) => name));
    rmSync(this.folder, { recursive: true });
  }
}

const test = base.extend<{ homes: Homes }>({
  homes: async ({ skip }, use) => {
    const reason = withoutNamespaces() ?? withoutMiniupnpd();
    if (reason !== null) skip(reason);
    const homes = await Homes.up();
    await use(homes);
    await homes.down();
  },
});

describe.each([
  ['pcp', { upnp: null, pcp: true }],
  ['upnp', { upnp: 1, pcp: false }],
  ['upnp', { upnp: 2, pcp: false }],
] as const)('a gateway that is asked by %s (%o)', (by, speaks) => {
  test('TRDO-EX-08, 09: leads the port to the client before it qualifies, and no longer when it has stopped', async ({ homes }) => {
    await homes.gateway(speaks);
    const pc = await homes.daemon('mejiro', MAPPING);
    const mapped = await homes.line('mejiro', 'port mapped');
    expect(mapped).toMatchObject({ tunnel: 'pc', by, gateway: GATEWAY, external: `${OUTSIDE}:40000` });
    expect(await homes.line('mejiro', 'teredo qualified')).toMatchObject({ nat: 'symmetric' });
    const order = homes.log('mejiro').map(({ msg }) => msg);
    expect(order.indexOf('port mapped')).toBeLessThan(order.indexOf('teredo qualified'));
    expect(homes.status('mejiro').portMapping).toEqual({ state: 'mapped', by, gateway: GATEWAY, external: `${OUTSIDE}:40000` });
    expect(await ledBy(homes.place)).toMatch(/0x11 th dport 40000 dnat ip to 192\.168\.1\.2:40000/);
    await pc.stop();
    expect(await ledBy(homes.place)).not.toContain('40000');
    expect(existsSync(join(nodeFiles(homes.folder, 'mejiro').directory, 'state', 'port-mappings.json'))).toBe(false);
  });
});

test('a client behind a symmetric NAT is reached from behind a port restricted one, which it is not without', async ({ homes }) => {
  await homes.daemon('sugamo', client(''));
  const pc = await homes.daemon('mejiro', client(''));
  expect(await homes.reaches('sugamo', 'mejiro')).toBe(false);
  await pc.stop();
  await homes.gateway({ upnp: 1, pcp: false });
  await homes.daemon('mejiro', MAPPING);
  await homes.line('mejiro', 'port mapped');
  const address = await awaitAddress(homes.namespaceOf('mejiro'), 'mejiro');
  // 40000, and 198.20.0.11: what the gateway leads, not what the server sees.
  expect(address).toMatch(/:63bf:39eb:fff4$/);
  expect(await homes.reaches('sugamo', 'mejiro')).toBe(true);
});

test('TRDO-EX-10: without a gateway that answers the client goes on, and the reason is in log and status', async ({ homes }) => {
  await homes.daemon('mejiro', MAPPING);
  const reason = `gateway ${GATEWAY} does not speak PCP, and does not answer by UPnP`;
  expect(await homes.line('mejiro', 'no port mapping, the client goes on without')).toMatchObject({ tunnel: 'pc', reason });
  await homes.line('mejiro', 'teredo qualified');
  expect(homes.status('mejiro')).toMatchObject({ state: 'qualified', portMapping: { state: 'none', gateway: GATEWAY, failure: reason } });
});

test('TRDO-EX-09: what a service that was killed has left behind is deleted before anything is asked for', async ({ homes }) => {
  await homes.gateway({ upnp: 1, pcp: false });
  const pc = await homes.daemon('mejiro', client('port-mapping = true\n'));
  const { external } = await homes.line('mejiro', 'port mapped');
  const port = String(external).split(':')[1];
  pc.kill();
  await pc.ended;
  expect(await ledBy(homes.place)).toContain(port);
  await homes.daemon('mejiro', MAPPING);
  await expect.poll(() => ledBy(homes.place), { timeout: 10_000 }).toContain('40000');
  expect(await ledBy(homes.place)).not.toContain(port);
});

test('a gateway that was restarted, and has forgotten, has the mapping again after a reload', async ({ homes }) => {
  const gateway = await homes.gateway({ upnp: 2, pcp: false });
  await homes.daemon('mejiro', MAPPING);
  await homes.line('mejiro', 'port mapped');
  await gateway.stop();
  await homes.gateway({ upnp: 2, pcp: false });
  expect(await ledBy(homes.place)).not.toContain('40000');
  homes.reload('mejiro');
  await expect.poll(() => ledBy(homes.place), { timeout: 15_000 }).toContain('40000');
  expect(homes.log('mejiro').filter(({ msg }) => msg === 'port mapped')).toHaveLength(1);
});
