'use strict';

const crypto = require('node:crypto');
const { SessionStoreError, fromDriver, sqlstateOf } = require('./errors.js');

// A call that waits longer than this has not met a connection that was closed while it was idle.
const AT_ONCE_MS = 1000;

// Of a pool that the store makes. No call waits without a bound.
const POOL_DEFAULTS = { max: 8, connectionTimeoutMillis: 10_000, query_timeout: 30_000, keepAlive: true, application_name: 'connect-pg-store' };

/** The way to the database: a pool of the application, a function of the application, or a pool of the store's own. */
class Connection {
  #pool;
  #query;
  #ownsPool = false;
  #onPoolError;
  #names = new Map();
  #named;

  /** @param {object} options pool, connection or query; preparedStatements; errorLog */
  constructor({ pool, connection, query, preparedStatements = false, errorLog }) {
    if ([pool, connection, query].filter((given) => given !== undefined).length > 1) {
      throw new SessionStoreError('CONNECT_PG_ARGUMENT', 'more than one of pool, connection and query was given', 'Pass one.');
    }
    if (pool !== undefined && typeof pool?.connect !== 'function') {
      throw new SessionStoreError('CONNECT_PG_ARGUMENT', 'pool is no pool', 'Pass a Pool of the module pg.');
    }
    if (query !== undefined && typeof query !== 'function') {
      throw new SessionStoreError('CONNECT_PG_ARGUMENT', 'query is no function', 'Pass a function (text, values) that returns a promise of rows.');
    }
    this.#named = preparedStatements;
    this.#query = query;
    if (query !== undefined) return;
    if (pool === undefined) {
      const settings = typeof connection === 'string' ? { connectionString: connection } : connection;
      pool = new (require('pg').Pool)({ ...POOL_DEFAULTS, ...settings });
      this.#ownsPool = true;
    }
    this.#pool = pool;
    // Without a listener, an idle connection that the server closes ends the process.
    this.#onPoolError = (error) => {
      if (this.#ownsPool || pool.listenerCount('error') === 1) errorLog(fromDriver('an idle connection was lost', error));
    };
    pool.on?.('error', this.#onPoolError);
  }

  /**
   * Runs one statement and returns its rows. `what` says in an error what failed. With `repeat`, the statement runs once more if
   * its connection turns out to be closed: for calls that have the same effect twice.
   */
  async rows(what, text, values, { repeat = false } = {}) {
    try {
      if (this.#query !== undefined) {
        const result = await this.#query(text, values);
        return Array.isArray(result) ? result : result.rows;
      }
      const began = performance.now();
      const progress = { sent: false };
      try {
        return await this.#once(text, values, progress);
      } catch (error) {
        if (!repeat || !progress.sent || !isLost(error) || performance.now() - began > AT_ONCE_MS) throw error;
        return await this.#once(text, values, progress);
      }
    } catch (error) {
      throw fromDriver(what, error);
    }
  }

  async #once(text, values, progress) {
    const client = await this.#pool.connect();
    progress.sent = true;
    let failure;
    // The pool takes its listener off a connection that is in use.
    const onError = (error) => (failure ??= error);
    client.on('error', onError);
    try {
      const { rows } = await client.query(this.#named ? { name: this.#name(text), text, values } : { text, values });
      return rows;
    } catch (error) {
      failure ??= error;
      throw error;
    } finally {
      client.removeListener('error', onError);
      // The pool closes a connection that is released with an error: it may be lost, or lead to a standby.
      client.release(failure);
    }
  }

  // The name contains a digest of the text: behind a pooler, no other program has another statement under this name.
  #name(text) {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `connect_pg_${crypto.createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
      this.#names.set(text, name);
    }
    return name;
  }

  async close() {
    if (this.#pool === undefined) return;
    if (this.#ownsPool) {
      this.#ownsPool = false;
      await this.#pool.end();
    } else {
      this.#pool.removeListener?.('error', this.#onPoolError);
    }
  }
}

// Without a SQLSTATE the driver reports the connection, not the server the statement.
function isLost(error) {
  const sqlstate = sqlstateOf(error);
  return sqlstate === undefined || sqlstate.startsWith('08') || sqlstate === '57P01' || sqlstate === '57P02';
}

module.exports = { Connection };
