/** A doorbell: one thread rings, another that sits in `Poller.wait` wakes up. Rings before it is answered are one. */
import { Errno, errno, eventfd, must, readInto, SystemError, writeFrom } from './libc.js';

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

const ONE = new Uint8Array(BigUint64Array.of(1n).buffer);
const count = new Uint8Array(8);

/** A new doorbell: a descriptor, good in every thread of the process. Throws `SystemError`. */
export function openEvent(): number {
  return must(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 'eventfd', '0', 'raise the limit of open files (ulimit -n)');
}

/** Rings. Throws `SystemError` when `fd` is no doorbell. */
export function signal(fd: number): void {
  if (writeFrom(fd, ONE, 8) < 0 && errno() !== Errno.EAGAIN) throw new SystemError('write', `eventfd ${fd}`, errno());
}

/** Answers: the doorbell is silent until it rings again. Answering a silent one does nothing. */
export function drain(fd: number): void {
  readInto(fd, count, 8);
}
