import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { ifNameToIndex, SystemError } from '../../src/linux/libc.js';
import { interfacesOn } from '../../src/xdp/fast-path.js';
import { LibbpfMissing } from '../../src/xdp/libbpf.js';
import { type Link, linksIn, readLinks } from '../../src/xdp/links.js';
import { attributesOf, xdpFeatures } from '../../src/xdp/netdev.js';
import { LoadError } from '../../src/xdp/object.js';
import { able, chooseMode, explainLoad, judgeInterface, type Sighting, shortcomings } from '../../src/xdp/probe.js';
import { Cable, describeInNamespaces } from '../linux/namespace.js';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const link = (name: string, index: number, over: Partial<Link> = {}): Link => ({
  name,
  index,
  mac: MAC,
  portOf: null,
  vlan: null,
  ...over,
});
const nothing: Sighting = { features: null, foreign: null, nativeRefusal: null };
const sees = (over: Partial<Sighting>): Sighting => ({ ...nothing, features: { receives: true, transmits: true }, ...over });
const eth0 = link('eth0', 2);

test.each([
  ['is not there', null, nothing, 'there is no such interface'],
  ['has no station address', link('ppp0', 3, { mac: null }), nothing, 'it is no Ethernet interface'],
  ['is a port of a bridge', link('eth0', 2, { portOf: 'br0' }), nothing, 'it is part of br0, which takes its frames'],
  [
    'has a program of somebody else',
    eth0,
    sees({ foreign: { id: 12, name: 'xdp_pass' } }),
    'XDP program 12 "xdp_pass" of somebody else is on it, and is left alone',
  ],
  ['has one without a name', eth0, sees({ foreign: { id: 12, name: '' } }), 'XDP program 12 of somebody else is on it, and is left alone'],
] as const)('an interface that %s cannot have the program in any mode', (_, found, sighting, reason) => {
  const judgement = judgeInterface('eth0', found, sighting);
  expect(judgement.refused).toBe(reason);
  for (const mode of ['native', 'generic'] as const) expect(able([judgement], mode)).toEqual([]);
  expect(shortcomings('auto', [judgement])).toEqual([`eth0: ${reason}`]);
});

test.each([
  [{ features: { receives: false, transmits: false } }, 'its driver runs no XDP programs'],
  [{ features: { receives: true, transmits: false } }, /^nothing can be redirected into it/],
  [{ nativeRefusal: 'bpf_link_create(interface 2, native): EOPNOTSUPP' }, /EOPNOTSUPP/],
])('one slow interface has all of them in generic mode, with the reason: %j', (seen, reason) => {
  const judgements = [judgeInterface('eth0', eth0, sees(seen)), judgeInterface('eth1', link('eth1', 3), sees({}))];
  expect(judgements.map(({ notNative }) => notNative)).toEqual([expect.stringMatching(reason), null]);
  expect(chooseMode('auto', judgements)).toBe('generic');
  expect(able(judgements, 'generic').map(({ name }) => name)).toEqual(['eth0', 'eth1']);
  expect(shortcomings('auto', judgements)).toEqual([expect.stringMatching(/^eth0: not in native mode: /)]);
  expect([chooseMode('native', judgements), able(judgements, 'native').map(({ name }) => name)]).toEqual(['native', ['eth1']]);
  expect([chooseMode('generic', judgements), shortcomings('generic', judgements)]).toEqual(['generic', []]);
});

test('an interface that can have no program does not keep the others from native mode, and neither does a kernel that does not tell', () => {
  const judgements = [judgeInterface('eth9', null, nothing), judgeInterface('eth0', eth0, nothing)];
  expect(chooseMode('auto', judgements)).toBe('native');
  expect(able(judgements, 'native').map(({ name }) => name)).toEqual(['eth0']);
});

test('frames come and go by the attached interfaces and the VLANs on top of them', () => {
  const vlan = (name: string, index: number, id: number, below: string, over: Partial<Link> = {}) =>
    link(name, index, { vlan: { id, below }, ...over });
  const all = [
    eth0,
    link('eth1', 3),
    vlan('eth0.7', 7, 7, 'eth0'),
    vlan('eth1.8', 8, 8, 'eth1'),
    vlan('q', 9, 9, 'eth0', { portOf: 'br0' }),
  ];
  expect(interfacesOn([eth0], all)).toEqual([
    { ifindex: 2, device: 2, vlan: 0, mac: MAC },
    { ifindex: 7, device: 2, vlan: 7, mac: MAC },
  ]);
  // One that has the program itself, in generic mode, sees its frames without a tag.
  expect(interfacesOn([eth0, all[2]], all).filter(({ ifindex }) => ifindex === 7)).toEqual([{ ifindex: 7, device: 7, vlan: 0, mac: MAC }]);
  expect(interfacesOn([], all)).toEqual([]);
});

test('what ip tells of interfaces is read: ports of bridges, VLANs of 802.1Q, and VRFs, which take no frames', () => {
  const ether = { link_type: 'ether', address: '02:00:00:00:00:01' };
  const answer = [
    { ifindex: 1, ifname: 'lo', link_type: 'loopback', address: '00:00:00:00:00:00' },
    { ifindex: 2, ifname: 'eth0', ...ether },
    { ifindex: 3, ifname: 'eth0.7', link: 'eth0', ...ether, linkinfo: { info_kind: 'vlan', info_data: { protocol: '802.1Q', id: 7 } } },
    { ifindex: 4, ifname: 'qinq', link: 'eth0', ...ether, linkinfo: { info_kind: 'vlan', info_data: { protocol: '802.1ad', id: 7 } } },
    { ifindex: 5, ifname: 'port', master: 'br0', ...ether, linkinfo: { info_slave_kind: 'bridge' } },
    { ifindex: 6, ifname: 'red', master: 'vrf0', ...ether, linkinfo: { info_slave_kind: 'vrf' } },
    { ifindex: 7, ifname: 'veth', link_index: 2, ...ether, linkinfo: { info_kind: 'veth' } },
  ];
  expect(linksIn(JSON.stringify(answer))).toEqual([
    link('lo', 1, { mac: null }),
    eth0,
    link('eth0.7', 3, { vlan: { id: 7, below: 'eth0' } }),
    link('qinq', 4),
    link('port', 5, { portOf: 'br0' }),
    link('red', 6),
    link('veth', 7),
  ]);
  expect(() => linksIn('Segmentation fault')).toThrow('ip link show: answered what is no JSON');
});

test('whatever keeps a program from being loaded is said in words, with what the verifier said', () => {
  const EPERM = 1;
  const EACCES = 13;
  const ENOSYS = 38;
  const log = ['0: R1=ctx(off=0)', 'invalid access to packet'];
  expect(explainLoad(new LibbpfMissing('libbpf.so.1 cannot be loaded'))).toEqual({ reason: 'libbpf.so.1 cannot be loaded', verifier: [] });
  expect(explainLoad(new LoadError('9 octets', EPERM, [])).reason).toMatch(/^the kernel lets this process load no program: CAP_BPF /);
  expect(explainLoad(new SystemError('bpf', 'x', ENOSYS)).reason).toBe('this kernel has no BPF');
  expect(explainLoad(new LoadError('9 octets', EACCES, log))).toEqual({
    reason: 'the kernel refused the program: bpf_object__load(9 octets): EACCES; invalid access to packet',
    verifier: log,
  });
  expect(explainLoad('thrown')).toEqual({ reason: 'thrown', verifier: [] });
});

test('an answer of the kernel that is cut short, or lies about its lengths, is read as far as it is whole', () => {
  const message = new Uint8Array(44);
  const view = new DataView(message.buffer);
  view.setUint16(4, 0x15, true);
  view.setUint16(20, 8, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, 7, true);
  view.setUint16(28, 12, true);
  view.setUint16(30, 3, true);
  view.setUint32(32, 0x2f, true);
  const read = (len: number) => [...(attributesOf(message, len) ?? [])].map(([type, value]) => [type, value.getUint32(0, true)]);
  expect(read(40)).toEqual([
    [1, 7],
    [3, 0x2f],
  ]);
  expect(read(39)).toEqual([[1, 7]]);
  expect([read(27), read(20), attributesOf(message, 19)]).toEqual([[], [], null]);
  view.setUint16(20, 0, true);
  expect(read(40)).toEqual([]);
  view.setUint16(4, 2, true);
  expect(attributesOf(message, 40)).toBeNull();
});

describeInNamespaces('the kernel', () => {
  test('tells what the drivers at hand can do, and that frames go into a veth when its other end takes them in bulk', (ctx) => {
    const cable = new Cable('192.0.2.1/24', '192.0.2.2/24');
    const features = () => cable.a.run(() => xdpFeatures(ifNameToIndex('tlxa')));
    if (features() === null) ctx.skip('the kernel does not tell: it is older than 6.3');
    expect(features()).toEqual({ receives: true, transmits: false });
    cable.b.run(() => execFileSync('ethtool', ['-K', 'tlxb', 'gro', 'on']));
    expect(features()).toEqual({ receives: true, transmits: true });
    expect(cable.a.run(() => xdpFeatures(1))).toEqual({ receives: false, transmits: false });
    expect(cable.a.run(() => xdpFeatures(99_999))).toBeNull();
    expect(cable.a.run(readLinks)).toMatchObject([
      { name: 'lo', mac: null },
      { name: 'tlxa', portOf: null, vlan: null },
    ]);
    cable.close();
  });
});
