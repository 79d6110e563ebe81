/**
 * What of the service is to stay when it ends: the fast path, and the TUN devices that its tunnels need (`fastpath.persist`).
 *
 *   take     what the service before this one has kept is gone on with, or removed      before anything is set up
 *   note     what is kept from now on is on disk, and then kept                          whenever the node has changed
 */
import type { FastpathConfig } from '../config/config.js';
import { sameSpec } from '../engine/spec.js';
import { tunHolder } from '../linux/holder.js';
import { deleteDevices, type Kept, readKept, writeKept } from '../linux/kept.js';
import { ifNameToIndex } from '../linux/libc.js';
import { pinFolder, removePins } from '../xdp/pins.js';
import type { Configuration } from './configuration.js';
import { Exit, Failure, reasonOf } from './failure.js';
import type { Log } from './log.js';

/** See the head of the file. */
export class KeptPlace {
  /** Where the fast path of this node is pinned when it is to stay. */
  readonly folder: string;
  /** What this service goes on with. */
  readonly before: Kept;
  readonly #stateDir: string;
  /** What is on disk; null: nothing. */
  #noted: Kept | null;

  /** Takes over what `configuration` has a use for, and removes the rest. Throws a Failure when it cannot. */
  static take({ config, facts, node }: Configuration, log: Log): KeptPlace {
    const folder = pinFolder(config.node.name ?? facts.hostName);
    const kept = readKept(config.node.state);
    const before = kept ?? { pins: folder, devices: [], steps: [], slots: {} };
    const wanted = asksToStay(config.fastpath) ? node.tunnels.flatMap(({ interface: device }) => device ?? []) : [];
    // A device of the name that somebody else has open by now is somebody else's.
    const present = before.devices.filter((device) => ifNameToIndex(device) !== 0 && tunHolder(device) === null);
    const devices = present.filter((device) => wanted.includes(device));
    const dropped = present.filter((device) => !wanted.includes(device));
    try {
      const arePinsRemoved = !asksToStay(config.fastpath) && removePins(before.pins);
      deleteDevices(dropped);
      if (arePinsRemoved || dropped.length > 0)
        log.info('what was kept is removed', { interfaces: dropped, ...(arePinsRemoved && { pins: before.pins }) });
      if (!asksToStay(config.fastpath)) writeKept(config.node.state, null);
    } catch (cause) {
      throw new Failure(Exit.failed, `cannot remove what a service before this one has kept: ${reasonOf(cause)}`, { cause });
    }
    if (devices.length > 0) log.info('what was kept is taken over', { interfaces: devices, pins: before.pins });
    const steps = before.steps.filter(({ interface: device }) => device !== null && devices.includes(device));
    const noted = asksToStay(config.fastpath) ? kept : null;
    return new KeptPlace(config.node.state, folder, { ...before, devices, steps }, noted);
  }

  private constructor(stateDir: string, folder: string, before: Kept, noted: Kept | null) {
    this.#stateDir = stateDir;
    this.folder = folder;
    this.before = before;
    this.#noted = noted;
  }

  /** Has on disk what is kept from now on; null: nothing is. Throws what the file system says. */
  note(kept: Kept | null): void {
    if (sameSpec(kept, this.#noted)) return;
    writeKept(this.#stateDir, kept);
    this.#noted = kept;
  }
}

/** Whether a fast path is asked for, and is to stay. */
export function asksToStay({ mode, interfaces, persist }: FastpathConfig): boolean {
  return persist && mode !== 'off' && interfaces.length > 0;
}
