/** Errors of the simulator: a world that cannot be built, or one that does not come to rest. */

/** What went wrong, for programs. */
export type SimulationErrorCode = 'bad_address' | 'bad_topology' | 'no_such_name' | 'event_budget';

/** Thrown while a world is built or driven; never by anything that travels in it. */
export class SimulationError extends Error {
  readonly code: SimulationErrorCode;

  /** `message` names the value that was wrong and what was expected. */
  constructor(code: SimulationErrorCode, message: string) {
    super(message);
    this.name = 'SimulationError';
    this.code = code;
  }
}
