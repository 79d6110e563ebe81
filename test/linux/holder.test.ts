import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tunHolder } from '../../src/linux/holder.js';
import { openTun } from '../../src/linux/tun.js';
import { HostFixture } from './host-fixture.js';
import { describeInNamespaces, ip } from './namespace.js';

describeInNamespaces('a TUN device that is taken', () => {
  let host: HostFixture;
  beforeEach(() => {
    host = new HostFixture();
  });
  afterEach(() => host.close());

  test('cannot be made again, and the process that holds it is found', () => {
    expect(() => host.namespace.run(() => openTun('tlx0', { queues: 1 }))).toThrow('ioctl(TUNSETIFF tlx0): EBUSY');
    const holder = host.namespace.run(() => tunHolder('tlx0'));
    expect(holder?.pid).toBe(process.pid);
    expect(holder?.command).not.toContain('\0');
    expect(holder?.command.length).toBeGreaterThan(0);
  });

  test('has no holder when it is persistent, or no TUN device', () => {
    host.namespace.run(() => ip('tuntap add dev tlx1 mode tun'));
    expect(() => host.namespace.run(() => openTun('tlx1', { queues: 1 }))).toThrow('EBUSY');
    expect(() => host.namespace.run(() => openTun('tlxa', { queues: 1 }))).toThrow(/EBUSY|EINVAL/);
    expect(host.namespace.run(() => [tunHolder('tlx1'), tunHolder('tlxa'), tunHolder('tlx')])).toEqual([null, null, null]);
  });

  test('of another process is that process, by its command, and in another namespace nobody', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'tlx-holder-'));
    const victim = await host.victim(stateDir, []);
    try {
      const holder = host.namespace.run(() => tunHolder('tlx0'));
      expect(holder?.pid).toBe(victim.pid);
      expect(holder?.command).toMatch(/^\S*node .*victim\.ts .*\[\]$/);
      expect(tunHolder('tlx0')).toBeNull();
    } finally {
      victim.kill('SIGKILL');
      rmSync(stateDir, { recursive: true });
    }
  });

  test('a name that the kernel would cut short is refused', () => {
    expect(() => host.namespace.run(() => openTun('a-name-of-sixteen', { queues: 1 }))).toThrow('at most 15 octets');
  });
});
