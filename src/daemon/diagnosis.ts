/**
 * What keeps tunnels on this host from working: looked for without changing anything.
 *
 * Each check is a pure judgement of what was read; a finding says what, where and what to do.
 */
import { readFileSync } from 'node:fs';
import type { FastpathConfig } from '../config/config.js';
import { type HostFacts, NO_FINDINGS, type NodeSpec } from '../engine/spec.js';
import { socketsOf } from '../engine/technologies.js';
import { type TunHolder, tunHolder } from '../linux/holder.js';
import { runBatch } from '../linux/ip-batch.js';
import { type Kept, readKept } from '../linux/kept.js';
import { findLeftover, type Leftover } from '../linux/leftover.js';
import { type MissingPrivilege, missingPrivilege } from '../linux/privilege.js';
import { kernelSit } from '../linux/sit.js';
import { withoutUdpTrains } from '../linux/udp-trains.js';
import { formatIpv4 } from '../wire/address.js';
import { IPV4_LEN } from '../wire/ipv4.js';
import { UDP_LEN } from '../wire/udp.js';
import { type Configuration, readConfiguration } from './configuration.js';
import { ControlClient } from './control-client.js';
import { reasonOf } from './failure.js';
import { surveyFastPath } from './fast-path-place.js';
import { asksToStay } from './kept-place.js';
import type { Status } from './status.js';

/** How bad it is: a problem keeps something from working, a warning may, a note is good to know. */
export type Severity = 'problem' | 'warning' | 'note' | 'ok';

/** One thing that was looked at. */
export interface Diagnosis {
  readonly check: string;
  readonly severity: Severity;
  /** What was found. */
  readonly what: string;
  /** A file, an interface, a setting. */
  readonly where: string;
  /** What to do; empty when nothing needs doing. */
  readonly remedy: string;
}

/** An interface, as `ip -json link` tells. */
export interface Link {
  readonly ifname: string;
  readonly mtu: number;
  readonly operstate?: string;
}

/** Ends of maintenance of Node.js release lines, https://github.com/nodejs/release#release-schedule. */
const NODE_END_OF_LIFE: ReadonlyMap<number, string> = new Map([
  [20, '2026-04-30'],
  [22, '2027-04-30'],
  [24, '2028-04-30'],
]);

/** Looks at everything. `file` is the configuration; `now` milliseconds since 1970. */
export async function diagnose(file: string, now: number): Promise<Diagnosis[]> {
  const found = [
    judgePrivilege(missingPrivilege()),
    judgeSit(kernelSit()),
    judgeTrains(withoutUdpTrains()),
    judgeNode(process.versions.node, now),
  ];
  const { configuration, diagnoses } = judgeConfiguration(file);
  found.push(...diagnoses);
  if (configuration === null) return found;
  const { config, node, facts } = configuration;
  const { diagnosis: service, status } = await askService(config.node.control);
  const links = readLinks();
  const names = links.map(({ ifname }) => ifname);
  const kept = readKept(config.node.state);
  found.push(
    ...judgeTunnels(node, status),
    judgeLeftover(findLeftover(config.node.state), config.node.state),
    ...judgeKept(kept, asksToStay(config.fastpath), status !== null),
    ...node.tunnels.flatMap(({ interface: name }) => {
      return name === null || kept?.devices.includes(name) ? [] : [judgeDevice(name, names.includes(name), tunHolder(name))];
    }),
    ...judgeMtu(node, facts, links),
    ...judgeReversePath(facts, (name) => Number(sysctl(`net/ipv4/conf/${name}/rp_filter`))),
    ...judgeFastPath(config.fastpath, status === null ? await surveyFastPath(config.fastpath, kept) : (status.fastpath.reason ?? null)),
    service,
  );
  return found;
}

/** Capabilities, and the device file. */
export function judgePrivilege(missing: MissingPrivilege | null): Diagnosis {
  const check = 'privileges';
  if (missing === null) return ok(check, 'capabilities and /dev/net/tun are there', 'this process');
  return { check, severity: 'problem', what: `${missing.missing} is missing`, where: 'this process', remedy: missing.remedy };
}

/** The kernel's own driver. */
export function judgeSit(consequence: string | null): Diagnosis {
  const check = 'sit';
  if (consequence === null) return ok(check, 'no other driver answers protocol 41', 'kernel');
  return { check, severity: 'warning', what: consequence, where: 'kernel', remedy: 'rmmod sit' };
}

/** Whether payloads of UDP go in trains. */
export function judgeTrains(fault: string | null): Diagnosis {
  const check = 'trains';
  if (fault === null) return ok(check, 'the kernel takes UDP payloads in trains, and gives them back as they were', 'kernel');
  const what = `UDP payloads go one by one, which makes TCP through Teredo slower: ${fault}`;
  return { check, severity: 'note', what, where: 'kernel', remedy: '' };
}

/** The age of Node.js. */
export function judgeNode(version: string, now: number): Diagnosis {
  const check = 'node';
  const end = NODE_END_OF_LIFE.get(Number(version.split('.')[0]));
  if (end === undefined || now < Date.parse(end)) return ok(check, `Node.js ${version} is maintained`, process.execPath);
  return {
    check,
    severity: 'warning',
    what: `Node.js ${version} gets no security fixes since ${end}`,
    where: process.execPath,
    remedy: 'install Node.js 24 or newer',
  };
}

/**
 * Tunnels that are down. The running service is believed, `status`: it may have a lease or the address of a name, which nobody
 * else has asked for. Of a tunnel that it does not have, or without it, what the host has is all there is to go by.
 */
export function judgeTunnels(node: Pick<NodeSpec, 'tunnels'>, status: Pick<Status, 'tunnels'> | null): Diagnosis[] {
  return node.tunnels.flatMap(({ name, down }) => {
    const running = status?.tunnels.find((tunnel) => tunnel.name === name);
    const reason = running === undefined ? down : (running.down ?? null);
    if (reason === null) return [];
    const what = running === undefined ? `cannot come up: ${reason}` : `is down: ${reason}`;
    return [{ check: 'tunnel', severity: 'problem', what, where: name, remedy: 'it comes up by itself once the host has what it needs' }];
  });
}

/** What a dead service left. */
export function judgeLeftover(leftover: Leftover, stateDir: string): Diagnosis {
  const check = 'leftovers';
  if (leftover.kind === 'left') {
    const what = `process ${leftover.pid} was killed and left configuration behind: ${leftover.commands.join('; ')}`;
    return { check, severity: 'warning', what, where: stateDir, remedy: 'the next start of the service undoes it' };
  }
  return ok(
    check,
    leftover.kind === 'running' ? `process ${leftover.pid} runs and will undo what it has set` : 'nothing was left behind',
    stateDir,
  );
}

/** What stays when the service ends, or has stayed; nothing of the kind is no finding. `isAsked`: the configuration asks for it still. */
export function judgeKept(kept: Kept | null, isAsked: boolean, isRunning: boolean): Diagnosis[] {
  if (kept === null) return [];
  const check = 'kept';
  const { pins: where, devices } = kept;
  const what = `the fast path, and ${devices.join(', ') || 'no interface'}`;
  if (isRunning) return [ok(check, `${what}, stay when the service ends`, where)];
  if (isAsked)
    return [{ check, severity: 'note', what: `${what}, are in place without the service`, where, remedy: 'tsunagi run takes them over' }];
  const commands = [`rm -r ${where}`, ...devices.map((device) => `ip link delete ${device}`)].join('; ');
  const remedy = `the next start of the service removes them; so does: ${commands}`;
  return [{ check, severity: 'warning', what: `${what}, were kept and are not wanted any more`, where, remedy }];
}

/** Whether a TUN device can be made, or who has it. */
export function judgeDevice(name: string, exists: boolean, holder: TunHolder | null): Diagnosis {
  const check = 'interface';
  if (!exists) return ok(check, 'the name is free', name);
  if (holder !== null) return { check, severity: 'note', what: `process ${holder.pid} has it: ${holder.command}`, where: name, remedy: '' };
  return {
    check,
    severity: 'problem',
    what: 'an interface of this name exists, and no process that can be seen holds it',
    where: name,
    remedy: `ip link delete ${name}, or another tunnel.interface`,
  };
}

/** Whether the link below takes the tunnel's packets whole. */
export function judgeMtu(node: NodeSpec, facts: HostFacts, links: readonly Link[]): Diagnosis[] {
  const check = 'mtu';
  return node.tunnels.flatMap((tunnel) => {
    const { name, mtu, local } = tunnel;
    const carried = mtu + IPV4_LEN + (socketsOf(tunnel).length > 0 ? UDP_LEN : 0);
    const source = local.find((own) => facts.ipv4.some(({ addr }) => addr === own)) ?? facts.defaultSource;
    const below = facts.ipv4.find(({ addr }) => addr === source);
    const link = links.find(({ ifname }) => ifname === below?.interface);
    if (below === undefined || link === undefined) return [];
    if (carried <= link.mtu) return [ok(check, `packets of ${mtu} octets fit into ${link.mtu}`, `${name} over ${link.ifname}`)];
    return [
      {
        check,
        severity: 'warning' as const,
        what: `packets of ${mtu} octets become ${carried} and are fragmented: ${formatIpv4(below.addr)} is on a link that takes ${link.mtu}`,
        where: `${name} over ${link.ifname}`,
        remedy: `mtu = ${Math.max(1280, link.mtu - (carried - mtu))}`,
      },
    ];
  });
}

/** Strict reverse path filtering drops what comes back another way, as anycast does (RFC 3704 section 2.2). */
export function judgeReversePath(facts: HostFacts, rpFilter: (name: string) => number): Diagnosis[] {
  const check = 'rp_filter';
  const names = [...new Set(facts.ipv4.map((address) => address.interface))].filter((name) => name !== 'lo');
  const strict = names.filter((name) => Math.max(rpFilter('all'), rpFilter(name)) === 1);
  if (names.length < 2 || strict.length === 0)
    return [ok(check, 'reverse path filtering loses no tunnel packet', names.join(', ') || 'no interface')];
  return strict.map((name) => ({
    check,
    severity: 'warning',
    what: 'reverse path filtering is strict: a packet whose way back leads elsewhere is dropped',
    where: name,
    remedy: `sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.${name}.rp_filter=2`,
  }));
}

/** Whether the fast path is all that it could be, where one is asked for; `reason`: why not. */
export function judgeFastPath({ mode, interfaces }: FastpathConfig, reason: string | null): Diagnosis[] {
  const check = 'fast path';
  const where = interfaces.join(', ');
  if (mode === 'off' || where === '') return [];
  if (reason === null) return [ok(check, 'the interfaces can have it', where)];
  const remedy =
    mode === 'auto' ? 'what it does not forward, the packet threads do' : 'the service does not start without it: mode = "auto"';
  return [{ check, severity: mode === 'auto' ? 'warning' : 'problem', what: reason, where, remedy }];
}

function judgeConfiguration(file: string): { configuration: Configuration | null; diagnoses: Diagnosis[] } {
  const check = 'configuration';
  const { configuration, problems } = readConfiguration(file, new Map(), NO_FINDINGS);
  const diagnoses = problems.map((problem) => ({
    check,
    severity: problem.severity === 'error' ? ('problem' as const) : ('warning' as const),
    what: `${problem.key}${problem.key === '' ? '' : ' '}${problem.message}`,
    where: `${problem.file}:${problem.line}:${problem.column}`,
    remedy: problem.severity === 'error' && problem.expected !== '' ? `expected ${problem.expected}` : problem.expected,
  }));
  const whole = problems.length === 0 ? [ok(check, 'valid', file)] : diagnoses;
  return { configuration, diagnoses: whole };
}

async function askService(path: string): Promise<{ diagnosis: Diagnosis; status: Status | null }> {
  const check = 'service';
  try {
    const service = await ControlClient.connect(path);
    try {
      const status = (await service.ask({ command: 'status' })) as Status;
      return { diagnosis: ok(check, 'the service answers', path), status };
    } finally {
      service.close();
    }
  } catch (thrown) {
    return { diagnosis: { check, severity: 'note', what: reasonOf(thrown), where: path, remedy: 'tsunagi run' }, status: null };
  }
}

function ok(check: string, what: string, where: string): Diagnosis {
  return { check, severity: 'ok', what, where, remedy: '' };
}

function readLinks(): Link[] {
  return JSON.parse(runBatch(['-json'], ['link show']).output) as Link[];
}

function sysctl(path: string): string {
  try {
    return readFileSync(`/proc/sys/${path}`, 'utf8').trim();
  } catch {
    return '';
  }
}
