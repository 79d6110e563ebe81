/**
 * Who may make namespaces. Root may. Anybody else may where the kernel lets them make a user namespace
 * of their own: there they are root over what they make, and all of it goes with its last process.
 */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { Exit, Failure } from '../daemon/failure.js';
import { run } from './command.js';

/** How a lab can be made by this process: as it is, or in a user namespace that it has to enter first. */
export type Access = 'direct' | 'user-namespace';

/** Marks processes that are in a user namespace made by `inUserNamespace`. */
const MARK = 'TSUNAGI_LAB_PRIVATE';
/** linux/capability.h: CAP_NET_ADMIN and CAP_SYS_ADMIN. */
const NEEDED = (1n << 12n) | (1n << 21n);
const TUN_DEVICE = '/dev/net/tun';

const UNSHARE = ['unshare', '--user', '--map-root-user', '--net', '--mount'];
/**
 * Names of namespaces are kept below /run, which is root's: so there is another /run in there, and the
 * run directory, $0, shows through it.
 */
const PREPARE = '(cd "$0" && mount -t tmpfs tmpfs /run && mkdir -p "$0" && mount --no-canonicalize --bind . "$0") && exec "$@"';

/** Whether this process is in a user namespace made for a lab. */
export function isPrivate(env: NodeJS.ProcessEnv = process.env): boolean {
  return env[MARK] === '1';
}

/** Finds out how a lab can be made. A Failure with status 4 names what is missing and the remedy. */
export async function labAccess(): Promise<Access> {
  if (!existsSync('/proc/sys/net/ipv6')) {
    throw new Failure(Exit.privilege, 'this kernel has no IPv6: load the module (modprobe ipv6), or boot without ipv6.disable=1');
  }
  requireTun();
  if (hasCapabilities(readFileSync('/proc/self/status', 'utf8'))) return 'direct';
  const { status, stderr } = await run([...UNSHARE, 'true']);
  if (status === 0) return 'user-namespace';
  throw new Failure(
    Exit.privilege,
    `network namespaces need root, or a kernel that lets users make user namespaces (${stderr.trim()}): run this as root, or have root set ${switches()}`,
  );
}

/** Wraps a command so that it runs in a user namespace, and the environment that it needs there. */
export function inUserNamespace(runDirectory: string, command: readonly string[]): { command: string[]; env: NodeJS.ProcessEnv } {
  return {
    command: [...UNSHARE, 'sh', '-c', PREPARE, runDirectory, ...command],
    env: { ...process.env, [MARK]: '1', TSUNAGI_LAB_DIR: runDirectory },
  };
}

/** Judges the text of a `/proc/PID/status`. */
export function hasCapabilities(status: string): boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return (effective & NEEDED) === NEEDED;
}

/** What may forbid it, and the value that does not. Which of them there are depends on the kernel. */
const SWITCHES = {
  'kernel/unprivileged_userns_clone': 1,
  'kernel/apparmor_restrict_unprivileged_userns': 0,
  'user/max_user_namespaces': 10_000,
} as const;

function switches(): string {
  return Object.entries(SWITCHES)
    .filter(([path]) => existsSync(`/proc/sys/${path}`))
    .map(([path, value]) => `${path.replace('/', '.')}=${value}`)
    .join(' or ');
}

function requireTun(): void {
  try {
    accessSync(TUN_DEVICE, constants.R_OK | constants.W_OK);
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EACCES';
    throw new Failure(
      Exit.privilege,
      isThere
        ? `${TUN_DEVICE} may not be opened: run this as root, or have root do "chmod 0666 ${TUN_DEVICE}", as udev does (a TUN device still needs rights over its namespace)`
        : `${TUN_DEVICE} cannot be opened: load the kernel module (modprobe tun), or give the device to the container (--device ${TUN_DEVICE})`,
      { cause },
    );
  }
}
