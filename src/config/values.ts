/**
 * The kinds of value a key may have: what TOML text becomes, and what to expect when it does not.
 *
 * Each kind is a zod schema registered with its expectation, which messages and the reference both
 * quote. A complaint is a whole clause that names the value that was found.
 */
import * as z from 'zod';
import type { Prefix4, Prefix6 } from '../wire/address.js';
import { formatPrefix4, in4, mask4, parseIpv4, parseIpv6, parsePrefix4, parsePrefix6 } from '../wire/address.js';
import { readWholeOption212, type SixRdOption } from '../wire/option-212.js';
import { isGlobalUnicast } from './domains.js';
import { quote } from './problem.js';

/** What a value has to be, as the end of a sentence that starts with "expected". */
const expectations = z.registry<{ readonly expected: string }>();

/** What `schema` expects; wrappers (defaults, absence) expect what they wrap, a list what its elements do. */
export function expectedOf(schema: z.core.$ZodType): string {
  const own = expectations.get(schema);
  if (own !== undefined) return own.expected;
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable)
    return expectedOf(schema.unwrap());
  if (schema instanceof z.ZodArray) return `a list, each ${expectedOf(schema.element)}`;
  return '';
}

/** What the elements of a list are judged by. */
export function elementOf(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable)
    return elementOf(schema.unwrap());
  const list = schema instanceof z.ZodPipe ? schema.out : schema;
  return list instanceof z.ZodArray ? list.element : schema;
}

/** A whole number; `because` names the section that bounds it. */
export function whole(min: number, max: number, because?: string) {
  const range = min === max ? String(min) : `${min} to ${max}`;
  return z
    .int()
    .min(min)
    .max(max)
    .register(expectations, { expected: `${range}${because === undefined ? '' : ` (${because})`}` });
}

/** A list of `min` to `max` elements. */
export function list<T extends z.ZodType>(element: T, min: number, max: number) {
  return z
    .array(element)
    .min(min)
    .max(max)
    .register(expectations, { expected: `a list of ${min} to ${max}, each ${expectedOf(element)}` });
}

/** One element, or a list of 1 to `max` elements: a list. */
export function oneOrList<T extends z.ZodType>(element: T, max: number) {
  return z
    .preprocess((input) => (input === undefined || Array.isArray(input) ? input : [input]), list(element, 1, max))
    .register(expectations, { expected: `${expectedOf(element)}, or a list of 1 to ${max}` });
}

/** A key that other types of tunnel have and this one cannot honour: refused, whatever it says; `meaning` is what holds instead. */
export function refused<T>(meaning: T) {
  return z
    .undefined({ error: () => 'is no key of this type of tunnel' })
    .transform(() => meaning)
    .register(expectations, { expected: 'no value' });
}

/** `true` or `false`. */
export function flag() {
  return z.boolean().register(expectations, { expected: 'true or false' });
}

/** One of a few words. */
export function choice<const W extends string>(words: readonly W[]) {
  const error = ({ input }: { readonly input: unknown }): string | undefined =>
    typeof input === 'string' ? `${quote(input)} is unknown` : undefined;
  return z.enum(words, { error }).register(expectations, { expected: alternatives(words.map((word) => `"${word}"`)) });
}

/** A whole number, or one word. */
export function wholeOr<const W extends string>(min: number, max: number, word: W) {
  const either = z.union([whole(min, max), z.literal(word)]);
  const schema: z.core.$ZodType = either;
  expectations.add(schema, { expected: `${min} to ${max}, or "${word}"` });
  return either;
}

/** A DSCP of six bits, or `copy`. */
export function dscp() {
  return wholeOr(0, 63, 'copy');
}

/** A string that `read` turns into a value; undefined when it cannot, and `complain` then says why. */
function text<T>(expected: string, read: (text: string) => T | undefined, complain: (text: string) => string) {
  return z
    .string()
    .transform((input, context): T => {
      const value = read(input);
      if (value !== undefined) return value;
      context.addIssue({ code: 'custom', message: `${quote(input)} ${complain(input)}` });
      return z.NEVER;
    })
    .register(expectations, { expected });
}

/** An IPv4 address: an unsigned 32-bit number. */
export function ipv4() {
  return text(
    'an IPv4 address such as "192.88.99.1"',
    (input) => parseIpv4(input) ?? undefined,
    () => 'is no IPv4 address',
  );
}

/** An IPv4 address, or `none`: null. */
export function ipv4OrNone() {
  return text(
    'an IPv4 address such as "192.88.99.1", or "none"',
    (input) => (input === 'none' ? null : (parseIpv4(input) ?? undefined)),
    () => 'is no IPv4 address',
  );
}

/** Ranges without a unicast address, RFC 3964 section 5.3.1: this network, loopback, multicast, limited broadcast. */
const NO_UNICAST4 = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32'].flatMap((prefix) => parsePrefix4(prefix) ?? []);

function holdsNoUnicast(prefix: Prefix4): Prefix4 | undefined {
  return NO_UNICAST4.find(({ addr, len }) => in4(addr, { addr: prefix.addr, len: Math.min(len, prefix.len) }));
}

/** An IPv4 prefix of unicast addresses, or an address alone: a /32. */
export function unicastPrefix4() {
  const parse = (input: string): Prefix4 | undefined => {
    const prefix = parsePrefix4(input);
    return prefix === null || holdsNoUnicast(prefix) !== undefined ? undefined : prefix;
  };
  return text('an IPv4 prefix such as "198.51.100.0/24"', parse, complainOfPrefix4);
}

function complainOfPrefix4(input: string): string {
  const prefix = parsePrefix4(input);
  const held = prefix === null ? undefined : holdsNoUnicast(prefix);
  if (held !== undefined) return `holds addresses of ${formatPrefix4(held)}, which are no unicast ones`;
  const [address, length, ...more] = input.split('/');
  const addr = parseIpv4(address);
  if (addr === null || more.length > 0 || !/^([0-9]|[12][0-9]|3[0-2])$/.test(length)) return 'is no IPv4 prefix';
  const meant: Prefix4 = { addr: (addr & mask4(Number(length))) >>> 0, len: Number(length) };
  return `has bits set behind its length: "${formatPrefix4(meant)}" is the prefix`;
}

/** An IPv4 prefix, whatever is in it. */
export function prefix4() {
  return text('an IPv4 prefix such as "10.0.0.0/8"', (input) => parsePrefix4(input) ?? undefined, complainOfPrefix4);
}

/** An IPv6 prefix of global unicast addresses. */
export function globalPrefix6() {
  const expected = 'a global unicast IPv6 prefix such as "2001:db8::/32"';
  return text(expected, (input) => readGlobalPrefix6(input) ?? undefined, complainOfPrefix6);
}

/** A global unicast /64: its eight octets. */
export function globalPrefix64() {
  return text(
    'a global unicast IPv6 /64 such as "2001:db8:0:1::/64" (RFC 5214 section 6.1)',
    (input) => {
      const prefix = readGlobalPrefix6(input);
      return prefix?.len === 64 ? prefix.addr.slice(0, 8) : undefined;
    },
    (input) => (readGlobalPrefix6(input) === null ? complainOfPrefix6(input) : 'is no /64'),
  );
}

/** A global unicast /32. */
export function globalPrefix32() {
  return text(
    'a global unicast IPv6 /32 such as "2001::/32" (RFC 4380 section 4)',
    (input) => {
      const prefix = readGlobalPrefix6(input);
      return prefix?.len === 32 ? prefix : undefined;
    },
    (input) => (readGlobalPrefix6(input) === null ? complainOfPrefix6(input) : 'is no /32'),
  );
}

function readGlobalPrefix6(input: string): Prefix6 | null {
  const prefix = input.includes('/') ? parsePrefix6(input) : null;
  return prefix !== null && isGlobalUnicast(prefix) ? prefix : null;
}

function complainOfPrefix6(input: string): string {
  const [address, length, ...more] = input.split('/');
  if (parseIpv6(address) === null || more.length > 0 || !/^([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8])$/.test(length)) return 'is no IPv6 prefix';
  return parsePrefix6(input) === null ? 'has bits set behind its length' : 'is no prefix of global unicast addresses';
}

/** A whole 6rd option of DHCPv4 in hexadecimal, RFC 5969 section 7.1.1. */
export function option212() {
  const read = (input: string) => readWholeOption212(Uint8Array.from(input.match(/../g) ?? [], (octet) => Number.parseInt(octet, 16)));
  const isHex = (input: string): boolean => /^([0-9a-f]{2})+$/i.test(input);
  return text(
    'the 6rd option in hexadecimal, code and length included (RFC 5969 section 7.1.1)',
    (input): SixRdOption | undefined => {
      const option = isHex(input) ? read(input) : null;
      return option === null || 'fault' in option ? undefined : option;
    },
    (input) => {
      const option = isHex(input) ? read(input) : null;
      return option !== null && 'fault' in option ? `is invalid: ${option.fault}` : 'is no whole number of octets in hexadecimal';
    },
  );
}

/** `min` to `max` octets: the text itself in UTF-8, or `0x` and hexadecimal digits. What was found is not repeated, it may be a secret. */
export function octets(min: number, max: number) {
  const expected = `${min} to ${max} octets: text, or "0x" and hexadecimal digits`;
  return z
    .string()
    .transform((input, context): Uint8Array => {
      const read = readOctets(input);
      if (read !== null && read.length >= min && read.length <= max) return read;
      const message = read === null ? 'is no whole number of octets in hexadecimal' : `has ${read.length} octets`;
      context.issues.push({ code: 'custom', input, message });
      return z.NEVER;
    })
    .register(expectations, { expected });
}

function readOctets(input: string): Uint8Array | null {
  if (!input.startsWith('0x')) return new TextEncoder().encode(input);
  if (!/^0x([0-9a-f]{2})*$/i.test(input)) return null;
  return Uint8Array.from(input.slice(2).match(/../g) ?? [], (octet) => Number.parseInt(octet, 16));
}

/** A router by its IPv4 address, or by a DNS name, which becomes lower case: RFC 1123 section 2.1, RFC 1035 section 2.3.4. */
export function addressOrName(example: string) {
  return text(
    `an IPv4 address or a DNS name such as "${example}"`,
    (input) => parseIpv4(input) ?? readDnsName(input),
    () => 'is neither an IPv4 address nor a DNS name',
  );
}

/** A name that ends in digits alone would be an address with a mistake in it. */
function readDnsName(input: string): string | undefined {
  const name = input.replace(/\.$/, '').toLowerCase();
  const labels = name.split('.');
  const isName = labels.every((label) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label)) && !/^[0-9]+$/.test(labels[labels.length - 1]);
  return isName && name.length <= 253 ? input.toLowerCase() : undefined;
}

/** A global unicast IPv6 address, sixteen octets. */
export function globalIpv6() {
  return text(
    'a global unicast IPv6 address such as "2001:db8::1"',
    (input) => {
      const address = parseIpv6(input);
      return address !== null && isGlobalUnicast({ addr: address, len: 128 }) ? address : undefined;
    },
    (input) => (parseIpv6(input) === null ? 'is no IPv6 address' : 'is no global unicast address'),
  );
}

/** How a node forms its interface identifier: a custom by name, or eight octets. */
export function interfaceId() {
  return text(
    '"linux", "windows", or an interface identifier such as "0:0:0:1"',
    (input) => {
      if (input === 'linux' || input === 'windows') return input;
      const address = /^([0-9a-f]{1,4}:){3}[0-9a-f]{1,4}$/i.test(input) ? parseIpv6(`::${input}`) : null;
      const id = address?.slice(8);
      // The zero identifier is the subnet-router anycast address, RFC 4291 section 2.6.1.
      return id?.some((octet) => octet !== 0) ? id : undefined;
    },
    () => 'is no interface identifier',
  );
}

/** A word for logs, metric labels and status. */
export function label(expected = '1 to 64 letters, digits, ".", "_" and "-", a letter or digit first') {
  return text(
    expected,
    (input) => (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(input) ? input : undefined),
    () => 'is no name',
  );
}

/** The name of a network interface: what Linux, its sysctl tree and a command line all take. */
export function interfaceName() {
  return text(
    'an interface name: 1 to 15 letters, digits, ".", "_" and "-"',
    (input) => (/^(?!-|\.{1,2}$|(?:all|default)$)[A-Za-z0-9._-]{1,15}$/.test(input) ? input : undefined),
    (input) => (input.length > 15 ? 'is too long' : 'is no interface name'),
  );
}

/** An absolute path of at most `most` octets. */
export function path(most: number) {
  return text(
    `an absolute path of at most ${most} octets`,
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a NUL would cut the path short in every system call.
    (input) => (/^\/[^\u0000]*$/.test(input) && new TextEncoder().encode(input).length <= most ? input : undefined),
    (input) => (input.startsWith('/') ? 'is too long, or holds a NUL' : 'is not absolute'),
  );
}

/** `address:port` to listen on; an IPv6 address in brackets. */
export function listen() {
  return text('an address and port such as "127.0.0.1:6404" or "[::1]:6404"', readListen, () => 'is no address and port');
}

function readListen(input: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5})$/.exec(input);
  if (match === null) return undefined;
  const [, six, four, digits] = match;
  const port = Number(digits);
  const known = six === undefined ? four === 'localhost' || parseIpv4(four) !== null : parseIpv6(six) !== null;
  return known && port <= 65535 ? { host: six ?? four, port } : undefined;
}

/** `"a", "b" or "c"`. */
export function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words[words.length - 1]}`;
}
