/**
 * Where a gateway describes itself to UPnP: UPnP Device Architecture 2.0 section 1.3.
 *
 * Anybody on a LAN may answer such a search, and is then asked for whatever it names. So the gateway alone is heard, and
 * what it names has to be its own. By the libraries that there are nothing of that can be said.
 */
import { createSocket } from 'node:dgram';
import { formatIpv4 } from '../wire/address.js';
import type { MappingWish } from './gateway.js';
import { askRepeatedly } from './repeated-question.js';

const GROUP = '239.255.255.250';
const PORT = 1900;
/** A gateway of version 2 answers to this as well. */
const TARGET = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';
/** Milliseconds until it is asked again, and until it is given up: it may take a second (`MX`). */
const WAITS = [500, 1200] as const;
/** Octets of an answer, at most. */
const MOST_LEN = 1500;
/** Hops of a search, by the same section. */
const HOPS = 2;

const SEARCH = ['M-SEARCH * HTTP/1.1', `HOST: ${GROUP}:${PORT}`, 'MAN: "ssdp:discover"', 'MX: 1', `ST: ${TARGET}`, '', ''].join('\r\n');

/** The address of its description. Rejects, within two seconds, when the gateway has none, and when `signal` is aborted. */
export async function findDescription({ gateway, local }: Pick<MappingWish, 'gateway' | 'local'>, signal: AbortSignal): Promise<string> {
  const [own, from] = [formatIpv4(gateway), formatIpv4(local.addr)];
  const socket = createSocket('udp4');
  const found = new Promise<string>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (octets, { address }) => {
      const location = address === own && octets.length <= MOST_LEN ? locationIn(octets.toString('latin1'), own) : null;
      if (location !== null) resolve(location);
    });
  });
  const search = (): void => {
    for (const to of [own, GROUP]) socket.send(SEARCH, PORT, to, () => {});
  };
  try {
    await Promise.race([found, new Promise<void>((resolve) => socket.bind({ address: from, exclusive: true }, resolve))]);
    socket.setMulticastInterface(from);
    socket.setMulticastTTL(HOPS);
    const location = await askRepeatedly(search, found, WAITS, signal);
    if (location === null) throw new Error('does not answer by UPnP');
    return location;
  } finally {
    socket.close();
  }
}

/** The location that an answer of the gateway names, if it is one, and its own; else null. */
export function locationIn(answer: string, gateway: string): string | null {
  const [status, ...lines] = answer.split('\r\n');
  const header = (name: string): string | undefined => {
    const line = lines.find((each) => each.toLowerCase().startsWith(`${name}:`));
    return line?.slice(name.length + 1).trim();
  };
  if (!/^HTTP\/1\.[01] 200\b/.test(status) || header('st') !== TARGET) return null;
  const location = header('location') ?? '';
  const url = URL.canParse(location) ? new URL(location) : null;
  return url?.protocol === 'http:' && url.hostname === gateway ? url.href : null;
}
