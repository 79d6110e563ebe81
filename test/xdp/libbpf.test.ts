import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ifNameToIndex, SystemError } from '../../src/linux/libc.js';
import { attachedProgram } from '../../src/xdp/attached.js';
import { LoadError, XdpObject } from '../../src/xdp/object.js';
import { Cable, describeInNamespaces } from '../linux/namespace.js';
import { compileTiny } from './tiny.js';

const XDP = { PASS: 2, TX: 3 } as const;
const u32 = (n: number) => new Uint8Array(Uint32Array.of(n).buffer);
const u64 = (n: number) => new Uint8Array(BigUint64Array.of(BigInt(n)).buffer);

describeInNamespaces('a BPF object', () => {
  const { tiny, unsafe } = compileTiny();
  let object: XdpObject;
  let cable: Cable;

  beforeAll(() => {
    object = XdpObject.load(tiny);
    cable = new Cable('192.0.2.1/24', '192.0.2.2/24');
  });
  afterAll(() => {
    object.close();
    cable.close();
  });

  test('a program runs over a frame, says what it decided, and gives the frame back as it left it', () => {
    const frame = new Uint8Array(60).fill(0xa5);
    const counted = () => {
      const record = object.map('counts').lookup(u32(0)) as Uint8Array;
      return new Uint32Array(record.buffer).reduce((sum, n) => sum + n, 0);
    };
    const before = counted();
    const run = object.program('tiny_count').testRun(frame);
    expect(run.verdict).toBe(XDP.TX);
    expect([...run.frame]).toEqual([0x5a, ...frame.subarray(1)]);
    expect(counted()).toBe(before + 1);
    object.program('tiny_count').testRun(frame, { repeat: 100 });
    expect(counted()).toBe(before + 101);
    expect(object.program('tiny_pass').testRun(frame)).toMatchObject({ verdict: XDP.PASS, frame });
  });

  test('frames from the smallest to those of several buffers are taken as they are, and a stub of one is refused by name', () => {
    for (const octets of [14, 1514, 3400]) {
      expect(object.program('tiny_pass').testRun(new Uint8Array(octets).fill(7)).frame).toEqual(new Uint8Array(octets).fill(7));
    }
    expect(() => object.program('tiny_pass').testRun(new Uint8Array(13))).toThrow('bpf_prog_test_run_opts(tiny_pass, 13 octets): EINVAL');
  });

  test('a frame comes in on the interface that is named', () => {
    cable.a.run(() => {
      const ifindex = ifNameToIndex('tlxa');
      const link = object.program('tiny_pass').attach(ifindex, 'native');
      object.program('tiny_count').testRun(new Uint8Array(60), { ifindex });
      expect(object.map('cells').lookup(u32(0))).toEqual(u64(ifindex));
      link.close();
    });
  });

  test('an array is read and set one by one and as a whole', () => {
    const cells = object.map('cells');
    expect(cells).toMatchObject({ keyLen: 4, valueLen: 8, values: 1, maxEntries: 4 });
    cells.updateMany(Uint8Array.of(...u32(1), ...u32(3)), Uint8Array.of(...u64(11), ...u64(33)));
    cells.update(u32(2), u64(22));
    const { count, records } = cells.all();
    expect([count, ...new BigUint64Array(records.slice().buffer).slice(1)]).toEqual([4, 11n, 22n, 33n]);
    expect(() => cells.update(u32(4), u64(0))).toThrow('bpf_map_update_elem(cells): E2BIG');
    expect(() => cells.update(u32(0), u32(0))).toThrow('cells: 4 octets where 8 are expected');
  });

  test('an array with a value a processor yields all of them', () => {
    const counts = object.map('counts');
    expect(counts.lookup(u32(1))).toHaveLength(counts.values * 8);
    expect(counts.all().records).toHaveLength(2 * counts.values * 8);
  });

  test('a hash knows what is not there', () => {
    const flows = object.map('flows');
    expect(flows.lookup(u32(7))).toBeNull();
    flows.update(u32(7), u64(70));
    flows.update(u32(8), u64(80));
    expect(
      flows
        .keys()
        .map((key) => key[0])
        .sort(),
    ).toEqual([7, 8]);
    expect(flows.all().count).toBe(2);
    expect([flows.remove(u32(7)), flows.remove(u32(7))]).toEqual([true, false]);
    expect([flows.lookup(u32(7)), flows.lookup(u32(8))]).toEqual([null, u64(80)]);
  });

  test('what the object does not have is named', () => {
    expect(() => object.map('none')).toThrow('bpf_object__find_map_by_name(none): ENOENT');
    expect(() => object.program('none')).toThrow('bpf_object__find_program_by_name(none): ENOENT');
    expect(() => XdpObject.load(new Uint8Array(100))).toThrow('bpf_object__open_mem(100 octets)');
  });

  test('what the verifier refuses comes with its log', () => {
    try {
      XdpObject.load(unsafe).close();
      expect.unreachable();
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(LoadError);
      expect((thrown as LoadError).code).toBe('EACCES');
      expect((thrown as LoadError).log.join('\n')).toMatch(/invalid access to packet/);
    }
  });

  test.each(['native', 'generic'] as const)('a program is attached in mode %s, is seen there, bars others, and leaves', (mode) => {
    cable.a.run(() => {
      const ifindex = ifNameToIndex('tlxa');
      expect(attachedProgram(ifindex)).toBeNull();
      const link = object.program('tiny_pass').attach(ifindex, mode);
      expect(attachedProgram(ifindex)).toMatchObject({ name: 'tiny_pass' });
      expect(execFileSync('ip', ['link', 'show', 'tlxa'], { encoding: 'utf8' })).toMatch(mode === 'native' ? / xdp / : / xdpgeneric /);
      const again = () => object.program('tiny_count').attach(ifindex, mode);
      expect(again).toThrow(SystemError);
      expect(again).toThrow(`bpf_link_create(interface ${ifindex}, ${mode}): EBUSY`);
      link.close();
      expect(attachedProgram(ifindex)).toBeNull();
    });
  });

  test('a program that is pinned stays when its link is closed, until the file is removed', (ctx) => {
    const folder = mkdtempSync(join(tmpdir(), 'tsunagi-pins-'));
    try {
      execFileSync('mount', ['-t', 'bpf', 'bpf', folder], { stdio: 'pipe' });
    } catch (error) {
      rmSync(folder, { recursive: true });
      ctx.skip(`no BPF file system: ${String(error)}`);
    }
    try {
      cable.a.run(() => {
        const ifindex = ifNameToIndex('tlxa');
        const link = object.program('tiny_pass').attach(ifindex, 'native');
        link.pin(join(folder, 'link'));
        expect(() => link.pin(join(folder, 'link'))).toThrow('EEXIST');
        link.close();
        expect(attachedProgram(ifindex)).toMatchObject({ name: 'tiny_pass' });
        rmSync(join(folder, 'link'));
        expect(attachedProgram(ifindex)).toBeNull();
      });
    } finally {
      execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true });
    }
  });

  test('an interface without a driver of its own for it takes the generic mode alone', () => {
    cable.a.run(() => {
      expect(() => object.program('tiny_pass').attach(1, 'native')).toThrow('bpf_link_create(interface 1, native): EOPNOTSUPP');
      object.program('tiny_pass').attach(1, 'generic').close();
    });
  });
});
