/**
 * Another network namespace, for as long as it takes to open something in it.
 *
 * The namespace is a property of the thread. What is opened stays where it was opened, whoever uses it later.
 */
import { closeSync, openSync } from 'node:fs';
import { must, setns } from './libc.js';

const CLONE_NEWNET = 0x40000000;

/**
 * What `body` returns when it runs in the network namespace that `ip netns` knows as `name`. `body` must not be
 * asynchronous, and nothing it calls may be left to another thread: a name that is looked up is. Throws a `SystemError`
 * when the kernel refuses.
 */
export function inNetworkNamespace<T>(name: string, body: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    const there = openSync(`/run/netns/${name}`, 'r');
    try {
      must(setns(there, CLONE_NEWNET), 'setns', name);
    } finally {
      closeSync(there);
    }
    try {
      return body();
    } finally {
      must(setns(home, CLONE_NEWNET), 'setns', 'home');
    }
  } finally {
    closeSync(home);
  }
}
