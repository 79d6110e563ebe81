/** `nat`: which NAT is in front of this host, and what Teredo can do through it. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { Exit, Failure } from '../../daemon/failure.js';
import { classifyNat, classifyNatByTeredo, measureLifetime, type StunServerName, type TeredoServerName } from '../../daemon/nat-client.js';
import { MAX_SERVERS } from '../../role/nat-classifier.js';
import type { NatLifetime } from '../../role/nat-lifetime.js';
import { type NatVerdict, type Rfc3489Name, refreshThrough, rfc3489Name, teredoNat, teredoThrough } from '../../role/nat-verdict.js';
import { formatIpv4 } from '../../wire/address.js';
import { STUN_PORT, type StunEndpoint } from '../../wire/stun.js';
import { jsonOption, wholeNumber } from '../argument.js';
import { columns, type Io, paint } from '../io.js';

const HELP = `
A STUN server with two addresses (RFC 5780: coturn, for one) tells everything; two servers with one address each tell how
the NAT maps, and not whom it lets in. It takes up to 30 seconds: that nobody may send in shows by silence. A Teredo server
tells whether the NAT is symmetric, and no more.

With --lifetime it is measured how long the NAT remembers who is silent (RFC 5780 section 4.6): a STUN server that sends its
answers to another port is needed, as coturn does, and a few times as long as the NAT remembers.`;

/** Seconds that are tried, unless others are named, and the bounds of those. */
const LONGEST = 300;
const LEAST_LONGEST = 10;
const MOST_LONGEST = 7_200;

/** Names of RFC 3489 section 10.1 as people write them. */
const NAMES: Readonly<Record<Rfc3489Name, string>> = {
  'udp-blocked': 'UDP blocked',
  'open-internet': 'open Internet',
  'symmetric-udp-firewall': 'symmetric UDP firewall',
  'full-cone': 'full cone',
  'restricted-cone': 'restricted cone',
  'port-restricted-cone': 'port restricted cone',
  symmetric: 'symmetric',
};

/** A name or an IPv4 address, as far as its characters go. */
const HOST = '[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?';

interface NatCommandOptions {
  readonly server?: readonly StunServerName[];
  readonly teredo?: TeredoServerName;
  readonly lifetime?: number | true;
  readonly json?: boolean;
}

/** Exit status: 0 it was told, 1 no server has answered, 2 there is no server to ask. */
export function natCommand(io: Io): Command {
  return new Command('nat')
    .addOption(
      new Option('--server <host[:port]>', `STUN server, port ${STUN_PORT} unless named; once for each server`).argParser(addServer),
    )
    .addOption(
      new Option('--teredo <host[,host]>', 'Teredo server, with its second address unless that is the one after the first')
        .argParser(teredoServer)
        .conflicts('server'),
    )
    .addOption(
      new Option('--lifetime [seconds]', `measure how long a mapping lives without traffic, up to ${LONGEST} seconds unless named`)
        .argParser(wholeNumber(LEAST_LONGEST, MOST_LONGEST))
        .conflicts('teredo'),
    )
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(async ({ server, teredo, lifetime, json = false }: NatCommandOptions) => {
      if (lifetime !== undefined) return tellLifetime(server ?? [], lifetime === true ? LONGEST : lifetime, json, io);
      const verdict = await classify(server, teredo);
      if (json) io.out(JSON.stringify(natData(verdict)));
      else for (const line of natLines(verdict, io)) io.out(line);
      if (verdict.nat === 'blocked') throw new Failure(Exit.failed, 'no server has answered as it should');
    });
}

async function tellLifetime(servers: readonly StunServerName[], longest: number, json: boolean, io: Io): Promise<void> {
  const [server] = servers;
  if (servers.length !== 1) throw new Failure(Exit.usage, 'expected one --server for --lifetime');
  const tell = (alive: number, gone: number): void => {
    if (process.stderr.isTTY) io.err(span(alive, gone === Number.POSITIVE_INFINITY ? null : gone));
  };
  const lifetime = await measureLifetime(server, longest * 1000, tell);
  if (json) io.out(JSON.stringify(lifetimeData(lifetime)));
  else for (const line of lifetimeLines(lifetime, io)) io.out(line);
  if (lifetime.atLeast === null) throw new Failure(Exit.failed, 'the server does not tell how long a mapping lives');
}

function classify(stun: readonly StunServerName[] | undefined, teredo: TeredoServerName | undefined): Promise<NatVerdict> {
  if (teredo !== undefined) return classifyNatByTeredo(teredo);
  if (stun !== undefined) return classifyNat(stun);
  throw new Failure(Exit.usage, 'expected a server to ask: --server or --teredo');
}

function addServer(text: string, others: readonly StunServerName[] = []): StunServerName[] {
  const match = new RegExp(`^(${HOST})(?::([1-9][0-9]{0,4}))?$`, 'i').exec(text);
  const port = Number(match?.[2] ?? STUN_PORT);
  if (match === null || port > 0xffff) {
    throw new InvalidArgumentError('Expected an IPv4 address or a name, and perhaps a port: 192.0.2.1:3478.');
  }
  if (others.length === MAX_SERVERS) throw new InvalidArgumentError(`Expected at most ${MAX_SERVERS} servers.`);
  return [...others, { host: match[1], port }];
}

function teredoServer(text: string): TeredoServerName {
  const match = new RegExp(`^(${HOST})(?:,(${HOST}))?$`, 'i').exec(text);
  if (match === null) throw new InvalidArgumentError('Expected an IPv4 address or a name, or two of them: 192.0.2.1,192.0.2.2.');
  return { primary: match[1], secondary: match[2] ?? null };
}

/** What `--json` prints. Endpoints are `address:port`; null: the tests do not tell. */
export function natData(verdict: NatVerdict): Record<string, unknown> {
  const { nat, server, local, mapped, mapping, filtering, ports, hairpin, notes } = verdict;
  return {
    nat,
    server: endpoint(server),
    local: endpoint(local),
    mapped: endpoint(mapped),
    mapping,
    filtering,
    ports,
    hairpin,
    rfc3489: rfc3489Name(verdict),
    rfc4380: teredoNat(verdict),
    teredo: teredoThrough(verdict),
    notes,
  };
}

/** What people read. */
export function natLines(verdict: NatVerdict, io: Io): string[] {
  const { nat, server, local, mapped, mapping, filtering, ports, hairpin, notes } = verdict;
  const name = rfc3489Name(verdict);
  const rows: [key: string, value: string | null][] = [
    ['RFC 3489', name === null ? null : NAMES[name]],
    ['RFC 4380', teredoNat(verdict)],
    ['local', endpoint(local)],
  ];
  if (nat !== 'blocked') rows.push(['mapped', endpoint(mapped)], ['mapping', mapping], ['filtering', filtering]);
  if (nat === 'nat') rows.push(['ports', ports], ['hairpin', hairpin === null ? null : hairpin ? 'yes' : 'no']);
  if (nat !== 'blocked') rows.push(['server', endpoint(server)]);
  const table = columns(rows.map(([key, value]) => [paint(io, 'dim', key), value ?? 'not known']));
  return [...table, teredoThrough(verdict), ...notes.map((note) => paint(io, 'yellow', note))];
}

/** What `--lifetime --json` prints. Seconds; null: not known, and of `belowSeconds` also that no mapping was ever gone. */
export function lifetimeData(lifetime: NatLifetime): Record<string, unknown> {
  const { server, atLeast, below, notes } = lifetime;
  return {
    server: endpoint(server),
    atLeastSeconds: atLeast === null ? null : atLeast / 1000,
    belowSeconds: below === null ? null : below / 1000,
    teredo: refreshThrough(lifetime),
    notes,
  };
}

/** What people read of a lifetime. */
export function lifetimeLines(lifetime: NatLifetime, io: Io): string[] {
  const { server, atLeast, below, notes } = lifetime;
  const rows = [
    ['lifetime', atLeast === null ? 'not known' : span(atLeast, below)],
    ['server', endpoint(server) ?? ''],
  ];
  const table = columns(rows.map(([key, value]) => [paint(io, 'dim', key), value]));
  return [...table, refreshThrough(lifetime), ...notes.map((note) => paint(io, 'yellow', note))];
}

/** `at least 29.5 s, and less than 30.2 s`, from milliseconds. */
function span(atLeast: number, below: number | null): string {
  const [least, most] = [atLeast, below].map((time) => (time === null ? null : `${(time / 1000).toFixed(1)} s`));
  return most === null ? `at least ${least}` : `at least ${least}, and less than ${most}`;
}

function endpoint(of: StunEndpoint | null): string | null {
  return of === null ? null : `${formatIpv4(of.addr)}:${of.port}`;
}
