/** Options that several commands have, and how the command line's values are read. */
import { InvalidArgumentError, Option } from 'commander';
import { parseIpv4, parseIpv6, parsePrefix6 } from '../wire/address.js';

/** Where the configuration is when nobody says otherwise. */
export const DEFAULT_CONFIG = '/etc/tsunagi/tsunagi.toml';

/** `--config FILE`. */
export function configOption(): Option {
  return new Option('--config <file>', 'configuration file').default(DEFAULT_CONFIG);
}

/** `--json`. */
export function jsonOption(what = 'print JSON'): Option {
  return new Option('--json', what);
}

/** A parser for commander out of one that answers null for what is wrong. */
function reader<T>(parse: (text: string) => T | null, expected: string): (text: string) => T {
  return (text) => {
    const value = parse(text);
    if (value === null) throw new InvalidArgumentError(`Expected ${expected}.`);
    return value;
  };
}

/** A whole number from `least` to `most`, decimal, or hexadecimal after `0x`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return reader((text) => {
    const value = /^(0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : null;
  }, `a whole number from ${least} to ${most}`);
}

/** An IPv4 address, as a number. */
export const ipv4Argument = reader(parseIpv4, 'an IPv4 address such as 192.0.2.1');
/** An IPv6 address, as sixteen octets. */
export const ipv6Argument = reader(parseIpv6, 'an IPv6 address such as 2002:c000:201::1');
/** An IPv6 prefix. */
export const prefix6Argument = reader(parsePrefix6, 'an IPv6 prefix such as 2001:db8::/32, host bits zero');
