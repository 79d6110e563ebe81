/**
 * What a plan asks for, done by iproute2: every step a line of `ip -batch`, and a line that undoes it.
 *
 * Applying is idempotent (`replace`), and so is undoing: what has already gone, with its interface or
 * by an operator's hand, is no error. Runs are synchronous, some milliseconds each, so that they work
 * in a process that is about to end.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { AddressStep, LinkStep, PlanStep, RouteStep } from '../engine/plan.js';

/** iproute2 refused a command, or could not be run. */
export class IpError extends Error {
  override readonly name = 'IpError';
  /** The command at fault as one types it after `ip`. */
  readonly command: string;
  /** What ip said about it. */
  readonly said: string;

  constructor(command: string, said: string) {
    super(`ip ${command}: ${said}`);
    this.command = command;
    this.said = said;
  }
}

/** What ip says of things that have gone. */
const GONE =
  /^(Cannot find device|Error: ipv[46]: Address not found|RTNETLINK answers: (No such process|No such device|Cannot assign requested address))/i;
/** ip ends its words about a command with its number, counted from 1. */
const FAILED = /^Command failed -:(\d+)$/;
const TIMEOUT = 10_000;
/** Octets that ip may say: some 150 an address, and hosts there are with a hundred thousand of them. */
const MOST_OUTPUT = 64 << 20;

/** Applies `steps` in order. Throws `IpError` at the first that fails: those before it are done, those after it are not. */
export function applySteps(steps: readonly PlanStep[]): void {
  for (const step of steps) if (step.kind === 'link') quietLink(step.interface);
  const lines = steps.flatMap(applyLines);
  for (const failure of runBatch([], lines).failures) throw failure;
}

/** Undoes `steps`, the last first. Throws `IpError` about the first that failed, when all have been tried. */
export function undoSteps(steps: readonly PlanStep[]): void {
  undoLines(undoing(steps));
}

/** The commands that undo what of `steps` outlives their TUN devices, in order, for `undoLines`: text that outlives this process. */
export function undoCommands(steps: readonly PlanStep[]): string[] {
  const devices = new Set(steps.filter((step) => step.kind === 'link').map((step) => step.interface));
  return undoing(steps.filter((step) => step.interface === null || !devices.has(step.interface)));
}

/** The last step is undone first. */
function undoing(steps: readonly PlanStep[]): string[] {
  return steps.map(undoLine).reverse();
}

/** Runs commands that undo. Throws `IpError` about the first that failed, when all have been tried. */
export function undoLines(lines: readonly string[]): void {
  for (const failure of runBatch(['-force'], lines).failures) if (!GONE.test(failure.said)) throw failure;
}

/**
 * Turns what `from` asked for into what `to` asks for: applies what is new or different, then undoes
 * what is gone, and leaves the rest alone. Throws `IpError`.
 */
export function changeSteps(from: readonly PlanStep[], to: readonly PlanStep[]): void {
  const before = inForce(from);
  const after = inForce(to);
  const gone = [...before].filter(([subject]) => !after.has(subject)).map(([, step]) => step);
  const isNew = (subject: string): boolean => {
    const [old, step] = [before.get(subject), after.get(subject)];
    return old === undefined || step === undefined || textOf(old) !== textOf(step);
  };
  // In their order, and with those that a later one replaces: a step may need what held when its tunnel asked for it.
  applySteps(to.filter((step) => isNew(subjectOf(step))));
  undoSteps(gone);
  // With a primary IPv4 address go the secondary ones of its subnet (sysctl promote_secondaries), and routes from them.
  if (gone.some((step) => step.kind === 'address' && !isIpv6(step.address))) applySteps(to);
}

/** What of `steps` holds when all are applied, by subject: where two tunnels ask for one route, that of the later. */
function inForce(steps: readonly PlanStep[]): ReadonlyMap<string, PlanStep> {
  const held = new Map<string, PlanStep>();
  for (const step of steps) held.set(subjectOf(step), step);
  return held;
}

function textOf(step: PlanStep): string {
  return applyLines(step).join('\n');
}

/** What a step is about: of two steps with one subject, the later replaces the earlier. */
function subjectOf(step: PlanStep): string {
  switch (step.kind) {
    case 'link':
      return `link ${step.interface}`;
    case 'address':
      return addressOf(step);
    case 'route':
      return `route ${step.to} ${step.from ?? ''} ${step.metric}`;
  }
}

/** The commands of one step, as one types them after `ip`. */
export function applyLines(step: PlanStep): string[] {
  switch (step.kind) {
    case 'link':
      return linkLines(step);
    case 'address':
      return [`address replace ${addressOf(step)}${isIpv6(step.address) ? ' nodad' : ''}${step.deprecated ? ' preferred_lft 0' : ''}`];
    case 'route':
      return [`route replace ${routeOf(step)}`];
  }
}

function undoLine(step: PlanStep): string {
  switch (step.kind) {
    case 'link':
      return `link set dev ${step.interface} down`;
    case 'address':
      return `address delete ${addressOf(step)}`;
    case 'route':
      return `route delete ${routeOf(step)}`;
  }
}

/** Packets that may wait for a packet thread: some 8 ms at 250 000 a second, longer than it may have to wait for a processor. */
const QUEUE_LEN = 2048;

/** No addresses of the kernel's own choosing: the link-local one is a step like the others. It must be said before the link is up. */
function linkLines({ interface: name, mtu }: LinkStep): string[] {
  return [`link set dev ${name} addrgenmode none`, `link set dev ${name} mtu ${mtu} txqueuelen ${QUEUE_LEN} multicast off up`];
}

function addressOf({ interface: name, address, len }: AddressStep): string {
  return `${address}/${len} dev ${name}`;
}

/**
 * `default` alone would be IPv4's. A router that a lease names is on the link, whatever subnet mask came with it
 * (RFC 2132 section 3.5); the kernel believes that only when it is told.
 */
function routeOf(step: RouteStep): string {
  const from = step.from === undefined ? '' : ` from ${step.from}`;
  const to = `${step.to === 'default' ? '::/0' : step.to}${from}`;
  const via = step.via === null ? '' : ` via ${step.via}${isIpv6(to) ? '' : ' onlink'}`;
  return step.interface === null ? `unreachable ${to} metric ${step.metric}` : `${to}${via} dev ${step.interface} metric ${step.metric}`;
}

function isIpv6(text: string): boolean {
  return text.includes(':');
}

/** A tunnel is configured by its plan, not by what a packet from the other side may advertise. */
const SYSCTLS = { disable_ipv6: 0, accept_ra: 0, autoconf: 0, router_solicitations: 0 } as const;

function quietLink(name: string): void {
  for (const [key, value] of Object.entries(SYSCTLS)) {
    const path = `/proc/sys/net/ipv6/conf/${name}/${key}`;
    try {
      writeFileSync(path, String(value), { flag: 'r+' });
    } catch (cause) {
      throw new Error(`cannot write ${value} to ${path}; the interface must exist, and IPv6 must be enabled in the kernel`, { cause });
    }
  }
}

/** What one run of ip said. */
export interface IpRun {
  readonly output: string;
  /** In the order of the commands. */
  readonly failures: readonly IpError[];
}

/** Runs `ip OPTIONS -batch -` over `lines`. Throws `IpError` when ip itself cannot be run. */
export function runBatch(options: readonly string[], lines: readonly string[]): IpRun {
  if (lines.length === 0) return { output: '', failures: [] };
  const args = [...options, '-batch', '-'];
  const input = lines.join('\n');
  const { error, status, signal, stdout, stderr } = spawnSync('ip', args, {
    input,
    encoding: 'utf8',
    timeout: TIMEOUT,
    maxBuffer: MOST_OUTPUT,
  });
  if (error !== undefined) throw new IpError(args.join(' '), `${error.message}; is the package iproute2 installed?`);
  const failures = failuresIn(stderr, lines);
  if (status !== 0 && failures.length === 0)
    failures.push(new IpError(args.join(' '), stderr.trim() || `ended by ${signal ?? `status ${status}`}`));
  return { output: stdout, failures };
}

/** Pairs what ip said with the commands that it said it about. */
function failuresIn(stderr: string, lines: readonly string[]): IpError[] {
  const failures: IpError[] = [];
  const said: string[] = [];
  for (const line of stderr.split('\n')) {
    const failed = FAILED.exec(line);
    if (failed === null) {
      if (line !== '') said.push(line);
      continue;
    }
    failures.push(new IpError(lines[Number(failed[1]) - 1], said.join('; ')));
    said.length = 0;
  }
  return failures;
}
