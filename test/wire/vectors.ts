/** The vectors under `vectors/shared/`, made by an independent program. */
import { readFileSync } from 'node:fs';

const SHARED = new URL('../../vectors/shared/', import.meta.url);

/** One frame of the capture. */
export interface VectorPacket {
  readonly frame: number;
  readonly name: string;
  readonly description: string;
  readonly length: number;
  readonly hex: string;
}

/** The two bits of RFC 3168 section 5 by name. */
export type EcnName = 'Not-ECT' | 'ECT(1)' | 'ECT(0)' | 'CE';

/** The sections that tests of codecs, mappings and tunnels read. */
interface SharedVectors {
  readonly '6to4_addresses': readonly { v4: string; prefix: string; use: string }[];
  readonly '6rd_prefixes': readonly { '6rdPrefix': string; IPv4MaskLen: number; ce_v4: string; delegated: string; note: string }[];
  readonly '6rd_option212': readonly {
    IPv4MaskLen?: number;
    '6rdPrefix'?: string;
    br?: readonly string[];
    hex: string;
    valid: boolean;
    why?: string;
  }[];
  readonly icmp_translation: {
    icmp6_ptb_for_1400_byte_packet: string;
    icmp6_addr_unreachable_from_3_1: string;
    icmp4_frag_needed_mtu: number;
    cases: readonly { v4_path_mtu: number; packet: number; action: string }[];
  };
  readonly decap_checks: readonly { mechanism: string; v4src: string; v4dst: string; v6src: string; v6dst: string; why: string }[];
  readonly encap_checks_6to4: readonly { v4src: string; v6src: string; v6dst: string; why: string }[];
  /** Outgoing ECN by inner, then outer ECN; or `drop`. */
  readonly ecn_decap_6040: Readonly<Record<EcnName, Readonly<Record<EcnName, EcnName | 'drop'>>>>;
  readonly teredo_link_local: { client_cone0: string; client_cone1: string; server: string; client_local: string };
  readonly teredo_hmac: { key_ascii: string; client_id_ascii: string; nonce: string };
  readonly teredo_trailers: Readonly<Record<string, string>>;
  readonly teredo_trailers_bad: readonly { hex: string; why: string }[];
  readonly packets: readonly VectorPacket[];
}

/** `vectors.json`. */
export const vectors: SharedVectors = JSON.parse(readFileSync(new URL('vectors.json', SHARED), 'utf8'));

/** `tunnel-vectors.pcap`: the packets of `vectors`. */
export const capture = new Uint8Array(readFileSync(new URL('tunnel-vectors.pcap', SHARED)));

/** Octets of hex text. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

/** Hex text of octets. */
export function toHex(b: Uint8Array): string {
  return Buffer.from(b).toString('hex');
}

/** The packet of that name, from its outer IPv4 header on. */
export function packet(name: string): Uint8Array {
  const found = vectors.packets.find((p) => p.name === name);
  if (found === undefined) throw new Error(`no packet ${name} in vectors.json`);
  return hex(found.hex);
}
