/** `npm start`: sets up, then shows the demonstration internet. Arguments go to `tsunagi lab demo`. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';

await setUp('start');
const demo = spawn(process.execPath, [join(root, 'bin', 'tsunagi.js'), 'lab', 'demo', ...process.argv.slice(2)], { stdio: 'inherit' });
// Ctrl-C reaches the demonstration by itself, in the same foreground group; a signal to npm alone must be passed on.
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => demo.kill(signal));
process.on('SIGINT', () => {});
demo.on('exit', (code) => process.exit(code ?? 1));
