/** How commands find the running service: by the control socket that its configuration names. */
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { parse } from 'smol-toml';
import { unreadable } from '../config/load.js';
import { ControlClient } from '../daemon/control-client.js';
import { Exit, Failure } from '../daemon/failure.js';
import { configOption, DEFAULT_CONFIG } from './argument.js';

/** The socket of a configuration that names none. */
export const DEFAULT_CONTROL = '/run/tsunagi/control.sock';

/** Options of a command that speaks to the service. */
export interface ServiceOptions {
  readonly config: string;
  readonly control?: string;
}

/** Adds `--config` and `--control`. */
export function serviceOptions(command: Command): Command {
  return command
    .addOption(configOption())
    .addOption(new Option('--control <socket>', 'control socket of the service (default: node.control of the configuration)'));
}

/** Speaks with the service, and hangs up. A Failure says why there is no answer. */
export async function withService<T>(options: ServiceOptions, speak: (service: ControlClient) => Promise<T>): Promise<T> {
  const service = await ControlClient.connect(options.control ?? controlSocket(options.config));
  try {
    return await speak(service);
  } finally {
    service.close();
  }
}

/**
 * The control socket that a configuration names. It is not checked for anything else: a file that has
 * just become invalid is the very one that a running service is asked about.
 */
function controlSocket(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    // Nothing is installed in the usual place: then the usual socket is worth a try.
    if (file === DEFAULT_CONFIG && (cause as NodeJS.ErrnoException).code === 'ENOENT') return DEFAULT_CONTROL;
    throw new Failure(Exit.configuration, `${file} cannot be read: ${unreadable(cause)}; --control names the socket without it`, { cause });
  }
  try {
    const { node } = parse(text, { maxDepth: 32 });
    const control = typeof node === 'object' && node !== null && 'control' in node ? node.control : undefined;
    return typeof control === 'string' ? control : DEFAULT_CONTROL;
  } catch (cause) {
    throw new Failure(Exit.configuration, `${file} is no TOML, so it names no control socket; --control does`, { cause });
  }
}
