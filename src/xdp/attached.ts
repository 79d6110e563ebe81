/** Where a program is attached, and how: asked of the kernel. */
import { must } from '../linux/libc.js';
import { libbpf, MODE_FLAGS, type XdpLink, type XdpMode } from './libbpf.js';

/** Start of struct bpf_link_info for a link of XDP: the interface, 0 when it has gone. */
const LINK_INFO = { size: 64, ifindex: 16 } as const;

/** The mode in which there is a program on an interface; null: there is none. Throws `SystemError`. */
export function attachedMode(ifindex: number): XdpMode | null {
  const id = new Uint32Array(1);
  const isIn = (mode: XdpMode) => {
    must(libbpf().queryId(ifindex, MODE_FLAGS[mode], id), 'bpf_xdp_query_id', `interface ${ifindex}`);
    return id[0] !== 0;
  };
  if (isIn('native')) return 'native';
  return isIn('generic') ? 'generic' : null;
}

/** Number of the interface that a link is on; 0: it has gone. Throws `SystemError`. */
export function interfaceOf({ fd }: XdpLink): number {
  const info = new Uint8Array(LINK_INFO.size);
  must(libbpf().info(fd, info, Uint32Array.of(LINK_INFO.size)), 'bpf_obj_get_info_by_fd', 'link');
  return new DataView(info.buffer).getUint32(LINK_INFO.ifindex, true);
}
