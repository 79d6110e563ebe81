import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { layoutHeader } from '../../src/xdp/header.js';
import { COUNTER, INGRESS, LIMITS, MAPS, RULE, SAMPLE, STRUCTS } from '../../src/xdp/layout.js';
import { Struct } from '../../src/xdp/struct.js';

const OBJECT = fileURLToPath(new URL('../../dist/bpf/tsunagi.bpf.o', import.meta.url));

test('bpf/layout.h is what the table makes of it', async () => {
  await expect(layoutHeader()).toMatchFileSnapshot('../../bpf/layout.h');
});

test('numbers lie as C and the network have them', () => {
  expect(Buffer.from(RULE.encode({ bits: 0xc0000200, mask: 0xffffff00, refused: 1 })).toString('hex')).toBe('c0000200ffffff0001000000');
  expect(Buffer.from(INGRESS.encode({ ifindex: 0x0102, mac: [2, 0, 0, 0, 0, 9], reserved: 0 })).toString('hex')).toBe(
    '020100000200000000090000',
  );
  expect(COUNTER.decode(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0))).toEqual({ packets: 1n, octets: 512n });
});

test('a structure in which C would leave a gap is refused, as is an array that is too long', () => {
  expect(() => new Struct('odd', { one: 'u8', two: 'u32' })).toThrow('struct odd: a gap before two');
  expect(() => new Struct('odd', { one: 'u32', two: 'u8' })).toThrow('struct odd: a gap at its end');
  expect(() => INGRESS.encode({ ifindex: 0, mac: [1, 2, 3, 4, 5, 6, 7], reserved: 0 })).toThrow('7 of mac, at most 6');
});

/** What bpftool says of a type in the object. */
interface Btf {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly members?: readonly { readonly name: string; readonly bits_offset: number }[];
  readonly vars?: readonly { readonly type_id: number }[];
}

test('the compiled object has the structures and the maps of the table', (ctx) => {
  if (!existsSync(OBJECT)) ctx.skip('the object is not built: clang is missing');
  const { types } = JSON.parse(execFileSync('bpftool', ['-j', 'btf', 'dump', 'file', OBJECT], { encoding: 'utf8' })) as { types: Btf[] };
  // What lies in no map is not told of: of a sample the compiler alone says that it is right.
  for (const { name, size, offsets } of STRUCTS.filter((struct) => struct !== SAMPLE)) {
    const found = types.find((type) => type.kind === 'STRUCT' && type.name === name);
    expect([name, found?.size]).toEqual([name, size]);
    expect(new Map(found?.members?.map((member) => [member.name, member.bits_offset / 8]))).toEqual(offsets);
  }
  const maps = types.find(({ kind, name }) => kind === 'DATASEC' && name === '.maps')?.vars ?? [];
  expect(maps.map(({ type_id: id }) => types.find((type) => type.id === id)?.name).sort()).toEqual([...MAPS].sort());
  expect(LIMITS.MAX_TUNNELS).toBeLessThanOrEqual(LIMITS.MAX_SLOTS);
});
