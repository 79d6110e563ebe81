/**
 * Asks a gateway for an outside port by UPnP-IGD, RFC 6081 section 5.3.3. Actions and their XML are a library's, which runs
 * in a thread of its own (`upnp-thread.ts`): it bounds neither what it reads nor how long that takes, and this process has
 * privileges.
 */
import { Worker } from 'node:worker_threads';
import { formatIpv4, isUnicast4, parseIpv4 } from '../wire/address.js';
import type { MappingGrant, MappingWish } from './gateway.js';
import { findDescription } from './upnp-search.js';
import type { UpnpAction, UpnpAnswer, UpnpErrand } from './upnp-thread.js';

/** Milliseconds for all that a gateway is asked at a time. */
const PATIENCE = 5000;
/** Megabytes of memory for the library. */
const HEAP = 32;
/** How the mapping is called in the lists of gateways, RFC 6081 section 5.3.3. */
const DESCRIPTION = 'TEREDO';

/** Makes the thread. */
export type StartThread = (errand: UpnpErrand) => Worker;

function startThread(errand: UpnpErrand): Worker {
  return new Worker(new URL('./upnp-thread.js', import.meta.url), {
    name: 'upnp',
    workerData: errand,
    resourceLimits: { maxOldGenerationSizeMb: HEAP, maxYoungGenerationSizeMb: HEAP / 4 },
  });
}

/** See {@link Gateway.map}. The outside port is that of the tunnel, and no other. */
export async function mapByUpnp(wish: MappingWish, signal: AbortSignal, start: StartThread = startThread): Promise<MappingGrant> {
  const { addr, port } = wish.local;
  const map: UpnpAction = {
    name: 'AddPortMapping',
    arguments: [
      ['NewRemoteHost', ''],
      ['NewExternalPort', port],
      ['NewProtocol', 'UDP'],
      ['NewInternalPort', port],
      ['NewInternalClient', formatIpv4(addr)],
      ['NewEnabled', 1],
      ['NewPortMappingDescription', DESCRIPTION],
      ['NewLeaseDuration', 0],
    ],
  };
  const [, answer] = await run(wish, [map, { name: 'GetExternalIPAddress', arguments: [] }], signal, start);
  const external = parseIpv4(answer.NewExternalIPAddress ?? '');
  if (external === null || !isUnicast4(external)) throw new Error('named no outside address by UPnP');
  return { by: 'upnp', external: { addr: external, port }, lifetime: Number.POSITIVE_INFINITY };
}

/** See {@link Gateway.unmap}; RFC 6081 section 5.3.5. */
export async function unmapByUpnp(
  wish: MappingWish,
  { external }: Pick<MappingGrant, 'external'>,
  signal: AbortSignal,
  start: StartThread = startThread,
): Promise<void> {
  const unmap: UpnpAction = {
    name: 'DeletePortMapping',
    arguments: [
      ['NewRemoteHost', ''],
      ['NewExternalPort', external.port],
      ['NewProtocol', 'UDP'],
    ],
  };
  await run(wish, [unmap], signal, start);
}

/** Asks for `actions` one after the other. Rejects with what the gateway said to the first that failed. */
async function run(
  wish: MappingWish,
  actions: readonly UpnpAction[],
  signal: AbortSignal,
  start: StartThread,
): Promise<UpnpAnswer['values']> {
  const location = await findDescription(wish, signal);
  const thread = start({ location, gateway: formatIpv4(wish.gateway), local: formatIpv4(wish.local.addr), actions });
  const end = (): void => void thread.terminate();
  const late = setTimeout(end, PATIENCE);
  signal.addEventListener('abort', end);
  try {
    const { values, failure } = await new Promise<UpnpAnswer>((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
      thread.once('exit', () => reject(new Error('does not answer by UPnP')));
    });
    if (failure !== null) throw new Error(`refuses by UPnP: ${failure}`);
    return values;
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', end);
    await thread.terminate();
  }
}
