/** Labs that run, found by what people call them. */
import { Exit, Failure } from '../daemon/failure.js';
import { TOPOLOGIES } from '../topology/topologies.js';
import type { Topology } from '../topology/topology.js';
import { isRunning } from './process.js';
import { titleOf } from './program.js';
import { isHeld, type LabRecord, readRecords } from './record.js';

/** The shipped topology called `name`. A Failure lists those there are. */
export function topologyNamed(name: string): Topology {
  const topology = TOPOLOGIES.find((candidate) => candidate.name === name);
  if (topology !== undefined) return topology;
  throw new Failure(Exit.usage, `there is no network "${name}": expected one of ${TOPOLOGIES.map((each) => each.name).join(', ')}`);
}

/** The running lab with the id `name`, or the only one of the topology `name`. A Failure says why there is none, or which to choose from. */
export function labNamed(run: string, name: string): LabRecord {
  const held = readRecords(run).filter(isHeld);
  const found = held.filter(({ id, topology }) => id === name || topology === name);
  if (found.length === 1) return found[0];
  if (found.length > 1) {
    throw new Failure(Exit.usage, `${found.length} labs of "${name}" run: name one by its id`, { details: found.map(describeLab) });
  }
  const remedy = TOPOLOGIES.some((topology) => topology.name === name) ? `; "tsunagi lab up ${name}" starts one` : '';
  throw new Failure(Exit.failed, `no lab "${name}" runs${remedy}`, { details: held.map(describeLab) });
}

/** `k3f9  6to4, demo, pid 4711`, and which of its programs have died. */
export function describeLab({ id, topology, purpose, state, keeper, programs }: LabRecord): string {
  const dead = programs.filter(({ process }) => !isRunning(process)).map(titleOf);
  const words = [topology, purpose, ...(state === 'up' ? [] : [state]), `pid ${keeper.pid}`, ...dead.map((title) => `${title} died`)];
  return `${id}  ${words.join(', ')}`;
}

/** What `lab list --json` prints; keys are stable. */
export function directoryData(run: string): object {
  return {
    networks: TOPOLOGIES.map(({ name, title, nodes, links, paths }) => ({
      name,
      title,
      nodes: nodes.map((node) => node.name),
      links: links.map((link) => link.name),
      paths: paths.length,
    })),
    labs: readRecords(run)
      .filter(isHeld)
      .map(({ id, topology, purpose, state, keeper, created, namespaces, programs, captures }) => ({
        id,
        network: topology,
        purpose,
        state,
        pid: keeper.pid,
        created: new Date(created).toISOString(),
        namespaces,
        programs: programs.map(({ kind, place, process }) => ({ kind, node: place, pid: process.pid, running: isRunning(process) })),
        captures,
      })),
  };
}
