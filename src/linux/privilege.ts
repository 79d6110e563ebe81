/** What this process may do, before it tries: so that what is missing is named with its remedy. */
import { accessSync, constants, readFileSync } from 'node:fs';

/** Bits of capability sets, linux/capability.h, and what they are needed for. */
const NEEDED = [
  { name: 'CAP_NET_ADMIN', bit: 12n, purpose: 'to make TUN devices' },
  { name: 'CAP_NET_RAW', bit: 13n, purpose: 'to send and receive protocol 41' },
] as const;
const TUN_DEVICE = '/dev/net/tun';

/** Something that the service cannot do without. */
export interface MissingPrivilege {
  /** The capabilities, or the device file. */
  readonly missing: string;
  /** What to do about it, one sentence. */
  readonly remedy: string;
}

/** What is missing; null when nothing is. */
export function missingPrivilege(): MissingPrivilege | null {
  return missingCapabilities(readFileSync('/proc/self/status', 'utf8')) ?? missingDevice();
}

/** Judges the text of a `/proc/PID/status`. */
export function missingCapabilities(status: string): MissingPrivilege | null {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const absent = NEEDED.filter(({ bit }) => ((effective >> bit) & 1n) === 0n);
  if (absent.length === 0) return null;
  const missing = absent.map(({ name }) => name).join(' and ');
  const purpose = absent.map((need) => need.purpose).join(' and ');
  return {
    missing,
    remedy: `${missing} is needed ${purpose}: run it as root, or set AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW in its systemd unit`,
  };
}

function missingDevice(): MissingPrivilege | null {
  try {
    accessSync(TUN_DEVICE, constants.R_OK | constants.W_OK);
    return null;
  } catch {
    return {
      missing: TUN_DEVICE,
      remedy: `${TUN_DEVICE} cannot be opened: load the kernel module (modprobe tun), or give the device to the container (--device ${TUN_DEVICE})`,
    };
  }
}
