/**
 * The 6rd option of DHCPv4, RFC 5969 section 7.1.1.
 *
 *    0               1               2               3
 *   |      212      |    length     |  IPv4MaskLen  | 6rdPrefixLen  |  0
 *   |                     6rdPrefix, sixteen octets                 |  4
 *   |                     6rdBRIPv4Address, one or more             | 20
 *
 * Cold: everything here allocates. What is wrong with an option is data, not an exception: a lease
 * whose option is invalid is still a lease.
 */
import { formatIpv4, isUnicast4, type Prefix6, prefix6At } from './address.js';
import { ADDRESS_LEN } from './ipv6.js';
import { put32, u32 } from './octets.js';

/** Code of the option. */
export const OPTION_6RD = 212;

/** What the option says: the parameters of a 6rd domain. */
export interface SixRdOption {
  /** Leading bits that all IPv4 addresses of the domain share, 0..32. */
  readonly ipv4MaskLen: number;
  /** `prefix.len + 32 - ipv4MaskLen` is at most 128. */
  readonly prefix: Prefix6;
  /** IPv4 addresses of the border relays, unsigned, at least one, in the order of the option. */
  readonly borderRelays: readonly number[];
}

/** What is wrong with an option: which value, what was expected, and the section that says so. */
export interface OptionFault {
  readonly fault: string;
}

const PREFIX = 2;
const RELAYS = PREFIX + ADDRESS_LEN;
const RELAY_LEN = 4;
/** Octets of code and length in front of the payload. */
export const OPTION_HEAD_LEN = 2;
/** As many relays as one option holds, whose length is an octet. An option in parts (RFC 3396) may bring no more. */
const MOST_RELAYS = Math.floor((255 - RELAYS) / RELAY_LEN);

/** Reads the payload of the option, without code and length. */
export function readOption212(payload: Uint8Array): SixRdOption | OptionFault {
  const relaysLen = payload.length - RELAYS;
  if (relaysLen < RELAY_LEN) return fault(`length ${payload.length}: expected at least ${RELAYS + RELAY_LEN}, with one border relay`);
  if (relaysLen % RELAY_LEN !== 0)
    return fault(`length ${payload.length}: expected ${RELAYS} and ${RELAY_LEN} for each border relay, nothing behind`);
  if (relaysLen > MOST_RELAYS * RELAY_LEN) return fault(`${relaysLen / RELAY_LEN} border relays: expected at most ${MOST_RELAYS}`);

  const [ipv4MaskLen, prefixLen] = payload;
  const wrong = parametersFault(prefixLen, ipv4MaskLen);
  if (wrong !== null) return wrong;

  const borderRelays: number[] = [];
  for (let at = RELAYS; at < payload.length; at += RELAY_LEN) borderRelays.push(u32(payload, at));
  const stranger = borderRelays.find((relay) => !isUnicast4(relay));
  if (stranger !== undefined) return fault(`border relay ${formatIpv4(stranger)}: expected a unicast address`);
  return { ipv4MaskLen, prefix: prefix6At(payload, PREFIX, prefixLen), borderRelays };
}

/** What is wrong with the lengths of a 6rd domain; null when nothing is. */
export function parametersFault(prefixLen: number, ipv4MaskLen: number): OptionFault | null {
  if (ipv4MaskLen > 32) return fault(`IPv4MaskLen ${ipv4MaskLen}: expected 0 to 32`);
  if (prefixLen > 128) return fault(`6rdPrefixLen ${prefixLen}: expected 0 to 128`);
  const carried = 32 - ipv4MaskLen;
  if (prefixLen + carried > 128) return fault(`6rdPrefixLen ${prefixLen} and ${carried} bits of IPv4: expected at most 128 together`);
  if (carried === 32 && prefixLen > 32)
    return fault(`6rdPrefixLen ${prefixLen} with all 32 bits of IPv4: expected a prefix of 32 bits or less`, '11');
  return null;
}

/** Reads one whole option, code and length included, and nothing behind it. */
export function readWholeOption212(option: Uint8Array): SixRdOption | OptionFault {
  if (option.length < OPTION_HEAD_LEN) return fault(`${option.length} octets: expected code, length and what they announce`);
  const [code, len] = option;
  if (code !== OPTION_6RD) return fault(`code ${code}: expected ${OPTION_6RD}`);
  if (len !== option.length - OPTION_HEAD_LEN)
    return fault(`length ${len}: expected ${option.length - OPTION_HEAD_LEN}, the octets that follow`);
  return readOption212(option.subarray(OPTION_HEAD_LEN));
}

/** The whole option, code and length included. `option` is valid: as read, or checked alike. */
export function writeOption212(option: SixRdOption): Uint8Array {
  const b = new Uint8Array(OPTION_HEAD_LEN + RELAYS + option.borderRelays.length * RELAY_LEN);
  b[0] = OPTION_6RD;
  b[1] = b.length - OPTION_HEAD_LEN;
  b[OPTION_HEAD_LEN] = option.ipv4MaskLen;
  b[OPTION_HEAD_LEN + 1] = option.prefix.len;
  b.set(prefix6At(option.prefix.addr, 0, option.prefix.len).addr, OPTION_HEAD_LEN + PREFIX);
  for (const [i, relay] of option.borderRelays.entries()) put32(b, OPTION_HEAD_LEN + RELAYS + i * RELAY_LEN, relay);
  return b;
}

function fault(what: string, section = '7.1.1'): OptionFault {
  return { fault: `${what} (RFC 5969 section ${section})` };
}
