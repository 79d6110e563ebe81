import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Endpoint } from '../../src/core/endpoint.js';
import { Isatap } from '../../src/mapping/isatap.js';
import type { Mapping } from '../../src/mapping/mapping.js';
import type { Pattern } from '../../src/mapping/pattern.js';
import { SixRd, sixToFour } from '../../src/mapping/sixrd.js';
import { Teredo } from '../../src/mapping/teredo.js';
import { prefix6At } from '../../src/wire/address.js';
import { octetsOf, u32s } from '../wire/octet-arrays.js';

/** What the documentation of `Pattern` says, on big numbers. */
function read({ bits, mask, at, commonLen, common, inverted }: Pattern, address: Uint8Array): number | null {
  if (address.some((octet, i) => ((octet ^ bits[i]) & mask[i]) !== 0)) return null;
  const beyond = BigInt(`0x${Buffer.from(address).toString('hex')}00000000`);
  const word = Number((beyond >> BigInt(128 - at)) & 0xffffffffn);
  const carried = common + Math.floor(word / 2 ** commonLen);
  return inverted ? 0xffffffff - carried : carried;
}

const sixRds = fc
  .record({ prefix: octetsOf(16), len: fc.nat(128), maskLen: fc.nat(32), common: u32s })
  .filter(({ len, maskLen }) => len + 32 - maskLen <= 128)
  .map(({ prefix, len, maskLen, common }) => new SixRd(prefix6At(prefix, 0, len), maskLen, common));
const isataps = octetsOf(8).map((prefix) => new Isatap(prefix, (addr) => (addr & 1) === 1));
const mappings: fc.Arbitrary<Mapping & { readonly pattern: Pattern }> = fc.oneof(
  sixRds,
  isataps,
  fc.constant(sixToFour),
  u32s.map((server) => new Teredo(server)),
);

test('a pattern says what its mapping reads, of members and of others', () => {
  fc.assert(
    fc.property(mappings, u32s, octetsOf(16), fc.boolean(), (mapping, addr, other, isMember) => {
      const [endpoint, found] = [new Endpoint(), new Endpoint()];
      endpoint.addr = addr;
      const address = Uint8Array.from(other);
      if (isMember) mapping.addressFor(endpoint, address, 0);
      const carried = mapping.endpointOf(address, 0, found) ? found.addr : null;
      expect(read(mapping.pattern, address)).toBe(carried);
      if (isMember) expect(carried).not.toBeNull();
    }),
  );
});
