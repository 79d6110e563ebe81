/**
 * Every command there is. Each lives in a file of its own that is loaded when it is wanted and not
 * before: `--version` and `--help` do not wait for a simulator.
 */
import type { Command } from 'commander';
import type { Io } from './io.js';

/** A command as the overview shows it, and where the whole of it is. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(io: Io): Promise<Command>;
}

/** In the order of the overview. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'run',
    summary: 'run the service in the foreground',
    load: async (io) => (await import('./commands/run.js')).runCommand(io),
  },
  {
    name: 'check',
    summary: 'say everything that is wrong with a configuration',
    load: async (io) => (await import('./commands/check.js')).checkCommand(io),
  },
  {
    name: 'status',
    summary: 'show what the running service does',
    load: async (io) => (await import('./commands/status.js')).statusCommand(io),
  },
  {
    name: 'reload',
    summary: 'have the running service read its configuration again',
    load: async (io) => (await import('./commands/reload.js')).reloadCommand(io),
  },
  {
    name: 'drain',
    summary: 'have the running service take its leave and stop',
    load: async (io) => (await import('./commands/drain.js')).drainCommand(io),
  },
  {
    name: 'resume',
    summary: 'call off a drain that has not ended yet',
    load: async (io) => (await import('./commands/drain.js')).resumeCommand(io),
  },
  {
    name: 'address',
    summary: 'read an IPv4 endpoint out of an IPv6 address, or write it into one',
    load: async (io) => (await import('./commands/address.js')).addressCommand(io),
  },
  {
    name: 'decode',
    summary: 'say what each packet of a capture is, and what a node would do with it',
    load: async (io) => (await import('./commands/decode.js')).decodeCommand(io),
  },
  {
    name: 'doctor',
    summary: 'find what keeps tunnels on this host from working, and say what to do',
    load: async (io) => (await import('./commands/doctor.js')).doctorCommand(io),
  },
  {
    name: 'nat',
    summary: 'tell which NAT is in front of this host, and what Teredo can do through it',
    load: async (io) => (await import('./commands/nat.js')).natCommand(io),
  },
  {
    name: 'lab',
    summary: 'build networks in namespaces, with real tunnels, and check their paths',
    load: async (io) => (await import('./commands/lab.js')).labCommand(io),
  },
  {
    name: 'sim',
    summary: 'build a network in this process, in virtual time, and check its paths',
    load: async (io) => (await import('./commands/sim.js')).simCommand(io),
  },
];
