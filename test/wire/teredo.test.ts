import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { Endpoint } from '../../src/core/endpoint.js';
import { formatIpv4, parseIpv4 } from '../../src/wire/address.js';
import {
  BUBBLE_HOP_LIMIT,
  BUBBLE_LEN,
  DISCOVERY_HOP_LIMIT,
  HMAC_LEN,
  isAuthentic,
  isBubble,
  NONCE_HEADER_LEN,
  NONCE_LEN,
  ORIGIN_LEN,
  readOrigin,
  readTeredo,
  sign,
  TEREDO_DISCOVERY_GROUP,
  TEREDO_PORT,
  TeredoMessage,
  writeAuthentication,
  writeBubble,
  writeNonceHeader,
  writeOrigin,
} from '../../src/wire/teredo.js';
import { writeUdp4 } from '../../src/wire/udp.js';
import { address, be16, echoRequest, ipv4, ipv6, join, Next } from '../vectors/compose.js';
import { fenced, octetsOf, u16s, u32s, written } from './octet-arrays.js';
import { CLIENT, FRAMES, hmac, KEY, NONCE, nonceOnly, type Parts, PEER, payloadOf, type TeredoFrame } from './teredo-frames.js';
import { dissect, tsharkMissing } from './tshark.js';
import { hex, packet, toHex, vectors } from './vectors.js';

const SEED = 20261124;

/** A message with something in every field, as one that was used before has. */
function usedMessage(): TeredoMessage {
  const message = new TeredoMessage();
  message.identifier = message.value = message.nonce = message.confirmation = message.origin = message.packet = message.packetEnd = 0x5a;
  return message;
}

/** What `readTeredo` says of a payload that lies in a dirty array, none of which but the payload may be read. */
function read(payload: Uint8Array): Parts | number {
  const off = 5;
  const b = new Uint8Array(off + payload.length + 99).fill(0xa5);
  b.set(payload, off);
  const end = off + payload.length;
  const m = usedMessage();
  const fault = readTeredo(fenced(b, off, end), off, end, m);
  if (fault !== Drop.none) return fault;
  const part = (from: number, to: number) => toHex(b.subarray(from, to));
  const ep = new Endpoint();
  if (m.origin >= 0) readOrigin(fenced(b, m.origin, m.packet), m.origin, ep);
  return {
    authentication:
      m.identifier < 0
        ? null
        : {
            identifier: part(m.identifier, m.value),
            value: part(m.value, m.nonce),
            nonce: part(m.nonce, m.nonce + NONCE_LEN),
            confirmation: part(m.confirmation, m.confirmation + 1),
          },
    origin: m.origin < 0 ? null : `${formatIpv4(ep.addr)}:${ep.port}`,
    packet: part(m.packet, m.packetEnd),
    trailers: part(m.packetEnd, end),
  };
}

/** The same by RFC 4380 section 5.1.1 on hex text, which is eaten from its front. */
function reference(payload: Uint8Array): Parts | number {
  let text = toHex(payload);
  let isCut = false;
  const eat = (octets: number): string => {
    isCut ||= text.length < 2 * octets;
    const eaten = text.slice(0, 2 * octets);
    text = text.slice(2 * octets);
    return eaten;
  };
  const number = (octets: number) => Number(`0x${eat(octets) || '0'}`);
  let authentication: Parts['authentication'] = null;
  if (text.startsWith('0001')) {
    eat(2);
    const [identifierLen, valueLen] = [number(1), number(1)];
    authentication = { identifier: eat(identifierLen), value: eat(valueLen), nonce: eat(8), confirmation: eat(1) };
  }
  let origin: string | null = null;
  if (text.startsWith('0000')) {
    eat(2);
    const port = 0xffff - number(2);
    const octets = [number(1), number(1), number(1), number(1)].map((octet) => 255 - octet);
    origin = `${octets.join('.')}:${port}`;
  }
  if (isCut || !text.startsWith('6')) return Drop.malformed_teredo;
  if (text.length < 80) return Drop.truncated;
  const packet = eat(40 + Number(`0x${text.slice(8, 12)}`));
  return isCut ? Drop.truncated : { authentication, origin, packet, trailers: text };
}

function endpoint(text: string): Endpoint {
  const [addr, port] = text.split(':');
  const ep = new Endpoint();
  ep.addr = parseIpv4(addr) ?? expect.fail(text);
  ep.port = Number(port);
  return ep;
}

/** Writes an IPv6 packet at `at`, and returns its end. */
type PacketWriter = (b: Uint8Array, at: number) => number;

/** What our writers make of a message on dirty arrays. A header with a value is signed, whatever the value says. */
function write({ authentication, origin, trailers }: Omit<Parts, 'packet'>, packetLen: number, packet: PacketWriter): Uint8Array {
  const nonce = hex(`a5${authentication?.nonce ?? ''}`);
  const identifier = hex(`a5${authentication?.identifier ?? ''}`);
  const identifierLen = identifier.length - 1;
  const isSecured = authentication !== null && authentication.value !== '';
  const headersLen = (authentication ? NONCE_HEADER_LEN : 0) + (isSecured ? identifierLen + HMAC_LEN : 0) + (origin ? ORIGIN_LEN : 0);
  const b = written(headersLen + packetLen, (out, at) => {
    let next = at;
    if (isSecured)
      next = writeAuthentication(out, next, identifier, 1, identifierLen, nonce, 1, Number(`0x${authentication.confirmation}`));
    else if (authentication) next = writeNonceHeader(out, next, nonce, 1);
    if (origin) next = writeOrigin(out, next, endpoint(origin));
    const end = packet(out, next);
    if (isSecured) sign(out, at, end, hmac, KEY);
    return end;
  });
  return join(b, hex(trailers));
}

const bubble =
  (source: string, destination: string, hopLimit = BUBBLE_HOP_LIMIT): PacketWriter =>
  (b, at) =>
    writeBubble(b, at, join(Uint8Array.of(1), address(source)), 1, join(Uint8Array.of(1, 2), address(destination)), 2, hopLimit);

test('the frames of Teredo are those that stand here', () => {
  expect(FRAMES.map((frame) => frame.name)).toEqual(vectors.packets.filter((p) => p.name.startsWith('teredo_')).map((p) => p.name));
});

test.each(FRAMES)('frame $name is read as what it was made of, and written to the octet', (frame) => {
  const payload = payloadOf(frame.name);
  const { authentication = null, origin = null, trailers = '' } = frame;
  const headersLen = (authentication && 13 + (authentication.identifier.length + authentication.value.length) / 2) ?? 0;
  const at = headersLen + (origin === null ? 0 : 8);
  const inner = payload.slice(at, payload.length - trailers.length / 2);
  expect(read(payload)).toEqual({ authentication, origin, packet: toHex(inner), trailers });

  const copied: PacketWriter = (b, to) => {
    b.set(inner, to);
    return to + inner.length;
  };
  expect(toHex(write({ authentication, origin, trailers }, inner.length, frame.bubble ? bubble(...frame.bubble) : copied))).toBe(
    toHex(payload),
  );
  expect(isBubble(fenced(inner, 0, inner.length), 0)).toBe(frame.bubble !== undefined);
});

test('RFC 4380 section 5.1.1: port 337 at 1.2.3.4 is 0000FEAEFEFDFCFB', () => {
  const origin = written(ORIGIN_LEN, (b, at) => writeOrigin(b, at, endpoint('1.2.3.4:337')));
  expect(toHex(origin)).toBe('0000feaefefdfcfb');
  const ep = new Endpoint();
  readOrigin(origin, 0, ep);
  expect([formatIpv4(ep.addr), ep.port]).toEqual(['1.2.3.4', 337]);
});

test('servers listen on UDP port 3544, and discovery goes to 224.0.0.253 with hop limit 1', () => {
  expect([TEREDO_PORT, formatIpv4(TEREDO_DISCOVERY_GROUP), DISCOVERY_HOP_LIMIT]).toEqual([3544, '224.0.0.253', 1]);
});

/** A bubble from CLIENT to PEER, put together without the project's own code. */
const BUBBLE = toHex(ipv6({ src: CLIENT, dst: PEER, hopLimit: 255 }, Next.none, new Uint8Array(0)));
const PACKET = toHex(echoRequest({ src: CLIENT, dst: PEER }));
const ORIGIN = '0000feaefefdfcfb';
const AUTHENTICATION = `00010000${NONCE}00`;
const filled = (octet: string, octets: number) => octet.repeat(octets);

test.each<[string, string, number]>([
  ['nothing at all', '', Drop.malformed_teredo],
  ['one octet of a header', '00', Drop.malformed_teredo],
  ['an origin indication before an authentication header', ORIGIN + AUTHENTICATION + PACKET, Drop.malformed_teredo],
  ['two authentication headers', AUTHENTICATION + AUTHENTICATION + PACKET, Drop.malformed_teredo],
  ['two origin indications', ORIGIN + ORIGIN + PACKET, Drop.malformed_teredo],
  ['a header of type 2', `0002${PACKET}`, Drop.malformed_teredo],
  ['a header of type 0x0100', `0100${PACKET}`, Drop.malformed_teredo],
  ['an IPv4 packet', toHex(packet('teredo_rs_plain')), Drop.malformed_teredo],
  ['an IPv4 packet behind both headers', AUTHENTICATION + ORIGIN + toHex(packet('teredo_rs_plain')), Drop.malformed_teredo],
  ['an origin indication alone', ORIGIN, Drop.malformed_teredo],
  ['an authentication header alone', AUTHENTICATION, Drop.malformed_teredo],
  ['an identifier that leaves the payload', `0001ff00${NONCE}00${PACKET}`, Drop.malformed_teredo],
  ['a value that leaves the payload', `000100ff${NONCE}00${PACKET}`, Drop.malformed_teredo],
  ['a nonce that ends the payload', `00010014${filled('60', 20)}${NONCE}`, Drop.malformed_teredo],
  ['a packet of one octet', '60', Drop.truncated],
  ['a packet that says one octet more than there is', `${ORIGIN}6000000000113aff${PACKET.slice(16)}`, Drop.truncated],
])('%s is dropped', (_, payload, reason) => {
  expect(read(hex(payload))).toBe(reason);
});

test('the longest header, with 255 octets each of identifier and value, is read', () => {
  const [identifier, value] = [filled('61', 255), filled('62', 255)];
  expect(read(hex(`0001ffff${identifier}${value}${NONCE}07${ORIGIN}${PACKET}`))).toEqual({
    authentication: { identifier, value, nonce: NONCE, confirmation: '07' },
    origin: '1.2.3.4:337',
    packet: PACKET,
    trailers: '',
  });
});

test('every frame cut at every octet is dropped, up to the end of its IPv6 packet', () => {
  for (const { name, trailers = '' } of FRAMES) {
    const payload = payloadOf(name);
    for (let end = 0; end < payload.length; end++) {
      const cut = payload.slice(0, end);
      expect([name, end, read(cut)]).toEqual([name, end, reference(cut)]);
      expect([name, end, typeof read(cut)]).toEqual([name, end, end < payload.length - trailers.length / 2 ? 'number' : 'object']);
    }
  }
});

/** A frame's payload, cut or longer, with some of its first octets changed. */
const mutated = fc
  .record({
    name: fc.constantFrom(...FRAMES.map((frame) => frame.name)),
    changes: fc.array(fc.tuple(fc.nat(60), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 20, 0x60))), { maxLength: 5 }),
    end: fc.nat(200),
    noise: octetsOf(200),
  })
  .map(({ name, changes, end, noise }) => {
    const b = noise.slice();
    b.set(payloadOf(name));
    for (const [at, octet] of changes) b[at] = octet;
    return b.slice(0, end);
  });

test('mutated frames and random octets: what the RFC says of them, and nothing outside is read', () => {
  fc.assert(
    fc.property(fc.oneof({ weight: 4, arbitrary: mutated }, fc.uint8Array({ maxLength: 80 })), (payload) => {
      expect(read(payload)).toEqual(reference(payload));
    }),
    { seed: SEED, numRuns: 10_000 },
  );
});

test('RFC 4380 section 5.2.2: a value covers nonce, confirmation, origin and packet; not what is in front of it, nor trailers', () => {
  const room = new Uint8Array(HMAC_LEN);
  for (const name of ['teredo_rs_auth_hmac', 'teredo_ra_auth_hmac_origin', 'teredo_ra_auth_hmac_conf1']) {
    const b = join(payloadOf(name), hex('0104deadbeef'));
    const message = usedMessage();
    expect(readTeredo(b, 0, b.length, message)).toBe(Drop.none);
    const holds = () => isAuthentic(b, message, hmac, KEY, room.fill(0xa5));
    expect([name, holds()]).toEqual([name, true]);
    expect(isAuthentic(b, message, hmac, KEY.slice(1), room)).toBe(false);
    for (let bit = 0; bit < 8 * b.length; bit++) {
      const at = bit >>> 3;
      b[at] ^= 0x80 >>> (bit & 7);
      expect([name, bit, holds()]).toEqual([name, bit, at < message.value || at >= message.packetEnd]);
      b[at] ^= 0x80 >>> (bit & 7);
    }
  }
});

test('no value, and a value of another length than HMAC-SHA1 has, is not authentic', () => {
  const whole = toHex(
    createHmac('sha1', KEY)
      .update(hex(`${NONCE}00${PACKET}`))
      .digest(),
  );
  for (const [value, expected] of [
    [whole, true],
    ['', false],
    [whole.slice(2), false],
    [`${whole}00`, false],
    [`00${whole}`, false],
  ] as const) {
    const b = hex(`000100${(value.length / 2).toString(16).padStart(2, '0')}${value}${NONCE}00${PACKET}`);
    const message = usedMessage();
    expect(readTeredo(b, 0, b.length, message)).toBe(Drop.none);
    expect([value, isAuthentic(b, message, hmac, KEY, new Uint8Array(HMAC_LEN))]).toEqual([value, expected]);
  }
  const plain = hex(PACKET);
  const message = usedMessage();
  readTeredo(plain, 0, plain.length, message);
  expect(isAuthentic(plain, message, hmac, KEY, new Uint8Array(HMAC_LEN))).toBe(false);
});

test('a packet with a payload, or with another next header, is no bubble', () => {
  const header = { src: CLIENT, dst: PEER };
  expect([
    isBubble(ipv6(header, Next.none, new Uint8Array(0)), 0),
    isBubble(ipv6(header, Next.none, new Uint8Array(1)), 0),
    isBubble(ipv6(header, Next.none, new Uint8Array(256)), 0),
    isBubble(ipv6(header, Next.icmp6, new Uint8Array(0)), 0),
  ]).toEqual([true, false, false, false]);
});

/** Messages that our writers can make. */
const messages = fc.record({
  authentication: fc.option(
    fc.oneof(
      octetsOf(NONCE_LEN).map((nonce) => nonceOnly(toHex(nonce))),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 255 }), octetsOf(NONCE_LEN), octetsOf(1))
        .map(([identifier, nonce, confirmation]) => ({
          identifier: toHex(identifier),
          value: 'signed',
          nonce: toHex(nonce),
          confirmation: toHex(confirmation),
        })),
    ),
  ),
  origin: fc.option(fc.tuple(u32s, u16s).map(([addr, port]) => `${formatIpv4(addr)}:${port}`)),
  trailers: fc.constantFrom('', '0104deadbeef'),
});

/** The value that such a message with a bubble must carry, computed on hex text. */
function hmacOf({ authentication, origin }: Pick<Parts, 'authentication' | 'origin'>): string {
  if (authentication === null || authentication.value === '') return '';
  const [addr, port] = (origin ?? ':').split(':');
  const inverted = [...be16(Number(port)), ...addr.split('.').map(Number)].map((octet) => ~octet & 0xff);
  const covered = authentication.nonce + authentication.confirmation + (origin === null ? '' : `0000${toHex(Uint8Array.from(inverted))}`);
  return toHex(
    createHmac('sha1', KEY)
      .update(hex(covered + BUBBLE))
      .digest(),
  );
}

test('whatever is written is read by the reference, signed as Node signs it', () => {
  fc.assert(
    fc.property(messages, (given) => {
      const payload = write(given, BUBBLE_LEN, bubble(CLIENT, PEER));
      const authentication = given.authentication && { ...given.authentication, value: hmacOf(given) };
      expect(reference(payload)).toEqual({ ...given, authentication, packet: BUBBLE });
    }),
    { seed: SEED, numRuns: 300 },
  );
});

test('tshark reads every frame of the capture, and what we write, as Teredo without a complaint', (ctx) => {
  if (tsharkMissing !== null) ctx.skip(tsharkMissing);
  const given = fc.sample(messages, { seed: SEED, numRuns: 40 });
  const datagrams = given.map((parts) => {
    const payload = write(parts, BUBBLE_LEN, bubble(CLIENT, PEER));
    const b = ipv4({ src: '192.0.2.45', dst: '65.54.227.120', protocol: 17 }, join(new Uint8Array(8).fill(0xa5), payload));
    writeUdp4(b, 0, 20, b.length, 40000, TEREDO_PORT);
    return b;
  });
  const fields = ['auth.id', 'auth.value', 'auth.nonce', 'auth.conf', 'orig.addr', 'orig.port'].map((field) => `teredo.${field}`);
  expect(dissect(datagrams, [...fields, 'ipv6.src', 'ipv6.dst', 'ipv6.nxt', 'ipv6.plen', 'ipv6.hlim'])).toEqual(
    given.map(({ authentication, origin }) => {
      const { identifier, nonce, confirmation } = authentication ?? { identifier: '', nonce: '', confirmation: '' };
      const [addr, port] = origin?.split(':') ?? ['', ''];
      const value = hmacOf({ authentication, origin });
      return {
        fields: [identifier, value, nonce, confirmation, addr, port, CLIENT, PEER, '59', '0', '255'],
        complaints: [],
      };
    }),
  );

  // tshark knows no trailers: between peers it takes a packet that has some for another protocol's.
  const frames = FRAMES.filter((frame) => frame.name !== 'teredo_direct_bubble_slr').map(rewritten);
  expect(
    dissect(frames, ['frame.protocols']).map((seen) => [seen.fields[0].startsWith('raw:ip:udp:teredo:ipv6'), seen.complaints]),
  ).toEqual(frames.map(() => [true, []]));
});

/** A frame of the capture, its payload made by our writers. */
function rewritten(frame: TeredoFrame): Uint8Array {
  const b = packet(frame.name);
  if (frame.bubble === undefined) return b;
  const { authentication = null, origin = null, trailers = '' } = frame;
  b.set(write({ authentication, origin, trailers }, BUBBLE_LEN, bubble(...frame.bubble)), 28);
  return b;
}
