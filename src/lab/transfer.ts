/** What a visitor of the lab's web server finds: what the server says of it, and whether octets arrive whole both ways. */
import { content, digestOf } from './content.js';
import type { Visitor } from './visitor.js';

/** Octets of a transfer. */
export const TRANSFER_OCTETS = 1 << 20;
/** Milliseconds for one request. */
const PATIENCE = 15_000;

/** One direction. */
export interface Transfer {
  readonly octets: number;
  readonly seconds: number;
  /** Whether what came is what was sent, by number and digest. */
  readonly isWhole: boolean;
}

/** What a visit found; printed by `lab visit`. */
export interface Visit {
  readonly visitor: Visitor;
  /** Title and languages of the page. */
  readonly page: { readonly language: string; readonly text: string };
  readonly download: Transfer;
  readonly upload: Transfer;
}

/** Visits the server at an IPv6 address and port. Throws what went wrong. */
export async function visit(address: string, port: number): Promise<Visit> {
  const origin = `http://[${address}]:${port}`;
  const page = await request(`${origin}/`, { headers: { 'Accept-Language': 'ja' } });
  const visitor = (await (await request(`${origin}/json`)).json()) as Visitor;
  return {
    visitor,
    page: { language: page.headers.get('content-language') ?? '', text: await page.text() },
    download: await download(origin),
    upload: await upload(origin),
  };
}

async function download(origin: string): Promise<Transfer> {
  const began = performance.now();
  const response = await request(`${origin}/download?octets=${TRANSFER_OCTETS}`);
  const b = new Uint8Array(await response.arrayBuffer());
  const seconds = (performance.now() - began) / 1000;
  const announced = response.headers.get('repr-digest');
  const expected = digestOf(content(TRANSFER_OCTETS));
  return { octets: b.length, seconds, isWhole: announced === `sha-256=:${expected}:` && digestOf(b) === expected };
}

async function upload(origin: string): Promise<Transfer> {
  const body = content(TRANSFER_OCTETS);
  const began = performance.now();
  const response = await request(`${origin}/upload`, { method: 'POST', body });
  const { octets, sha256 } = (await response.json()) as { octets: number; sha256: string };
  const seconds = (performance.now() - began) / 1000;
  return { octets, seconds, isWhole: octets === body.length && sha256 === digestOf(body) };
}

async function request(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(PATIENCE) });
  if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${url}: ${response.status} ${response.statusText}`);
  return response;
}
