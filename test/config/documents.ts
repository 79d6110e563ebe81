/** Configurations in tests: what becomes of a text, and texts to put lines into. */
import { expect } from 'vitest';
import type { Config, TunnelConfig } from '../../src/config/config.js';
import { formatProblem, parseConfig } from '../../src/config/load.js';

/** The configuration of `toml`, which has to be valid. */
export function valid(toml: string): Config {
  const { config, problems } = parseConfig(toml, 't.toml');
  expect(problems.map(formatProblem)).toEqual([]);
  if (config === null) throw new Error('no configuration, and no problem either');
  return config;
}

/** Every problem of `toml` as a line, without the name of the file. */
export function problems(toml: string): string[] {
  return parseConfig(toml, 't.toml').problems.map((problem) => formatProblem(problem).replace('t.toml:', ''));
}

/** A `[[tunnel]]` of one type and role with further lines. */
export const tunnel = (type: string, role: string, ...lines: string[]): string =>
  ['[[tunnel]]', `type = "${type}"`, `role = "${role}"`, ...lines, ''].join('\n');

/** The least that is valid, for documents that are about something else. */
export const LEAST = tunnel('6to4', 'host');

/** A 6rd domain by its keys. */
export const DOMAIN = ['prefix = "2001:db8::/32"', 'ipv4-mask-length = 8'] as const;
/** What a customer edge has to say. */
export const CUSTOMER = [...DOMAIN, 'border-relays = ["10.0.0.1"]'] as const;

/** A key of the configuration, and what becomes of its values. */
export interface KeyCase {
  /** Path without indices. */
  readonly key: string;
  /** A valid document around a line; `around` where it is not said. */
  readonly document?: (line: string) => string;
  readonly get: (config: Config) => unknown;
  readonly right: readonly (readonly [toml: string, value: unknown])[];
  readonly wrong: readonly (readonly [toml: string, message: string])[];
}

/** The only tunnel of a configuration, which has to be of that type. */
export function only<T extends TunnelConfig['type']>(config: Config, type: T): TunnelConfig & { type: T } {
  const [tunnel, ...more] = config.tunnels;
  expect([tunnel.type, more]).toEqual([type, []]);
  return tunnel as TunnelConfig & { type: T };
}

/** The key of a line. */
export function keyOf(line: string): string {
  return line.slice(0, line.indexOf(' '));
}

/** A valid document around a line of the table that `key` is in; it is the first line of its table. */
export function around(key: string, line: string): string {
  const name = nameOf(key);
  const role = (given: string) =>
    [
      ['type', '6to4'],
      ['role', given],
    ]
      .filter(([other]) => other !== name)
      .map(([other, text]) => `${other} = "${text}"\n`)
      .join('');
  if (key.startsWith('tunnel.lan.')) {
    const other = name === 'interface' ? 'subnet = 1\n' : 'interface = "lan0"\n';
    return `[[tunnel]]\n${role('router')}[[tunnel.lan]]\n${line}\n${other}`;
  }
  if (key.startsWith('tunnel.')) return `[[tunnel]]\n${line}\n${role('host')}`;
  return key.includes('.') ? `[${key.slice(0, key.indexOf('.'))}]\n${line}\n${LEAST}` : `${line}\n${LEAST}`;
}

/** The last part of a path. */
export function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('.') + 1);
}
