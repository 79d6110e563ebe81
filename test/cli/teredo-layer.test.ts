import { expect, test } from 'vitest';
import { layersOf, layersText } from '../../src/cli/packet-layers.js';
import { PcapReader } from '../../src/wire/pcap.js';
import { FRAMES, NONCE } from '../wire/teredo-frames.js';
import { dissectFile, tsharkMissing } from '../wire/tshark.js';
import { capture } from '../wire/vectors.js';

/** The Teredo frames of the shared capture, as `decode` reads them. */
const decoded = [...new PcapReader(capture)].slice(0, FRAMES.length).map((packet) => layersOf(packet));
const teredoOf = (frame: number) => decoded[frame - 1].find(({ protocol }) => protocol === 'teredo');

test('every frame is Teredo around an IPv6 packet, its headers as they were taken apart by hand', () => {
  FRAMES.forEach(({ name, authentication, origin, bubble }, i) => {
    const layer = teredoOf(i + 1);
    expect(layer?.malformed, name).toBeUndefined();
    expect(layer?.origin ?? null, name).toBe(origin ?? null);
    expect(layer?.authentication?.nonce ?? null, name).toBe(authentication?.nonce ?? null);
    expect(layer?.authentication?.signed ?? false, name).toBe((authentication?.value ?? '') !== '');
    expect(decoded[i].map(({ protocol }) => protocol).slice(0, 4), name).toEqual(['ipv4', 'udp', 'teredo', 'ipv6']);
    if (bubble !== undefined) expect(layer?.name, name).toBe('bubble');
  });
});

test('trailers are told', () => {
  expect(teredoOf(22)?.trailers).toEqual({ nonce: 'deadbeef', randomPort: 51234 });
  expect(teredoOf(23)?.trailers).toEqual({ nonce: 'deadbeef', alternateAddresses: ['192.168.1.10:40000'] });
  expect(teredoOf(24)?.trailers).toEqual({ neighborDiscovery: 'solicitation' });
});

test('origins and nonces are what tshark reads', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const theirs = dissectFile(capture, ['teredo.orig.addr', 'teredo.orig.port', 'teredo.auth.nonce']).slice(0, FRAMES.length);
  expect(theirs.some(({ fields }) => fields[0] !== '')).toBe(true);
  theirs.forEach(({ fields: [addr, port, nonce] }, i) => {
    const layer = teredoOf(i + 1);
    expect(layer?.origin ?? ':', FRAMES[i].name).toBe(`${addr}:${port}`);
    if (nonce !== '')
      expect(`0x${layer?.authentication?.nonce}`.toLowerCase(), FRAMES[i].name).toContain(nonce.replaceAll(':', '').toLowerCase());
  });
});

test('one line for people', () => {
  expect(layersText(decoded[5])).toContain(`teredo nonce ${NONCE} origin 192.0.2.45:40000`);
  expect(layersText(decoded[12])).toContain('teredo bubble origin 192.0.2.45:40000');
});
