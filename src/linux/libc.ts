/**
 * The kernel's door: the file that loads koffi and declares C functions. There is one other, for libbpf: `xdp/libbpf.ts`.
 *
 * Memory that the kernel reads or writes is named in one of two ways. On the packet path it lies in
 * an `Arena` and is passed as a number (`uintptr_t`: 75 ns a call with two of them, `void *` 112). On
 * cold paths it is a typed array that lives for the call alone. An address of garbage-collected
 * memory is never kept.
 *
 * Every function returns what the C function does and throws nothing; `errno()` is read straight
 * after the call that failed. Structures and constants are those of 64-bit little-endian Linux.
 */
import { constants } from 'node:os';
import koffi from 'koffi';

const lib = koffi.load('libc.so.6');

/** The C library has no functions for these; the numbers are the same on every architecture. */
const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_ENTER = 426;
const F_DUPFD_CLOEXEC = 1030;
const syscall: (number: number, a: number, b: number, c: number, d: number, e: number, f: number) => number = lib.func(
  'long syscall(long number, long a, long b, long c, long d, long e, long f)',
);
const syscallWith: (number: number, a: number, b: Uint32Array) => number = lib.func('syscall', 'long', ['long', 'long', 'void *']);

/** What `mmap` returns when it fails: (void *) -1, as near as a double comes to it. */
export const MAP_FAILED = 2 ** 64;

/** Functions of the packet path: they take addresses. All that return a count return -1 on failure. */
export const read: (fd: number, address: number, octets: number) => number = lib.func('long read(int fd, uintptr_t b, size_t n)');
export const write: (fd: number, address: number, octets: number) => number = lib.func('long write(int fd, uintptr_t b, size_t n)');
export const writev: (fd: number, iovecs: number, count: number) => number = lib.func('long writev(int fd, uintptr_t iovecs, int count)');
export const recvmmsg: (fd: number, messages: number, count: number, flags: number, timeout: number) => number = lib.func(
  'int recvmmsg(int fd, uintptr_t messages, unsigned int count, int flags, uintptr_t timeout)',
);
export const sendmmsg: (fd: number, messages: number, count: number, flags: number) => number = lib.func(
  'int sendmmsg(int fd, uintptr_t messages, unsigned int count, int flags)',
);
export const sendmsg: (fd: number, message: number, flags: number) => number = lib.func(
  'long sendmsg(int fd, uintptr_t message, int flags)',
);
export const poll: (fds: number, count: number, timeoutMs: number) => number = lib.func(
  'int poll(uintptr_t fds, unsigned long count, int timeout)',
);
export const mmap: (address: number, octets: number, protection: number, flags: number, fd: number, offset: number) => number = lib.func(
  'uintptr_t mmap(uintptr_t address, size_t n, int protection, int flags, int fd, long offset)',
);
export const munmap: (address: number, octets: number) => number = lib.func('int munmap(uintptr_t address, size_t n)');

/** Has the kernel take `submit` submissions of a ring and wait for `wait` completions. */
export function ioUringEnter(fd: number, submit: number, wait: number, flags: number): number {
  return syscall(SYS_IO_URING_ENTER, fd, submit, wait, flags, 0, 0);
}

/** Functions of the cold path: they take typed arrays. */
export const open: (path: string, flags: number) => number = lib.func('int open(const char *path, int flags)');
export const close: (fd: number) => number = lib.func('int close(int fd)');
const fcntl: (fd: number, command: number, argument: number) => number = lib.func('int fcntl(int fd, int command, int argument)');
export const ioctl: (fd: number, request: number, argument: Uint8Array) => number = lib.func(
  'int ioctl(int fd, unsigned long request, void *argument)',
);
/** The same for requests whose argument is a number. */
export const ioctlValue: (fd: number, request: number, argument: number) => number = lib.func('ioctl', 'int', [
  'int',
  'unsigned long',
  'unsigned long',
]);
export const socket: (family: number, type: number, protocol: number) => number = lib.func(
  'int socket(int family, int type, int protocol)',
);
export const bind: (fd: number, address: Uint8Array, len: number) => number = lib.func('int bind(int fd, void *address, unsigned int len)');
export const getsockname: (fd: number, address: Uint8Array, len: Uint8Array) => number = lib.func(
  'int getsockname(int fd, void *address, void *len)',
);
export const setsockopt: (fd: number, level: number, name: number, value: Uint8Array, len: number) => number = lib.func(
  'int setsockopt(int fd, int level, int name, void *value, unsigned int len)',
);
export const getsockopt: (fd: number, level: number, name: number, value: Uint8Array, len: Uint8Array) => number = lib.func(
  'int getsockopt(int fd, int level, int name, void *value, void *len)',
);
export const sendto: (fd: number, b: Uint8Array, octets: number, flags: number, address: Uint8Array, len: number) => number = lib.func(
  'long sendto(int fd, void *b, size_t n, int flags, void *address, unsigned int len)',
);
export const eventfd: (initial: number, flags: number) => number = lib.func('int eventfd(unsigned int initial, int flags)');
export const readInto: (fd: number, b: Uint8Array, octets: number) => number = lib.func('read', 'long', ['int', 'void *', 'size_t']);
export const writeFrom: (fd: number, b: Uint8Array, octets: number) => number = lib.func('write', 'long', ['int', 'void *', 'size_t']);
export const setns: (fd: number, kind: number) => number = lib.func('int setns(int fd, int kind)');
export const ifNameToIndex: (name: string) => number = lib.func('unsigned int if_nametoindex(const char *name)');

/** A new ring of `entries` submissions; `params` is a struct io_uring_params, which the kernel fills in. */
export function ioUringSetup(entries: number, params: Uint32Array): number {
  return syscallWith(SYS_IO_URING_SETUP, entries, params);
}

/** Another descriptor of the same thing, which children of this process do not inherit. */
export function duplicate(fd: number): number {
  return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/** The number of the error that the last call met. */
export const errno: () => number = () => koffi.errno();

/** The `octets` of memory at `address`. The view does not keep the memory: see `Arena`. */
export function view(address: number, octets: number): Uint8Array {
  return new Uint8Array(koffi.view(address, octets));
}

/** Numbers of errors, by name. */
export const Errno = { ...constants.errno, EBADFD: 77 } as const;

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(Errno).map(([name, number]) => [number, name]));

/** `EBUSY` for 16. */
export function errnoName(number: number): string {
  return ERRNO_NAMES.get(number) ?? `errno ${number}`;
}

/** Flags and numbers of the kernel's interface, by the names of its headers. */
export const O = { RDWR: 0o2, NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const;
export const AF = { UNIX: 1, INET: 2, INET6: 10, PACKET: 17 } as const;
export const SOCK = { DGRAM: 2, RAW: 3, NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const;
/** Sends packets with their header, and hears nothing but packets of its own number, which nobody has a use for. */
export const IPPROTO_RAW = 255;
export const SOL = { IP: 0, SOCKET: 1, UDP: 17, RAW: 255, PACKET: 263 } as const;
export const SO = {
  REUSEADDR: 2,
  SNDBUF: 7,
  RCVBUF: 8,
  BINDTODEVICE: 25,
  ATTACH_FILTER: 26,
  SNDBUFFORCE: 32,
  RCVBUFFORCE: 33,
  MEMINFO: 55,
} as const;
export const IP = {
  TOS: 1,
  TTL: 2,
  HDRINCL: 3,
  PKTINFO: 8,
  MTU_DISCOVER: 10,
  FREEBIND: 15,
  TRANSPARENT: 19,
  ADD_MEMBERSHIP: 35,
  MULTICAST_ALL: 49,
} as const;
/** Trains: the size of what is sent, and that what is received may be one. */
export const UDP = { SEGMENT: 103, GRO: 104 } as const;
/** Of IP_MTU_DISCOVER: packets are cut to fit the device alone, DF is not set, and ICMP errors, which anybody can forge, teach the kernel nothing. */
export const PMTUDISC_OMIT = 5;
export const MSG = { DONTWAIT: 0x40 } as const;

/** A call that the kernel refused, on a cold path. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  /** The C function. */
  readonly call: string;
  /** What it was called with, for people. */
  readonly what: string;
  /** `EPERM`, `EBUSY`. */
  readonly code: string;

  /** `remedy` says what to do about it; empty when there is nothing to say. */
  constructor(call: string, what: string, number: number, remedy = '') {
    const code = errnoName(number);
    super(`${call}(${what}): ${code}${remedy === '' ? '' : `; ${remedy}`}`);
    this.call = call;
    this.what = what;
    this.code = code;
  }
}

/** `result`, when the call succeeded. Throws `SystemError` for a negative one; call it on the call itself, so that errno is still its. */
export function must(result: number, call: string, what: string, remedy = ''): number {
  if (result < 0) throw new SystemError(call, what, errno(), remedy);
  return result;
}

/** A 32-bit option value as the kernel reads it. */
export function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}
