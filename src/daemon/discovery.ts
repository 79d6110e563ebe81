/** What the node finds out while it runs: it is told, kept, and whoever resolves the configuration by it is called. */
import type { Config } from '../config/config.js';
import { namesIn } from '../config/names.js';
import type { Discovery as News } from '../engine/news.js';
import { type Findings, NO_FINDINGS, type NodeSpec } from '../engine/spec.js';
import type { PortMapping } from '../role/teredo-node.js';
import { tell } from './changes.js';
import { monotonicNow } from './clock.js';
import {
  isForsaken,
  isMoved,
  nameEvent,
  newsEvents,
  portMappingEvents,
  relevantTo,
  withName,
  withNews,
  withPortMapping,
} from './findings.js';
import type { Log } from './log.js';
import { PortMappings, type Wanted } from './port-mapping.js';
import { PortMappingRecord } from './port-mapping-record.js';
import { WatchedNames } from './watched-names.js';

/** Leases, routers, names and mapped ports, from the owner thread, from DNS and from gateways. */
export class Discovery {
  readonly #log: Log;
  readonly #changed: () => void;
  readonly #names: WatchedNames;
  readonly #mappings: PortMappings;
  #found: Findings = NO_FINDINGS;

  /** `changed` is called when something was found out, after it was told. What a service has left behind is in `stateDir`. */
  constructor(log: Log, stateDir: string, changed: () => void) {
    this.#log = log;
    this.#changed = changed;
    this.#names = new WatchedNames({
      changed: (name, addresses) => this.#hearName(name, addresses),
      failed: (name, reason) => log.warn('name has no answer, its last addresses stay', { name, reason }),
    });
    const record = new PortMappingRecord(stateDir, log);
    this.#mappings = new PortMappings({
      found: (tunnel, mapping) => this.#hearMapping(tunnel, mapping),
      granted: (tunnel, mapping) => record.add(tunnel, mapping),
      released: (tunnel) => record.remove(tunnel),
    });
    this.#mappings.takeBack(record.read());
  }

  /** All of it, so far. */
  get found(): Findings {
    return this.#found;
  }

  /** Asks for the names that `config` holds. */
  askFor(config: Config): void {
    this.#names.watch(namesIn(config));
  }

  /** Asks gateways to lead ports to these tunnels, and to no others. */
  askGateways(wanted: readonly Wanted[]): void {
    this.#mappings.want(wanted);
  }

  /** Asks for every name and every port anew. */
  refresh(): void {
    this.#names.refresh();
    this.#mappings.refreshAll();
  }

  /** Takes what the owner thread has found out. */
  hear(news: News): void {
    tell(this.#log, newsEvents(this.#found, news, monotonicNow()));
    if (isForsaken(this.#found, news)) this.#names.refresh();
    if (news.kind === 'learned' && isMoved(this.#found, news)) this.#mappings.refresh(news.tunnel);
    this.#found = withNews(this.#found, news);
    this.#changed();
  }

  /** The node has become `node`, by `config`: what is about neither is forgotten. */
  adopt(config: Config, node: NodeSpec): void {
    this.#found = relevantTo(this.#found, node, namesIn(config));
    this.askFor(config);
  }

  /** Asks for nothing any more. */
  stop(): void {
    this.#names.stop();
  }

  /** Gives back what gateways have granted; resolves when that is done, or has had its time. */
  async giveBack(): Promise<void> {
    await this.#mappings.stop();
  }

  #hearMapping(tunnel: string, mapping: PortMapping | null): void {
    tell(this.#log, portMappingEvents(tunnel, this.#found.portMappings.get(tunnel) ?? null, mapping));
    this.#found = withPortMapping(this.#found, tunnel, mapping);
    this.#changed();
  }

  #hearName(name: string, addresses: readonly number[]): void {
    tell(this.#log, [nameEvent(this.#found, name, addresses)]);
    this.#found = withName(this.#found, name, addresses);
    this.#changed();
  }
}
