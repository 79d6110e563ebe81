#!/usr/bin/env node
// The executable. What it runs is the bundle that the build makes of src/cli/main.ts.
import { main } from '../dist/bundle/main.js';

process.exitCode = await main(process.argv.slice(2));
