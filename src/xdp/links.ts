/** The interfaces of the host as the fast path needs them: one run of iproute2, some milliseconds. */
import { IpError, runBatch } from '../linux/ip-batch.js';

const QUESTION = 'link show';

/** `ip -json -details link show`. */
interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  /** Name of the interface below; `link_index` when that is in another namespace. */
  readonly link?: string;
  readonly link_type: string;
  readonly address?: string;
  /** Name of the bridge, bond or VRF that it is part of. */
  readonly master?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: { readonly protocol?: string; readonly id?: number };
    readonly info_slave_kind?: string;
  };
}

/** An interface. */
export interface Link {
  readonly name: string;
  readonly index: number;
  /** Six octets; null: it is no Ethernet. */
  readonly mac: Uint8Array | null;
  /** The bridge or bond that takes its frames; null: none does. */
  readonly portOf: string | null;
  /** A VLAN interface of 802.1Q: its identifier, and the name of the interface below. */
  readonly vlan: { readonly id: number; readonly below: string } | null;
}

/** Reads them all. Throws `IpError`. */
export function readLinks(): Link[] {
  const { output, failures } = runBatch(['-json', '-details'], [QUESTION]);
  for (const failure of failures) throw failure;
  return linksIn(output);
}

/** Those of an answer of ip. Throws `IpError`. */
export function linksIn(answer: string): Link[] {
  try {
    return (JSON.parse(answer) as IpLink[]).map(linkOf);
  } catch (cause) {
    throw new IpError(QUESTION, `answered what is no JSON: ${String(cause)}`);
  }
}

function linkOf({ ifindex, ifname, link, link_type, address = '', master, linkinfo }: IpLink): Link {
  const { id, protocol } = linkinfo?.info_data ?? {};
  const isVlan = linkinfo?.info_kind === 'vlan' && protocol === '802.1Q' && link !== undefined && id !== undefined;
  return {
    name: ifname,
    index: ifindex,
    mac: link_type === 'ether' ? Uint8Array.from(address.split(':'), (octet) => Number.parseInt(octet, 16)) : null,
    // A VRF takes no frames: it is a choice of routes.
    portOf: master === undefined || linkinfo?.info_slave_kind === 'vrf' ? null : master,
    vlan: isVlan ? { id, below: link } : null,
  };
}
