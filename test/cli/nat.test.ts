import { afterEach, describe, expect, test } from 'vitest';
import { lifetimeData, lifetimeLines, natData, natLines } from '../../src/cli/commands/nat.js';
import { NAT_KINDS } from '../../src/core/nat.js';
import type { NatVerdict } from '../../src/role/nat-verdict.js';
import { StunResponder } from '../stun-responder.js';
import { StunServer } from '../stun-server.js';
import { invoke, memoryIo } from './invoke.js';

const servers: StunServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Ports that another process does not choose, whether it runs this test or not; below those that the kernel gives away. */
const PORTS = [20_000 + 2 * (process.pid % 6000), 20_001 + 2 * (process.pid % 6000)] as const;

/** A server with one address, as far as anybody is told. */
async function serve(address: string): Promise<string> {
  servers.push(await StunServer.up(new StunResponder([address, `127.1.${address.slice(6)}`], PORTS, 'no-other-address')));
  return `${address}:${PORTS[0]}`;
}

const VERDICT: NatVerdict = {
  nat: 'nat',
  server: { addr: 0xcb00710a, port: 3478 },
  local: { addr: 0xc0a80702, port: 40_000 },
  mapped: { addr: 0xcb007101, port: 40_000 },
  ...NAT_KINDS['restricted-cone'],
  hairpin: false,
  notes: ['A note.'],
};

test('what is printed for people, and for programs', () => {
  expect(natLines(VERDICT, memoryIo().io)).toEqual([
    'RFC 3489   restricted cone',
    'RFC 4380   cone or restricted',
    'local      192.168.7.2:40000',
    'mapped     203.0.113.1:40000',
    'mapping    endpoint-independent',
    'filtering  address-dependent',
    'ports      preserving',
    'hairpin    no',
    'server     203.0.113.10:3478',
    expect.stringMatching(/^Teredo reaches native hosts and other clients/),
    'A note.',
  ]);
  expect(natData(VERDICT)).toEqual({
    nat: 'nat',
    server: '203.0.113.10:3478',
    local: '192.168.7.2:40000',
    mapped: '203.0.113.1:40000',
    mapping: 'endpoint-independent',
    filtering: 'address-dependent',
    ports: 'preserving',
    hairpin: false,
    rfc3489: 'restricted-cone',
    rfc4380: 'cone or restricted',
    teredo: expect.stringMatching(/\.$/),
    notes: ['A note.'],
  });
});

test('what is not known is said to be', () => {
  const lines = natLines({ ...VERDICT, filtering: null, hairpin: null, ports: null }, memoryIo().io);
  expect(lines.filter((line) => line.endsWith('not known')).map((line) => line.split(' ')[0])).toEqual([
    'RFC',
    'filtering',
    'ports',
    'hairpin',
  ]);
});

test('how long a mapping lives is printed for people, and for programs', () => {
  const lifetime = { server: { addr: 0xcb00710a, port: 3478 }, atLeast: 59_500, below: 60_214, notes: ['A note.'] };
  expect(lifetimeLines(lifetime, memoryIo().io)).toEqual([
    'lifetime  at least 59.5 s, and less than 60.2 s',
    'server    203.0.113.10:3478',
    'Teredo keeps its mapping with the default refresh interval of 30 s; up to 59 s would do.',
    'A note.',
  ]);
  expect(lifetimeData(lifetime)).toEqual({
    server: '203.0.113.10:3478',
    atLeastSeconds: 59.5,
    belowSeconds: 60.214,
    teredo: expect.stringMatching(/^Teredo keeps/),
    notes: ['A note.'],
  });
  expect(lifetimeLines({ ...lifetime, below: null }, memoryIo().io)[0]).toBe('lifetime  at least 59.5 s');
  expect(lifetimeLines({ ...lifetime, atLeast: null, below: null }, memoryIo().io)[0]).toBe('lifetime  not known');
  expect(lifetimeData({ ...lifetime, atLeast: null, below: null })).toMatchObject({ atLeastSeconds: null, belowSeconds: null });
});

describe('over real sockets', { sequential: true }, () => {
  test('two servers on this host see no NAT', async () => {
    const names = [await serve('127.0.0.1'), await serve('127.0.0.2')];
    const { status, out, err } = await invoke('nat', '--server', names[0], '--server', names[1], '--json');
    expect([status, err]).toEqual([0, []]);
    const data = JSON.parse(out[0]);
    expect(data).toMatchObject({ nat: 'none', server: names[0], mapping: 'endpoint-independent', filtering: null, rfc3489: null });
    expect(data.mapped).toBe(data.local);
    expect(data.notes[0]).toMatch(/OTHER-ADDRESS/);
  });

  test('a name will do, and port 3478 is meant where none is given', async () => {
    await serve('127.0.0.1');
    const { status, out } = await invoke('nat', '--server', `localhost:${PORTS[0]}`);
    expect([status, out[0]]).toEqual([0, 'RFC 3489   not known']);
  });

  test('where nobody answers that is the verdict, with exit status 1', async () => {
    const { status, out, err } = await invoke('nat', '--server', '127.0.0.1:9', '--json');
    expect(status).toBe(1);
    expect(JSON.parse(out[0])).toMatchObject({ nat: 'blocked', rfc3489: 'udp-blocked', mapped: null, server: null });
    expect(err).toEqual(['tsunagi: no server has answered as it should']);
  });
});

test.each([
  ['no server at all', [], /expected a server to ask: --server or --teredo/],
  ['an IPv6 address', ['--server', '2001:db8::1'], /Expected an IPv4 address or a name/],
  ['a port that is none', ['--server', 'stun.example:70000'], /Expected an IPv4 address or a name/],
  ['no name', ['--server', ':3478'], /Expected an IPv4 address or a name/],
  ['a Teredo server with three addresses', ['--teredo', '192.0.2.1,192.0.2.2,192.0.2.3'], /Expected an IPv4 address or a name, or two/],
  ['a Teredo server with a port', ['--teredo', '192.0.2.1:3544'], /Expected an IPv4 address or a name, or two/],
  ['one with one address twice', ['--teredo', '192.0.2.1,192.0.2.1'], /has two addresses, not 192\.0\.2\.1 twice/],
  ['both kinds of server', ['--server', '192.0.2.1', '--teredo', '192.0.2.1'], /cannot be used with option/],
  ['a lifetime of nobody', ['--lifetime'], /expected one --server for --lifetime/],
  ['one of several servers', ['--lifetime', '--server', '192.0.2.1', '--server', '192.0.2.2'], /expected one --server for --lifetime/],
  ['one that ends before it begins', ['--server', '192.0.2.1', '--lifetime', '9'], /a whole number from 10 to 7200/],
  ['too many', Array.from({ length: 9 }, (_, i) => ['--server', `192.0.2.${i}`]).flat(), /Expected at most 8 servers/],
])('%s is wrong usage', async (_what, args, message) => {
  const { status, err } = await invoke('nat', ...args);
  expect(status).toBe(2);
  expect(err.join('\n')).toMatch(message);
});

test('a name that nobody knows is named', async () => {
  const { status, err } = await invoke('nat', '--server', 'no-such-host.invalid');
  expect(status).toBe(1);
  expect(err.join()).toMatch(/^tsunagi: server no-such-host\.invalid: no IPv4 address is known for that name/);
});
