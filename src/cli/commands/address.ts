/** `address`: which tunnel an IPv6 address belongs to and what it carries, and the other way round. */
import { Argument, Command, Option } from 'commander';
import { Endpoint } from '../../core/endpoint.js';
import { Isatap } from '../../mapping/isatap.js';
import type { Mapping } from '../../mapping/mapping.js';
import { SixRd, sixToFour } from '../../mapping/sixrd.js';
import { Teredo } from '../../mapping/teredo.js';
import { EndpointPolicy } from '../../policy/special-addresses.js';
import { formatIpv6, formatPrefix6, type Prefix6 } from '../../wire/address.js';
import { ADDRESS_LEN } from '../../wire/ipv6.js';
import { type DecodedAddress, decodeAddress } from '../address-fields.js';
import { ipv4Argument, ipv6Argument, jsonOption, prefix6Argument, wholeNumber } from '../argument.js';
import { columns, type Io } from '../io.js';

/** `address decode` and `address encode`. Exit status: 0, or 2 when an argument is wrong. */
export function addressCommand(io: Io): Command {
  return new Command('address').addCommand(decodeCommand(io)).addCommand(encodeCommand(io));
}

interface SixRdOptions {
  readonly prefix?: Prefix6;
  readonly ipv4MaskLength?: number;
  readonly ipv4Common?: number;
}

function decodeCommand(io: Io): Command {
  return new Command('decode')
    .description('say which tunnel an IPv6 address belongs to and every field it carries')
    .addArgument(new Argument('<address...>', 'IPv6 addresses').argParser(collect(ipv6Argument)))
    .addOption(new Option('--prefix <prefix>', '6rd prefix, to recognise 6rd addresses').argParser(prefix6Argument))
    .addOption(maskOption())
    .addOption(
      new Option(
        '--ipv4-common <address>',
        'any IPv4 address of the 6rd domain; without it the bits that addresses leave out read as zero',
      ).argParser(ipv4Argument),
    )
    .addOption(jsonOption('print one JSON object an address'))
    .action((addresses: Uint8Array[], options: SixRdOptions & { json?: boolean }, command: Command) => {
      const domain = options.prefix === undefined ? null : sixRdDomain(command, options.prefix, options);
      for (const [i, address] of addresses.entries()) {
        const decoded = decodeAddress(address, domain);
        if (options.json === true) io.out(JSON.stringify(decoded));
        else io.out([...(i > 0 ? [''] : []), ...fieldLines(decoded)].join('\n'));
      }
    });
}

function encodeCommand(io: Io): Command {
  const encode = new Command('encode').description('write an IPv4 endpoint into an IPv6 address or prefix');
  encode.addCommand(
    encoder('6to4', 'the /48 of a 6to4 site').action((addr: number, { json }: { json?: boolean }) => {
      print(io, json, { type: '6to4', prefix: delegated(sixToFour, addr) });
    }),
  );
  encode.addCommand(
    encoder('6rd', 'the prefix that a 6rd provider delegates')
      .addOption(new Option('--prefix <prefix>', '6rd prefix').argParser(prefix6Argument).makeOptionMandatory())
      .addOption(maskOption().makeOptionMandatory())
      .action((addr: number, options: SixRdOptions & { prefix: Prefix6; json?: boolean }, command: Command) => {
        print(io, options.json, { type: '6rd', prefix: delegated(sixRdDomain(command, options.prefix, options), addr) });
      }),
  );
  encode.addCommand(
    encoder('isatap', 'an ISATAP address; its u bit says whether the IPv4 address is globally unique')
      .addOption(
        new Option('--prefix <prefix>', 'on-link /64').argParser(prefix6Argument).default({ addr: LINK_LOCAL, len: 64 }, 'fe80::/64'),
      )
      .action((addr: number, { prefix, json }: { prefix: Prefix6; json?: boolean }, command: Command) => {
        if (prefix.len !== 64) command.error(`error: --prefix ${formatPrefix6(prefix)}: expected a /64`);
        const special = new EndpointPolicy([]);
        const isatap = new Isatap(prefix.addr.subarray(0, 8), (candidate) => !special.special(candidate));
        print(io, json, { type: 'isatap', address: addressOf(isatap, addr, 0) });
      }),
  );
  encode.addCommand(
    encoder('teredo', 'a Teredo address; IPV4 and the port are what the NAT made of the client')
      .addOption(new Option('--server <address>', 'IPv4 address of the server').argParser(ipv4Argument).makeOptionMandatory())
      .addOption(new Option('--port <port>', 'UDP port outside the NAT').argParser(wholeNumber(1, 65_535)).makeOptionMandatory())
      .addOption(new Option('--flags <flags>', '16 bits, as 0x8000 (cone)').argParser(wholeNumber(0, 0xffff)).default(0))
      .action((addr: number, { server, port, flags, json }: { server: number; port: number; flags: number; json?: boolean }) => {
        print(io, json, { type: 'teredo', address: addressOf(new Teredo(server, flags), addr, port) });
      }),
  );
  return encode;
}

const LINK_LOCAL = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

function encoder(type: string, summary: string): Command {
  return new Command(type)
    .description(summary)
    .addArgument(new Argument('<ipv4>', 'IPv4 address').argParser(ipv4Argument))
    .addOption(jsonOption());
}

function maskOption(): Option {
  return new Option('--ipv4-mask-length <bits>', 'leading bits that all IPv4 addresses of the 6rd domain share').argParser(
    wholeNumber(0, 32),
  );
}

function sixRdDomain(command: Command, prefix: Prefix6, { ipv4MaskLength, ipv4Common = 0 }: SixRdOptions): SixRd {
  if (ipv4MaskLength === undefined) return command.error('error: --prefix needs --ipv4-mask-length');
  try {
    return new SixRd(prefix, ipv4MaskLength, ipv4Common);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    return command.error(`error: ${cause.message}`);
  }
}

function addressOf(mapping: Mapping, addr: number, port: number): string {
  return formatIpv6(written(mapping, addr, port));
}

function delegated(domain: SixRd, addr: number): string {
  return formatPrefix6({ addr: written(domain, addr, 0), len: domain.delegatedLen });
}

function written(mapping: Mapping, addr: number, port: number): Uint8Array {
  const endpoint = new Endpoint();
  endpoint.addr = addr;
  endpoint.port = port;
  const b = new Uint8Array(ADDRESS_LEN);
  mapping.addressFor(endpoint, b, 0);
  return b;
}

function print(io: Io, json: boolean | undefined, encoded: { type: string; prefix: string } | { type: string; address: string }): void {
  io.out(json === true ? JSON.stringify(encoded) : 'prefix' in encoded ? encoded.prefix : encoded.address);
}

function fieldLines({ address, ...fields }: DecodedAddress): string[] {
  return [address, ...columns(Object.entries(fields).map(([name, value]) => [`  ${name}`, String(value)]))];
}

/** Commander hands over one argument at a time and what was made of those before it. */
function collect<T>(parse: (text: string) => T): (text: string, before: readonly T[] | undefined) => T[] {
  return (text, before) => [...(before ?? []), parse(text)];
}
