/** A process to be killed: makes tlx0, sets the plan that it is given up on its host, says so, and waits. */
import { applySteps, undoCommands } from '../../src/linux/ip-batch.js';
import { writeJournal } from '../../src/linux/leftover.js';
import { openTun } from '../../src/linux/tun.js';

const [stateDir, plan] = process.argv.slice(2);
const steps = JSON.parse(plan);
openTun('tlx0', { queues: 1 });
writeJournal(stateDir, undoCommands(steps));
applySteps(steps);
process.stdout.write('ready\n');
setInterval(() => undefined, 60_000);
