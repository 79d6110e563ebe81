/** The configuration of 6to4, RFC 3056; relays by anycast, RFC 3068. */
import * as z from 'zod';
import type { SixToFourConfig } from './config.js';
import { keyDocs, tableDocs } from './keys.js';
import { checkLans, describe, lanTable, tunnelKeys } from './tunnel-keys.js';
import * as value from './values.js';

/** See {@link TunnelType}. */
export const sixToFour = describe({
  table: z
    .strictObject({
      ...tunnelKeys,
      role: value.choice(['host', 'router', 'relay']).register(keyDocs, {
        about: '`host`: this machine only. `router`: the LANs behind it too. `relay`: between 6to4 and the IPv6 Internet.',
      }),
      relay: value
        .ipv4OrNone()
        .prefault('192.88.99.1')
        .register(keyDocs, {
          about: 'Relay for destinations outside 2002::/16. `"none"`: 6to4 sites only, and no default route.',
          roles: ['host', 'router'],
        }),
      'interface-id': value
        .interfaceId()
        .prefault('linux')
        .register(keyDocs, {
          about: "Interface identifier of the node's own address: `linux` is `::1`, `windows` is `::<IPv4>`, or eight octets.",
          roles: ['host', 'router'],
        }),
      lan: z.array(lanTable).register(keyDocs, { about: 'The LANs behind the router.', roles: ['router'] }),
    })
    .register(tableDocs, { about: '6to4, RFC 3056: the prefix 2002:V4ADDR::/48 of an IPv4 address.' }),

  examples: [
    `# A router of the IPv4 address that its default route goes out by, and one LAN.
[[tunnel]]
type = "6to4"
role = "router"

[[tunnel.lan]]
interface = "br-lan"
subnet    = 1
`,
  ],

  check(values, surroundings) {
    const { role, relay, local, accept } = values;
    const { path, findings } = surroundings;
    const sendsToRelay = role !== 'relay' && relay != null;
    if (sendsToRelay && (relay === local || accept?.includes(relay))) {
      findings.error([...path, 'relay'], 'is an address of the tunnel itself', 'the address of another node, or "none"');
    }
    checkLans(values.lan, surroundings);
  },

  /** Sites of any number of tunnels are in the one domain there is. */
  domain: () => null,

  udp: () => null,

  config(values, common): SixToFourConfig {
    return {
      ...common,
      type: '6to4',
      role: values.role,
      relay: values.role === 'relay' ? null : values.relay,
      interfaceId: values['interface-id'],
      lans: values.lan,
    };
  },
});
