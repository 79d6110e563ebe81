/** The configuration of ISATAP, RFC 5214. */
import * as z from 'zod';
import { formatIpv4 } from '../wire/address.js';
import type { IsatapConfig } from './config.js';
import { keyDocs, optional, tableDocs } from './keys.js';
import { checkOnce, describe, tunnelKeys } from './tunnel-keys.js';
import * as value from './values.js';

/** Potential routers that a host takes: more are no use to it, and each is asked by itself. */
export const MOST_ROUTERS = 16;

/** Seconds, RFC 4861 section 6.2.1: AdvDefaultLifetime is at most this, and by default three times the longest interval of 600. */
const MOST_LIFETIME = 9000;
const DEFAULT_LIFETIME = 1800;

/** See {@link TunnelType}. */
export const isatap = describe({
  table: z
    .strictObject({
      ...tunnelKeys,
      role: value.choice(['host', 'router']).register(keyDocs, {
        about: '`host`: this machine only. `router`: between the site and the rest of IPv6.',
      }),
      'potential-routers': value
        .list(value.addressOrName('isatap.example.org'), 1, MOST_ROUTERS)
        .prefault(['isatap'])
        .register(keyDocs, {
          about: `The potential router list (RFC 5214 section 8.3.2): addresses, and names that are asked of DNS. Of all addresses the lowest ${MOST_ROUTERS} are used.`,
          roles: ['host'],
        }),
      prefix: optional(value.globalPrefix64()).register(keyDocs, {
        about: 'The /64 of the site: advertised to hosts that ask.',
        absent: 'learned from routers',
        roles: ['router'],
        neededBy: ['router'],
      }),
      'router-lifetime': value
        .whole(0, MOST_LIFETIME)
        .prefault(DEFAULT_LIFETIME)
        .register(keyDocs, {
          about:
            'How long hosts may use it as their default router. 0: not at all, for a router that is in no potential router list (RFC 6324 section 3.2.4.1).',
          unit: 'seconds',
          roles: ['router'],
        }),
    })
    .register(tableDocs, {
      about: 'ISATAP, RFC 5214: one /64 over the IPv4 network of a site; an interface identifier carries the IPv4 address.',
    }),

  examples: [
    `# A host that finds its routers by the name isatap, in the domain of the site.
[[tunnel]]
type = "isatap"
role = "host"
`,
    `# A router of the site.
[[tunnel]]
type   = "isatap"
role   = "router"
local  = "10.0.0.1"
prefix = "2001:db8:0:1::/64"
`,
  ],

  check({ role, local, accept, 'potential-routers': routers }, { path, findings }) {
    if (role !== 'host' || routers === undefined) return;
    const at = [...path, 'potential-routers'];
    checkOnce(routers, (router) => (typeof router === 'number' ? formatIpv4(router) : `"${router}"`), at, findings);
    routers.forEach((router, i) => {
      if (typeof router !== 'number' || (router !== local && accept?.includes(router) !== true)) return;
      findings.error([...at, i], `${formatIpv4(router)} is an address of the tunnel itself`, 'addresses of other nodes');
    });
  },

  domain({ prefix }) {
    if (prefix == null) return null;
    const addr = new Uint8Array(16);
    addr.set(prefix);
    return { prefix: { addr, len: 64 }, key: 'prefix', expected: 'a prefix of its own (RFC 5214 section 6.2)' };
  },

  udp: () => null,

  config(values, common): IsatapConfig {
    const isHost = values.role === 'host';
    return {
      ...common,
      type: 'isatap',
      role: values.role,
      potentialRouters: isHost ? values['potential-routers'] : [],
      prefix: values.prefix,
      routerLifetime: isHost ? 0 : values['router-lifetime'],
      lans: [],
    };
  },
});
