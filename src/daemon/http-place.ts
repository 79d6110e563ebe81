/** Where the page is served: as the configuration has it, or nowhere. */
import type { HttpConfig } from '../config/config.js';
import type { HttpService } from './http.js';
import type { Log } from './log.js';
import type { ServiceView } from './status.js';

/** One place at a time. */
export class HttpPlace {
  readonly #view: ServiceView;
  readonly #log: Log;
  #at: HttpConfig | null = null;
  #service: HttpService | null = null;

  constructor(view: ServiceView, log: Log) {
    this.#view = view;
    this.#log = log;
  }

  /** The port in use; null: none. */
  get port(): number | null {
    return this.#service?.port ?? null;
  }

  /** Serves at `to` from now on, and nowhere else. A Failure says why it cannot: the page then stays where it is. */
  async move(to: HttpConfig | null): Promise<void> {
    const [from, before] = [this.#at, this.#service];
    if (JSON.stringify(to) === JSON.stringify(from)) return;
    // One port on one address and on all of them cannot be had together.
    const inTheWay = from !== null && from.listen.port === to?.listen.port;
    if (inTheWay) before?.close();
    try {
      this.#service = await this.#listen(to);
    } catch (thrown) {
      if (inTheWay) this.#service = await this.#listen(from);
      throw thrown;
    }
    this.#at = to;
    if (!inTheWay) before?.close();
  }

  /** Ends it, at once. */
  close(): void {
    this.#service?.close();
  }

  async #listen(at: HttpConfig | null): Promise<HttpService | null> {
    if (at === null) return null;
    // Loaded here and not before: a service without a page starts without it.
    const { serveHttp } = await import('./http.js');
    return serveHttp(this.#view, at.listen, this.#log);
  }
}
