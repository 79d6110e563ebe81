/** Which version this is, read from the package it came in. */
import { readFileSync } from 'node:fs';

/** The version of the package. Source, build and bundle all lie two folders below it. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}
