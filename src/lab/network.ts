/** Networks of namespaces, cables and bridges: built by their plan, and removed without a rest. */
import { Exit, Failure } from '../daemon/failure.js';
import { must, run, runNow } from './command.js';
import type { LabPlan, NamespacePlan, Setting } from './plan.js';
import { endProcesses, type ProcessName, processName, signalProcess } from './process.js';

/** A command line that runs `command` in a namespace. */
export function inNamespace(namespace: string, command: readonly string[]): string[] {
  return ['ip', 'netns', 'exec', namespace, ...command];
}

/** Builds a network. A Failure says what the kernel refused; what was built by then is for `removeNamespaces`. */
export async function buildNetwork(plan: LabPlan): Promise<void> {
  await batch(plan.namespaces.map(({ name }) => `netns add ${name}`));
  await Promise.all(plan.namespaces.map((namespace) => shell(namespace.name, settingLines(namespace.defaults))));
  await batch(plan.cables);
  await Promise.all(plan.namespaces.map((namespace) => shell(namespace.name, plugLines(namespace))));
}

/** Ends what runs in namespaces, then removes them, with all that they hold. Those that are not there are none the worse. Returns how many processes it had to end. */
export async function removeNamespaces(names: readonly string[]): Promise<number> {
  const existing = await namespaces();
  const present = names.filter((name) => existing.has(name));
  const inside = (await Promise.all(present.map(processesIn))).flat();
  const left = await endProcesses(inside);
  const { stderr } = await run(['ip', '-force', '-batch', '-'], { input: present.map((name) => `netns delete ${name}\n`).join('') });
  const remaining = await namespaces();
  if (left.length > 0 || names.some((name) => remaining.has(name))) {
    const pids = left.map(({ pid }) => pid).join(', ');
    throw new Failure(Exit.failed, `not everything could be removed${pids === '' ? '' : `; processes ${pids} did not end`}`, {
      details: stderr.trim().split('\n'),
    });
  }
  return inside.length;
}

/** The same for a process that is about to end: nothing is waited for. */
export function removeNamespacesNow(names: readonly string[]): void {
  for (const name of names) {
    for (const inside of processesNamed(runNow(['ip', 'netns', 'pids', name]))) signalProcess(inside, 'SIGKILL');
  }
  runNow(['ip', '-force', '-batch', '-'], names.map((name) => `netns delete ${name}\n`).join(''));
}

/** Processes in a namespace, those of an `exec` from another terminal too. */
async function processesIn(namespace: string): Promise<ProcessName[]> {
  return processesNamed((await run(['ip', 'netns', 'pids', namespace])).stdout);
}

/** Reads process ids, one a line. */
function processesNamed(text: string): ProcessName[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => processName(Number(line)) ?? []);
}

/** Names of all namespaces of this machine. */
async function namespaces(): Promise<ReadonlySet<string>> {
  return new Set((await must(['ip', 'netns', 'list'])).split('\n').map((line) => line.split(' ')[0]));
}

async function batch(lines: readonly string[]): Promise<void> {
  await must(['ip', '-batch', '-'], { input: lines.map((line) => `${line}\n`).join('') });
}

/** Runs shell commands in a namespace up to the first that fails. They are made of a checked topology: no word needs quotes. */
async function shell(namespace: string, lines: readonly string[]): Promise<void> {
  await must(inNamespace(namespace, ['sh', '-e']), { input: `${lines.join('\n')}\n` });
}

function settingLines(settings: readonly Setting[]): string[] {
  return settings.map(([path, value]) => `echo ${value} >/proc/sys/net/${path}`);
}

/**
 * Between namespaces the kernel would pass unfinished packets on, without checksum and far longer than
 * the MTU, as it does to a clever network card. Here a capture must show what a wire would carry.
 *
 * A veth takes what XDP redirects into its other end only when it polls, and it polls for GRO, which joins packets: so
 * there is GRO, for which no packet is short enough, and once the veth is up: before that its other end does not hear of it.
 * Where `ip` cannot say that, the fast path does without the drivers.
 */
function plugLines({ interfaces, redirectedInto, settings, ip, nft }: NamespacePlan): string[] {
  return [
    ...(nft === '' ? [] : ["nft -f - <<'END'", nft, 'END']),
    ...settingLines(settings),
    ...interfaces.map((name) => `ethtool -K ${name} tx off tso off gso off gro off sg off >/dev/null`),
    "ip -batch - <<'END'",
    ...ip,
    'END',
    ...redirectedInto.map((name) => `ip link set dev ${name} gro_max_size 1 2>/dev/null && ethtool -K ${name} gro on >/dev/null || :`),
  ];
}
