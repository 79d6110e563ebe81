/**
 * Every key of the configuration: its value, its default and what it is for, each said once.
 *
 * `read.ts` reads a file by these tables, `reference.ts` writes `docs/configuration.md` from them.
 * A table is strict: a key that is not here is an error. `[[tunnel]]` is described per `type` in
 * `tunnel-types.ts`; the keys that all types share are here.
 */
import * as z from 'zod';
import { keyDocs, optional, tableDocs } from './keys.js';
import { tunnelTable } from './tunnel-types.js';
import * as value from './values.js';

/** Octets in the path of a Unix socket, without the closing NUL: `sockaddr_un`, unix(7). */
const SOCKET_PATH_LEN = 107;
/** Octets in a path, without the closing NUL: `PATH_MAX`. */
const PATH_LEN = 4095;

/** `[node]`. */
const nodeTable = z
  .strictObject({
    name: optional(value.label()).register(keyDocs, { about: 'Name of this node in status and metrics.', absent: 'the host name' }),
    identity: optional(value.globalIpv6()).register(keyDocs, {
      about: 'Source of the ICMPv6 errors that this node originates: how users see which relay they are on.',
      absent: 'an address of the tunnel',
    }),
    control: value.path(SOCKET_PATH_LEN).prefault('/run/tsunagi/control.sock').register(keyDocs, {
      about: 'Control socket: `status`, `reload`, `drain` and `resume` speak to it.',
    }),
    state: value.path(PATH_LEN).prefault('/var/lib/tsunagi').register(keyDocs, { about: 'Directory of what is kept over restarts.' }),
  })
  .register(tableDocs, { about: 'The node as a whole.' });

/** `[policy]`. */
const policyTable = z
  .strictObject({
    'allow-ipv4': z.array(value.unicastPrefix4()).prefault([]).register(keyDocs, {
      about:
        'Special-purpose IPv4 ranges to accept as tunnel endpoints all the same, for labs and carriers. 6to4 refuses every other range that IANA calls not globally reachable; 6rd and ISATAP take any unicast address but those of 6to4 relays, 192.88.99.0/24. Loopback, multicast and the like cannot be allowed.',
    }),
  })
  .register(tableDocs, { about: 'What is let through.' });

/** `[fastpath]`. */
const fastpathTable = z
  .strictObject({
    mode: value.choice(['auto', 'native', 'generic', 'off']).prefault('auto').register(keyDocs, {
      about:
        'Where packets are forwarded before the stack of the host sees them: `native` in the drivers of the interfaces, `generic` in front of the stack, for drivers that cannot. `auto` takes the first of them that all of the interfaces can have, or neither; `native` and `generic` are had or the service does not start.',
    }),
    interfaces: z.array(value.interfaceName()).prefault([]).register(keyDocs, {
      about:
        'Ethernet interfaces on which the fast path runs, with the VLANs on top of them: those of both sides, IPv6 and IPv4. Packets that it forwards pass no firewall, and tcpdump does not see them. None: there is no fast path.',
    }),
    persist: value.flag().prefault(false).register(keyDocs, {
      about:
        'Whether 6to4 relays, 6rd border relays and ISATAP routers go on forwarding in the fast path while the service is stopped, killed or upgraded, with their TUN devices, addresses and routes; the next start takes all of it over, or removes it when this is `false`. It is kept in `/sys/fs/bpf/tsunagi`.',
    }),
  })
  .register(tableDocs, {
    about:
      'The fast path, an XDP program: it forwards plain packets of 6to4 and Teredo relays, 6rd border relays and ISATAP routers in the kernel, and leaves the rest to the packet threads.',
  });

/** `[http]`. */
const httpTable = z
  .strictObject({
    listen: optional(value.listen()).register(keyDocs, {
      about: 'Address and port of the status page, the JSON API and `/metrics`. Port 0 takes any free one.',
      absent: 'none of them is served',
    }),
  })
  .register(tableDocs, { about: 'What is served over HTTP, read only.' });

/** The whole file. */
export const configTable = z
  .strictObject({
    workers: value.whole(1, 64).prefault(1).register(keyDocs, { about: 'Packet threads.', unit: 'threads' }),
    node: nodeTable,
    tunnel: z.array(tunnelTable),
    policy: policyTable,
    fastpath: fastpathTable,
    http: httpTable,
  })
  .register(tableDocs, { about: 'Before the first table.' });
