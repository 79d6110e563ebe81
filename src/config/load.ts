/** Reads a configuration: TOML into a `Config`, or into everything that is wrong with it. */
import { closeSync, openSync, readSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import type * as z from 'zod';
import type { Config, TunnelConfig } from './config.js';
import { checkFastPath, crossCheck, type TunnelEntry, tunnelEntries } from './cross-checks.js';
import { Lines, MOST_DEPTH, type Position, Positions } from './positions.js';
import { type Finding, formatKeyPath, type Problem } from './problem.js';
import { Findings, type Raw, type Read, readTable } from './read.js';
import { configTable } from './schema.js';
import { TUNNEL_TYPES } from './tunnel-types.js';

export { formatProblem, type Problem } from './problem.js';

/** What became of a file: `config` is null when a problem is an error. Problems are in the order of the file. */
export interface Loaded {
  readonly config: Config | null;
  readonly problems: readonly Problem[];
  /** Gives a finding its place in the file: for those who judge what only the host can tell. */
  place(finding: Finding): Problem;
}

/** Octets that a configuration file may have. */
export const MOST_OCTETS = 1 << 20;

/** Reads and checks the file; one that cannot be read is a problem too, and nothing is thrown. */
export function loadConfig(file: string): Loaded {
  let octets: Uint8Array;
  try {
    octets = readBounded(file);
  } catch (cause) {
    return failure(file, `cannot be read: ${unreadable(cause)}`, '');
  }
  if (octets.length > MOST_OCTETS) return failure(file, `is larger than ${MOST_OCTETS} octets`, 'a configuration');
  const text = utf8().decode(octets);
  const odd = firstDifference(octets, new TextEncoder().encode(text));
  if (odd === null) return parseConfig(text, file);
  // As a stream, so that what the difference cuts short is not counted.
  const before = utf8().decode(octets.subarray(0, odd), { stream: true });
  return failure(file, 'is not UTF-8', 'TOML 1.0', new Lines(before).at(before.length));
}

/** Checks the text of a configuration; `file` is the name that problems bear. */
export function parseConfig(document: string, file: string): Loaded {
  const text = document.replace(/^\ufeff/, '');
  let raw: Raw;
  try {
    raw = parse(text, { maxDepth: MOST_DEPTH });
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    return failure(file, cause.message.replace(/^Invalid TOML document: /, '').split('\n')[0], 'TOML 1.0', cause);
  }
  const findings = new Findings();
  const values = readTable(configTable, raw, [], findings);
  const raws = Array.isArray(raw.tunnel) ? (raw.tunnel as Raw[]) : [];
  const tunnels = tunnelEntries(values.tunnel ?? [], raws, findings);
  crossCheck(tunnels, values.node?.identity ?? null, findings);
  checkFastPath(values.fastpath, findings);
  // A file that an editor has just cut to nothing must not end every tunnel of a service that reloads it.
  if (values.tunnel?.length === 0) findings.error(['tunnel'], 'no [[tunnel]]', 'at least one');

  let positions: Positions | null = null;
  const place = (finding: Finding): Problem => {
    positions ??= new Positions(text);
    return problemAt(positions.at(finding.path), file, finding);
  };
  const problems = findings.list.map(place).sort((a, b) => a.line - b.line || a.column - b.column);
  const valid = problems.every((problem) => problem.severity !== 'error');
  return { config: valid ? configOf(values, tunnels) : null, problems, place };
}

/** One octet more than allowed at most, so that a file without end is no trouble. */
function readBounded(file: string): Uint8Array {
  const fd = openSync(file, 'r');
  try {
    const octets = new Uint8Array(MOST_OCTETS + 1);
    let len = 0;
    for (let got = -1; got !== 0 && len < octets.length; len += got) got = readSync(fd, octets, len, octets.length - len, null);
    return octets.subarray(0, len);
  } finally {
    closeSync(fd);
  }
}

/** Keeps a byte order mark, so that offsets hold. */
function utf8() {
  return new TextDecoder('utf-8', { ignoreBOM: true });
}

/** The first place where two arrays differ; null when they are equal. */
function firstDifference(a: Uint8Array, b: Uint8Array): number | null {
  const at = a.findIndex((octet, i) => octet !== b[i]);
  if (at >= 0) return at;
  return a.length === b.length ? null : a.length;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

/** Why a file cannot be read, in words for operators; of what is no known error of the system, its message. */
export function unreadable(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? message;
}

/** The file as a whole is no configuration. */
function failure(file: string, message: string, expected: string, at: Position = { line: 1, column: 1 }): Loaded {
  const place = (finding: Finding): Problem => problemAt(at, file, finding);
  return { config: null, problems: [place({ severity: 'error', path: [], message, expected })], place };
}

function problemAt({ line, column }: Position, file: string, { severity, path, message, expected }: Finding): Problem {
  return { severity, file, line, column, key: formatKeyPath(path), message, expected };
}

/** Without an error every key was read: what is partly read is then whole. */
function configOf(read: Read<typeof configTable>, entries: readonly TunnelEntry[]): Config {
  const values = read as z.output<typeof configTable>;
  return {
    workers: values.workers,
    node: values.node,
    tunnels: entries.map(tunnelOf),
    policy: { allowIpv4: values.policy['allow-ipv4'] },
    fastpath: values.fastpath,
    http: values.http.listen === null ? null : { listen: values.http.listen },
  };
}

function tunnelOf(entry: TunnelEntry): TunnelConfig {
  const values = entry.values as z.output<typeof configTable>['tunnel'][number];
  const type = TUNNEL_TYPES[values.type];
  return type.config(values, {
    name: entry.name as string,
    interface: entry.interface,
    local: values.local,
    accept: values.accept,
    mtu: values.mtu,
    ttl: values.ttl,
    dscp: values.dscp,
    ecn: values.ecn,
    pathMtuDiscovery: values['path-mtu-discovery'],
    icmpRate: values['icmp-rate'],
    configure: values.configure,
    domain: type.domain(values)?.prefix ?? null,
    dhcpInterface: null,
  });
}
