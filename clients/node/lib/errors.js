'use strict';

const START = 'Is the server up, and are host and port right? Ask it: pg_isready';
const INSTALL = 'Install the store in this database: session-admin install';

// What to do, by SQLSTATE. The first two characters stand for their class.
const HINTS = {
  '08': START,
  '22004': 'Correct the caller.',
  '22023': 'Correct the caller.',
  25000: 'Use a connection of its own for sessions, at read committed.',
  25006: 'Connect to the primary: the server is a standby, or became one.',
  28000: 'Give the role a password and use it: session-admin rotate-password --output FILE',
  '28P01': 'Give the role a password and use it: session-admin rotate-password --output FILE',
  '3D000': 'Name a database that exists.',
  '3F000': INSTALL,
  40001: 'Repeat the transaction.',
  '40P01': 'Repeat the transaction.',
  42501: 'Connect as the runtime role, or install again: session-admin install',
  42883: INSTALL,
  54000: 'Store less in the session, or raise the limit: session-admin configure max_data_bytes=BYTES',
  55000: INSTALL,
  '55P03': 'Another transaction holds the session. Try again later.',
  57: START,
  53: 'The server has no room for this connection. Use fewer, or raise max_connections.',
};

const UNAVAILABLE = new Set(['08', '53', '57']);

/** An error of the store. Neither its text nor its properties contain an id, a key, session data or a password. */
class SessionStoreError extends Error {
  /**
   * @param {string} code one of the codes in README.md
   * @param {string} text what failed
   * @param {string} hint what to do
   * @param {{ sqlstate?: string, cause?: unknown }} [more]
   */
  constructor(code, text, hint, { sqlstate, cause } = {}) {
    super(`${text}. ${hint}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
    if (sqlstate !== undefined) this.sqlstate = sqlstate;
  }
}
// On the prototype, as the names of built-in errors are.
Object.defineProperty(SessionStoreError.prototype, 'name', { value: 'SessionStoreError', configurable: true, writable: true });

/** Returns the SQLSTATE of an error of the driver, or undefined if the error is not the server's. */
function sqlstateOf(error) {
  return typeof error?.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) && error.severity !== undefined
    ? error.code
    : undefined;
}

/** Returns the store's error for one of the driver, with what failed. */
function fromDriver(what, error) {
  if (error instanceof SessionStoreError) return error;
  const sqlstate = sqlstateOf(error);
  if (sqlstate === undefined) {
    // Never under the driver's own code: frameworks take ENOENT, which a missing unix socket gives, for "no such session".
    const reason = typeof error?.code === 'string' ? error.code : error?.message;
    return new SessionStoreError('CONNECT_PG_UNAVAILABLE', `${what}: no answer of the database (${reason})`, START, { cause: withoutProperties(error) });
  }
  const sqlclass = sqlstate.slice(0, 2);
  const code = UNAVAILABLE.has(sqlclass) ? 'CONNECT_PG_UNAVAILABLE' : 'CONNECT_PG_DATABASE';
  // Other messages of class 22 repeat the value that they refuse. The server's error is no cause, for the same reason.
  const says = sqlclass !== '22' || sqlstate === '22023' || sqlstate === '22004' ? `${error.message} ` : '';
  // The functions name the command for each argument that they refuse.
  const hint = (sqlclass === '22' && says !== '' && error.hint) || HINTS[sqlstate] || HINTS[sqlclass] || 'See the log of the server.';
  return new SessionStoreError(code, `${what}: ${says}(SQLSTATE ${sqlstate})`, hint, { sqlstate });
}

/** The driver's errors of an idle connection have the connection as a property, and that has the password. */
function withoutProperties(error) {
  const copy = new Error(error?.message);
  copy.stack = error?.stack;
  if (typeof error?.code === 'string') copy.code = error.code;
  return copy;
}

module.exports = { SessionStoreError, fromDriver, sqlstateOf };
