/** A thread that says that it goes to sleep, sleeps until its bell rings, and rings the one that it was given to answer with. */
import { parentPort, workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { Arena } = await import('../../src/linux/arena.ts');
const { drain, signal } = await import('../../src/linux/eventfd.ts');
const { Poller } = await import('../../src/linux/poll.ts');

const poller = new Poller(new Arena(4096), [workerData.bell]);
parentPort.postMessage('asleep');
if (poller.wait(Number.POSITIVE_INFINITY) === 1 && poller.ready(0)) signal(workerData.answer);
drain(workerData.bell);
