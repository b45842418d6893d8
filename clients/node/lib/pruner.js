'use strict';

const BATCH = 1000;
const DEFAULT_SECONDS = 900;

/** Deletes expired sessions now and then, in batches. A store begins with its first call, and ends with close(). */
class Pruner {
  #functions;
  #errorLog;
  #seconds;
  #timer;
  #closed = false;

  /** @param {false | number | undefined} seconds the mean time between two runs; false for none */
  constructor(functions, seconds, errorLog) {
    this.#functions = functions;
    this.#errorLog = errorLog;
    this.#seconds = seconds === false ? false : (seconds ?? DEFAULT_SECONDS);
  }

  /** Runs later, unless a run is planned. Processes that were started at the same time do not run at the same time. */
  plan() {
    if (this.#seconds === false || this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.prune()
          .catch((error) => this.#errorLog(error))
          .finally(() => this.plan());
      },
      Math.min(this.#seconds * (500 + 1000 * Math.random()), 2 ** 31 - 1),
    );
    // A process ends although a run is planned.
    this.#timer.unref();
  }

  /** Deletes all that is due, unless another process does that. Returns the number of deleted rows. */
  async prune() {
    let deleted = 0;
    while (!this.#closed) {
      const batch = await this.#functions.pruneSessions(BATCH);
      deleted += batch.deleted;
      if (batch.outcome === 'busy' || batch.deleted + batch.rescheduled < BATCH) break;
    }
    return deleted;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

module.exports = { Pruner };
