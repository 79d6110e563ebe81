/** `address`: which tunnel an IPv6 address belongs to and what it carries, and the other way round. */
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { hypotheticalNode } from '../../daemon/configuration.js';
import { isUnique } from '../../engine/isatap.js';
import { domainsOf } from '../../engine/technologies.js';
import { ISATAP_LINK_LOCAL, ISATAP_PREFIX_LEN, Isatap } from '../../mapping/isatap.js';
import { addressOf } from '../../mapping/mapping.js';
import { SixRd, sixToFour } from '../../mapping/sixrd.js';
import { Teredo } from '../../mapping/teredo.js';
import { formatIpv6, formatPrefix6, type Prefix6, prefix6At } from '../../wire/address.js';
import {
  OPTION_6RD,
  OPTION_HEAD_LEN,
  parametersFault,
  readOption212,
  readWholeOption212,
  type SixRdOption,
  writeOption212,
} from '../../wire/option-212.js';
import { type DecodedAddress, decodeAddress } from '../address-fields.js';
import { ipv4Argument, ipv6Argument, jsonOption, prefix6Argument, wholeNumber } from '../argument.js';
import { columns, type Io } from '../io.js';

/** `address decode` and `address encode`. Exit status: 0, or 2 when an argument is wrong. */
export function addressCommand(io: Io): Command {
  return new Command('address').addCommand(decodeCommand(io)).addCommand(encodeCommand(io));
}

/** The ways to name 6rd domains: by their parameters, by the option that a provider hands out, by a configuration. */
interface DomainOptions {
  readonly prefix?: Prefix6;
  readonly ipv4MaskLength?: number;
  readonly option212?: SixRdOption;
  readonly ipv4Common?: number;
  readonly config?: string;
}

interface OptionParameters {
  readonly prefix: Prefix6;
  readonly ipv4MaskLength: number;
  readonly json?: boolean;
}

function decodeCommand(io: Io): Command {
  const decode = new Command('decode')
    .description('say which tunnel an IPv6 address belongs to and every field it carries')
    .addArgument(new Argument('<address...>', 'IPv6 addresses').argParser(collect(ipv6Argument)));
  return domainOptions(decode)
    .addOption(
      new Option(
        '--ipv4-common <address>',
        'any IPv4 address of the 6rd domain; without it the bits that addresses leave out read as zero',
      ).argParser(ipv4Argument),
    )
    .addOption(new Option('--config <file>', 'recognise the addresses of its 6rd domains too'))
    .addOption(jsonOption('print one JSON object an address'))
    .action((addresses: Uint8Array[], options: DomainOptions & { json?: boolean }, command: Command) => {
      const domains = domainsNamed(command, options);
      for (const [i, address] of addresses.entries()) {
        const decoded = decodeAddress(address, domains);
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
    domainOptions(encoder('6rd', 'the prefix that a 6rd provider delegates')).action(
      (addr: number, options: DomainOptions & { json?: boolean }, command: Command) => {
        const [domain] = domainsNamed(command, { ...options, ipv4Common: addr });
        if (domain === undefined) return command.error('error: expected --prefix and --ipv4-mask-length, or --option-212');
        if (domain.delegatedLen > 64)
          io.err(`warning: hosts cannot autoconfigure under a /${domain.delegatedLen}: it is longer than a /64 (RFC 5969 section 4)`);
        print(io, options.json, { type: '6rd', prefix: delegated(domain, addr) });
      },
    ),
  );
  encode.addCommand(
    new Command('option-212')
      .description('the DHCPv4 option that tells customer edges of a 6rd domain, in hex and for dnsmasq')
      .addArgument(new Argument('<relay...>', 'IPv4 addresses of the border relays').argParser(collect(ipv4Argument)))
      .addOption(prefixOption().makeOptionMandatory())
      .addOption(maskOption().makeOptionMandatory())
      .addOption(jsonOption())
      .action((borderRelays: number[], options: OptionParameters, command: Command) => {
        const { prefix, ipv4MaskLength, json } = options;
        const whole = writeOption212({ prefix, ipv4MaskLen: ipv4MaskLength, borderRelays });
        const payload = whole.subarray(OPTION_HEAD_LEN);
        // Read as customer edges will read it: what they would ignore is not written.
        const read = readOption212(payload);
        if ('fault' in read) command.error(`error: ${read.fault}`);
        const option = hex(whole).join('');
        const dnsmasq = `dhcp-option=${OPTION_6RD},${hex(payload).join(':')}`;
        io.out(json === true ? JSON.stringify({ type: 'option-212', option, dnsmasq }) : `${option}\n${dnsmasq}`);
      }),
  );
  encode.addCommand(
    encoder('isatap', 'an ISATAP address; its u bit says whether the IPv4 address is globally unique')
      .addOption(
        new Option('--prefix <prefix>', 'on-link /64')
          .argParser(prefix6Argument)
          .default(prefix6At(ISATAP_LINK_LOCAL, 0, 64, ISATAP_PREFIX_LEN), 'fe80::/64'),
      )
      .action((addr: number, { prefix, json }: { prefix: Prefix6; json?: boolean }, command: Command) => {
        if (prefix.len !== 64) command.error(`error: --prefix ${formatPrefix6(prefix)}: expected a /64`);
        print(io, json, {
          type: 'isatap',
          address: formatIpv6(addressOf(new Isatap(prefix.addr.subarray(0, ISATAP_PREFIX_LEN), isUnique), addr)),
        });
      }),
  );
  encode.addCommand(
    encoder('teredo', 'a Teredo address; IPV4 and the port are what the NAT made of the client')
      .addOption(new Option('--server <address>', 'IPv4 address of the server').argParser(ipv4Argument).makeOptionMandatory())
      .addOption(new Option('--port <port>', 'UDP port outside the NAT').argParser(wholeNumber(1, 65_535)).makeOptionMandatory())
      .addOption(new Option('--flags <flags>', '16 bits, as 0x8000 (cone)').argParser(wholeNumber(0, 0xffff)).default(0))
      .action((addr: number, { server, port, flags, json }: { server: number; port: number; flags: number; json?: boolean }) => {
        print(io, json, { type: 'teredo', address: formatIpv6(addressOf(new Teredo(server, flags), addr, port)) });
      }),
  );
  return encode;
}

function encoder(type: string, summary: string): Command {
  return new Command(type)
    .description(summary)
    .addArgument(new Argument('<ipv4>', 'IPv4 address').argParser(ipv4Argument))
    .addOption(jsonOption());
}

/** The parameters of one 6rd domain, or the option that has them. */
function domainOptions(command: Command): Command {
  return command
    .addOption(prefixOption())
    .addOption(maskOption())
    .addOption(
      new Option('--option-212 <hex>', 'the DHCPv4 option instead, code and length included')
        .argParser(option212Argument)
        .conflicts(['prefix', 'ipv4MaskLength']),
    );
}

function prefixOption(): Option {
  return new Option('--prefix <prefix>', '6rd prefix').argParser(prefix6Argument);
}

function maskOption(): Option {
  return new Option('--ipv4-mask-length <bits>', 'leading bits that all IPv4 addresses of the 6rd domain share').argParser(
    wholeNumber(0, 32),
  );
}

/** Hex of a whole option, with colons or spaces or without. */
function option212Argument(text: string): SixRdOption {
  const hex = text.replace(/[\s:]/g, '');
  if (!/^([0-9a-f]{2})+$/i.test(hex)) throw new InvalidArgumentError('Expected hexadecimal octets.');
  const option = readWholeOption212(Uint8Array.from(Buffer.from(hex, 'hex')));
  if ('fault' in option) throw new InvalidArgumentError(`${option.fault}.`);
  return option;
}

/** The 6rd domains that the options name, those of the configuration last. */
function domainsNamed(command: Command, options: DomainOptions): SixRd[] {
  const { config } = options;
  const configured = config === undefined ? [] : hypotheticalNode(config).tunnels.flatMap(domainsOf);
  const domain = domainNamed(command, options);
  return [...(domain === null ? [] : [domain]), ...configured.filter((mapping) => mapping instanceof SixRd)];
}

/** The one 6rd domain that the options have the parameters of; null: none. Parameters that make none are wrong usage. */
function domainNamed(command: Command, { prefix, ipv4MaskLength: ipv4MaskLen, option212, ipv4Common }: DomainOptions): SixRd | null {
  if (prefix === undefined && ipv4MaskLen !== undefined) command.error('error: --ipv4-mask-length needs --prefix');
  if (prefix !== undefined && ipv4MaskLen === undefined) command.error('error: --prefix needs --ipv4-mask-length');
  const named = option212 ?? (prefix === undefined || ipv4MaskLen === undefined ? null : { prefix, ipv4MaskLen });
  if (named === null) return null;
  const wrong = parametersFault(named.prefix.len, named.ipv4MaskLen);
  return wrong === null ? new SixRd(named.prefix, named.ipv4MaskLen, ipv4Common) : command.error(`error: ${wrong.fault}`);
}

function delegated(domain: SixRd, addr: number): string {
  return formatPrefix6({ addr: addressOf(domain, addr), len: domain.delegatedLen });
}

/** Two digits an octet. */
function hex(b: Uint8Array): string[] {
  return Array.from(b, (octet) => octet.toString(16).padStart(2, '0'));
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
