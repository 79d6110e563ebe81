/** Teredo addresses as a client looks at them: whose they are, and whether anything may go there. RFC 4380 sections 4 and 5.2.4. */
import { Drop } from '../core/drop.js';
import { Endpoint } from '../core/endpoint.js';
import { Teredo, teredoServer } from '../mapping/teredo.js';
import type { EndpointPolicy } from '../policy/special-addresses.js';

/** See the head of the file. */
export class TeredoAddresses {
  /** What {@link read} has read. */
  readonly embedded = new Endpoint();
  readonly #endpoints: EndpointPolicy;
  readonly #mapping: Teredo;
  readonly #server = new Endpoint();

  /** `prefix`: the first four octets of every Teredo address, as a number. */
  constructor(prefix: number, endpoints: EndpointPolicy) {
    this.#mapping = new Teredo(0, 0, prefix);
    this.#endpoints = endpoints;
  }

  /** Whether the address at `b[off..)` is a Teredo one. */
  has(b: Uint8Array, off: number): boolean {
    return this.#mapping.has(b, off);
  }

  /** Reads the endpoint that the Teredo address at `b[off..)` carries into `embedded`. */
  read(b: Uint8Array, off: number): void {
    this.#mapping.endpointOf(b, off, this.embedded);
  }

  /** Whether that endpoint is `ep`. */
  carries(b: Uint8Array, off: number, { bits, port }: Endpoint): boolean {
    this.read(b, off);
    return this.embedded.bits === bits && this.embedded.port === port;
  }

  /** Why no packet and no bubble may go to the Teredo address at `b[off..)`; `Drop.none` if it may. */
  refusal(b: Uint8Array, off: number): number {
    this.read(b, off);
    this.#server.addr = teredoServer(b, off);
    const isSpecial = this.embedded.port === 0 || this.#endpoints.refuses(this.embedded) || this.#endpoints.refuses(this.#server);
    return isSpecial ? Drop.special_ipv4 : Drop.none;
  }
}
