/** The nodes of the Teredo vectors: configurations, and the endpoints and addresses of the shared capture. */
import { vectors } from '../../wire/vectors.js';
import { datagram, join } from '../compose.js';
import { nonceHeader, origin, payloadOf, teredo } from './messages.js';

/** The server: where its clients ask it. */
export const PRIMARY = '65.54.227.120';
export const SECONDARY = '65.54.227.121';
export const SERVER = `${PRIMARY}:3544`;
export const OTHER_SOCKET = `${SECONDARY}:3544`;
/** Another server, that is not here. */
export const ELSEWHERE = '203.0.113.120';

/** A client of the server, and where its NAT has it. */
export const MAPPED = '192.0.2.45:40000';
export const CLIENT = teredo(PRIMARY, MAPPED);
/** Another one; it is of RFC 5991, and draws its flags. */
export const PEER_AT = '198.51.100.118:4096';
export const PEER = teredo(PRIMARY, PEER_AT, 0x2057);
/** The same one if it were the other server's. */
export const FOREIGN_PEER = teredo(ELSEWHERE, PEER_AT);

export const RELAY_AT = '203.0.113.200:3545';
export const RELAY = '3fff:0:ffff::1';
/** A host on the IPv6 Internet. */
export const WEB = '3fff:0:1::80';

/** Link-local addresses of the server, and of the client with its cone flag clear and set. */
export const { server: SERVER_LOCAL, client_cone0: CLIENT_LOCAL, client_cone1: CONE_LOCAL } = vectors.teredo_link_local;
/** The client behind its NAT. */
export const INSIDE = vectors.teredo_link_local.client_local;

/** Of the client that is known in secure mode. */
export const IDENTIFIER = vectors.teredo_hmac.client_id_ascii;
export const SECRET = vectors.teredo_hmac.key_ascii;

const POLICY = ['', '[policy]', 'allow-ipv4 = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]'];

function config(role: string, local: string, ...lines: string[]): string {
  return ['[[tunnel]]', 'type = "teredo"', `role = "${role}"`, `local = "${local}"`, ...lines, ...POLICY].join('\n');
}

/** 65.54.227.120 and 65.54.227.121. */
export const server = (...lines: string[]): string => config('server', PRIMARY, `secondary = "${SECONDARY}"`, ...lines);
/** The server in secure mode. */
export const secure = (): string => server('', '[[tunnel.client]]', `identifier = "${IDENTIFIER}"`, `secret = "${SECRET}"`);
/** 203.0.113.200, port 3545. */
export const relay = (...lines: string[]): string =>
  ['[node]', `identity = "${RELAY}"`, '', config('relay', RELAY_AT.split(':')[0], ...lines)].join('\n');
/** A relay behind a NAT. */
export const HIDDEN_RELAY_AT = '192.168.1.20:3545';
export const hiddenRelay = (): string => relay().replace(RELAY_AT.split(':')[0], HIDDEN_RELAY_AT.split(':')[0]);
/** The relay, and beside it one of 6to4 on the same address. */
export const relays = (): string =>
  relay('name = "teredo"', '', '[[tunnel]]', 'type = "6to4"', 'role = "relay"', 'name = "6to4"', `local = "${RELAY_AT.split(':')[0]}"`);
/** 192.168.1.10, port 40000: behind the NAT that has it at 192.0.2.45, port 40000. */
export const client = (...lines: string[]): string =>
  config('client', INSIDE.split(':')[0], `port = ${INSIDE.split(':')[1]}`, `server = "${PRIMARY}"`, ...lines);
/** The client in secure mode. */
export const secureClient = (): string => client(`identifier = "${IDENTIFIER}"`, `secret = "${SECRET}"`);

/** What the server says to the client behind its NAT, whose chance is 0: F6, and by the secondary address F10 if nothing is symmetric. */
export const advertised = (from: string, seen = MAPPED): Uint8Array =>
  datagram(from, INSIDE, join(nonceHeader(), origin(seen), payloadOf('teredo_ra_origin').slice(8)));

/** Both have answered: the client has the address of the shared capture. */
export const QUALIFIED = [
  { from: 'v4' as const, in: advertised(SERVER) },
  { from: 'v4' as const, in: advertised(OTHER_SOCKET) },
] as const;
/** It is behind a symmetric NAT. */
export const SYMMETRIC = [QUALIFIED[0], { from: 'v4' as const, in: advertised(OTHER_SOCKET, '192.0.2.45:40001') }] as const;
