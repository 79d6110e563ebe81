/**
 * Miredo, the free Teredo of others: its server, relay and client, each in a namespace of a test's network.
 *
 * What is started here runs in two or three processes, of which the last ones outlive the namespace if they may:
 * `stop` ends them by their first one, and whoever removes the namespace ends what is left in it.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { labEnvironment, must } from '../../src/lab/command.js';
import { awaitAddress } from '../../src/lab/node-addresses.js';
import { Program } from '../../src/lab/program.js';

/** Device of a relay or client. */
const DEVICE = 'teredo';
/** Milliseconds between two looks at what nothing tells of, and for all of them. */
const LOOK = 20;
const PATIENCE = 15_000;

/** Why it cannot be had here; null when it can. */
export function withoutMiredo(): string | null {
  const missing = ['miredo', 'miredo-server'].filter(
    (program) => spawnSync(program, ['-V'], { env: labEnvironment() }).error !== undefined,
  );
  return missing.length === 0 ? null : `needs the Debian packages ${missing.join(', ')}`;
}

/** Where one runs, and where its files go. */
export interface MiredoPlace {
  readonly namespace: string;
  /** Name of the node, for its files. */
  readonly node: string;
  readonly folder: string;
}

/** Starts a server on `local` and the address after it; resolves when it hears. */
export async function startMiredoServer(place: MiredoPlace, { local }: { readonly local: string }): Promise<Program> {
  const program = await start('miredo-server', place, [`ServerBindAddress ${local}`]);
  await until(['ip', 'netns', 'exec', place.namespace, 'ss', '-ulnH', 'sport', '=', '3544'], /(.*\n){2}/);
  return program;
}

/** Starts a relay; resolves when the way to Teredo leads through it. */
export async function startMiredoRelay(
  place: MiredoPlace,
  { local, port = 3545 }: { readonly local: string; readonly port?: number },
): Promise<Program> {
  const program = await start('miredo', place, ['RelayType relay', `InterfaceName ${DEVICE}`, `BindAddress ${local}`, `BindPort ${port}`]);
  await until(
    ['ip', '-netns', place.namespace, '-6', 'route', 'show', 'to', 'match', '2001::/32'],
    new RegExp(`^2001::/32 dev ${DEVICE}`, 'm'),
  );
  return program;
}

/** Starts a client; resolves when it is qualified and its device has its address. */
export async function startMiredoClient(place: MiredoPlace, { server }: { readonly server: string }): Promise<Program> {
  const program = await start('miredo', place, [`InterfaceName ${DEVICE}`, `ServerAddress ${server}`]);
  await awaitAddress(place.namespace, place.node);
  return program;
}

async function start(kind: string, { namespace, node, folder }: MiredoPlace, configuration: readonly string[]): Promise<Program> {
  const file = join(folder, `${node}.conf`);
  writeFileSync(file, configuration.map((line) => `${line}\n`).join(''));
  const { program, ready } = Program.start({
    kind,
    place: node,
    namespace,
    command: [kind, '-f', '-c', file, '-p', join(folder, `${node}.pid`)],
    log: join(folder, `${node}.log`),
    isReady: (line) => line.includes('Starting...'),
  });
  await ready;
  return program;
}

/** Waits until a command prints what is expected. */
async function until(command: readonly string[], expected: RegExp): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const text = await must(command);
    if (expected.test(text)) return;
    if (performance.now() > deadline) throw new Error(`"${command.join(' ')}" does not print ${expected} but:\n${text}`);
    await sleep(LOOK);
  }
}
