import { afterEach, expect, test } from 'vitest';
import { Drop } from '../../src/core/drop.js';
import { HEADROOM } from '../../src/core/frame.js';
import { Arena } from '../../src/linux/arena.js';
import { LanPort, openLan } from '../../src/linux/lan.js';
import { close } from '../../src/linux/libc.js';
import { Poller } from '../../src/linux/poll.js';
import { parseIpv6 } from '../../src/wire/address.js';
import { Tap } from './far-end.js';
import { Cable, describeInNamespaces, ip } from './namespace.js';

const ETH_P_IPV6 = 0x86dd;
const ETHERNET_LEN = 14;
describeInNamespaces('a LAN', () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0)) step();
  });

  function lan(): { cable: Cable; port: LanPort; arena: Arena } {
    const cable = new Cable('192.0.2.1/24', '192.0.2.2/24');
    const fd = cable.a.run(() => openLan('tlxa'));
    undo.push(
      () => close(fd),
      () => cable.close(),
    );
    const arena = new Arena(1 << 20);
    return { cable, arena, port: new LanPort(arena, fd, 8, HEADROOM + 2048) };
  }

  /** An IPv6 header alone, to `to`. */
  function load(port: LanPort, i: number, to: string): void {
    const frame = port.batch[i];
    frame.clear();
    frame.end = frame.off + 40;
    frame.b.fill(0, frame.off, frame.end);
    frame.b[frame.off] = 0x60;
    frame.b[frame.off + 6] = 59;
    frame.b.set(parseIpv6(to) ?? [], frame.off + 24);
  }

  test('RFC 2464 section 7: a multicast destination goes to 33:33 and its last four octets', () => {
    const { cable, port, arena } = lan();
    const tap = cable.b.run(() => new Tap('tlxb', ETH_P_IPV6));
    undo.push(() => tap.close());
    load(port, 0, 'ff02::1');
    load(port, 1, 'ff02::1:ff28:9c5a');
    expect(port.send(port.batch, 2)).toBe(2);
    new Poller(arena, [tap.fd]).wait(1000);
    const mac = cable.a.run(() => /link\/ether (\S+)/.exec(ip('-o link show dev tlxa'))?.[1]);
    expect(tap.take().map((frame) => Buffer.from(frame.subarray(0, ETHERNET_LEN)).toString('hex'))).toEqual(
      ['333300000001', '3333ff289c5a'].map((to) => `${to}${mac?.replaceAll(':', '')}86dd`),
    );
  });

  test('an interface that is deleted refuses frames with tunnel_down', () => {
    const { cable, port } = lan();
    cable.a.run(() => ip('link delete dev tlxa'));
    load(port, 0, 'ff02::1');
    expect([port.receive(), port.receive(), port.send(port.batch, 1), port.batch[0].fate]).toEqual([0, 0, 1, Drop.tunnel_down]);
  });

  test('an interface that does not exist is named', () => {
    expect(() => openLan('nowhere0')).toThrow('if_nametoindex(nowhere0): ENODEV');
  });

  test('solicitations are heard although the host itself listens to no group', () => {
    const { cable } = lan();
    expect(cable.a.run(() => ip('maddress show dev tlxa'))).toContain('33:33:00:00:00:02');
  });
});
