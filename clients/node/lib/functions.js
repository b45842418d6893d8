'use strict';

const net = require('node:net');
const { Connection } = require('./connection.js');
const { SessionStoreError } = require('./errors.js');

// Every column is text: an application can change how the driver decodes any other type.
const SAVED = `s.outcome, s.version::text as version, extract(epoch from s.expires_at - s.server_time)::text as seconds_left`;
const LOADED = `s.data, s.version::text as version, s.user_id, extract(epoch from s.expires_at - s.server_time)::text as seconds_left`;
const ISO = (column) => `to_char(s.${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${column}`;
const DEVICE = `s.handle::text as handle, ${['created_at', 'last_used_at', 'expires_at'].map(ISO).join(', ')}, host(s.client_address) as client_address, s.user_agent, s.label`;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The stored functions, one method each. They take keys and text: ids and JSON are for the callers. */
class Functions {
  #connection;
  #schema;
  #hasWarned = false;

  constructor({ schema = 'web', errorLog = console.error, ...connection }) {
    if (typeof schema !== 'string' || schema === '') {
      throw new SessionStoreError('CONNECT_PG_ARGUMENT', 'schema is no name', 'Pass the schema that session-admin install was given.');
    }
    this.#schema = `"${schema.replaceAll('"', '""')}"`;
    this.#connection = new Connection({ ...connection, errorLog });
  }

  close() {
    return this.#connection.close();
  }

  async createSession(key, text, attributes = {}) {
    const a = checkAttributes(attributes);
    const [row] = await this.#call(
      'the session cannot be created',
      `select ${SAVED}, s.handle::text as handle from SCHEMA.create_session($1, $2, $3, $4, $5, $6, $7, $8, $9) as s`,
      [key, text, a.idleTimeout, a.absoluteTimeout, a.userId, a.clientAddress, a.userAgent, a.label, a.maxSessions],
    );
    // The absolute timeout of the store limits the first expiry as well.
    const isLimited = row.outcome === 'created' && a.idleTimeout !== null && Number(row.seconds_left) < a.idleTimeout - 1;
    if (isLimited && a.absoluteTimeout === null) this.#warnOfLimit();
    return { ...saved(row), handle: row.handle };
  }

  // Once: each session of the application has the same lifetime.
  #warnOfLimit() {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning('Sessions end before their cookies: the absolute timeout of the store is shorter than maxAge.', {
      code: 'CONNECT_PG_ABSOLUTE_TIMEOUT',
      detail: 'Pass the option absoluteTimeout, or raise the default: session-admin configure absolute_timeout_seconds=SECONDS',
    });
  }

  async loadSession(key, slide) {
    const [row] = await this.#call('the session cannot be loaded', `select ${LOADED} from SCHEMA.load_session($1, $2) as s`, [key, slide], REPEAT);
    return row === undefined
      ? null
      : { text: row.data, version: row.version, userId: row.user_id, expiresAt: inSeconds(row.seconds_left) };
  }

  /**
   * Not repeated: between two tries another request may have saved. So "same" means that another one stored equal data, and its
   * change may have been the same step, not the same one: two requests that add 1 to 1 must come to 3.
   */
  async saveSession(key, text, version, idleTimeout = null) {
    const [row] = await this.#call('the session cannot be saved', `select ${SAVED} from SCHEMA.save_session($1, $2, $3, $4) as s`, [
      key,
      text,
      version,
      wholeNumber('idleTimeout', idleTimeout),
    ]);
    return row.outcome === 'same' && version !== null ? { ...saved(row), outcome: 'conflict' } : saved(row);
  }

  async touchSession(key) {
    const [row] = await this.#call(
      'the session cannot be touched',
      `select extract(epoch from s.expires_at - statement_timestamp())::text as seconds_left from SCHEMA.touch_session($1) as s (expires_at)`,
      [key],
      REPEAT,
    );
    return row.seconds_left === null ? null : inSeconds(row.seconds_left);
  }

  async endSession(key) {
    return (await this.#value('the session cannot be ended', 'end_session($1)', [key], REPEAT)) === 'true';
  }

  async rotateSession(oldKey, newKey, graceSeconds) {
    const [row] = await this.#call(
      'the session cannot get a new id',
      `select ${SAVED} from SCHEMA.rotate_session($1, $2, $3) as s`,
      [oldKey, newKey, graceSeconds],
      REPEAT,
    );
    return saved(row);
  }

  async loginSession(oldKey, newKey, attributes) {
    const a = checkAttributes(attributes);
    const [row] = await this.#call(
      'the session cannot be given to the user',
      `select ${SAVED} from SCHEMA.login_session($1, $2, $3, $4, $5, $6, $7, $8, $9) as s`,
      [oldKey, newKey, a.userId, a.idleTimeout, a.absoluteTimeout, a.clientAddress, a.userAgent, a.label, a.maxSessions],
      REPEAT,
    );
    return saved(row);
  }

  async logoutSession(oldKey, newKey) {
    const [row] = await this.#call(
      'the session cannot be taken from the user',
      `select ${SAVED} from SCHEMA.logout_session($1, $2) as s`,
      [oldKey, newKey],
      REPEAT,
    );
    return saved(row);
  }

  async sessionInfo(key) {
    const [row] = await this.#call(
      'the session cannot be described',
      `select s.state, s.reason, s.user_id, ${ISO('absolute_expires_at')}, ${DEVICE} from SCHEMA.session_info($1) as s`,
      [key],
      REPEAT,
    );
    return {
      state: row.state,
      reason: row.reason,
      userId: row.user_id,
      absoluteExpiresAt: dateOf(row.absolute_expires_at),
      ...device(row),
    };
  }

  async userSessions(userId) {
    const rows = await this.#call(
      'the sessions of the user cannot be listed',
      `select ${DEVICE} from SCHEMA.user_sessions($1) as s`,
      [textOf('userId', userId)],
      REPEAT,
    );
    return rows.map(device);
  }

  async endUserSession(userId, handle) {
    // The handle comes from a form.
    if (typeof handle !== 'string' || !UUID.test(handle)) return false;
    const values = [textOf('userId', userId), handle];
    return (await this.#value('the session of the user cannot be ended', 'end_user_session($1, $2)', values, REPEAT)) === 'true';
  }

  /** Not repeated: the second try would also end the sessions of logins in between, and its count would be another one. */
  async endUserSessions(userId, exceptKey) {
    const values = [textOf('userId', userId), exceptKey];
    return Number(await this.#value('the sessions of the user cannot be ended', 'end_user_sessions($1, $2)', values));
  }

  async countSessions() {
    return Number(await this.#value('the sessions cannot be counted', 'count_sessions()', [], REPEAT));
  }

  async clearSessions() {
    await this.#value('the sessions cannot be cleared', 'clear_sessions()', []);
  }

  async pruneSessions(maxRows) {
    const [row] = await this.#call(
      'expired sessions cannot be deleted',
      `select s.outcome, s.deleted::text as deleted, s.rescheduled::text as rescheduled from SCHEMA.prune_sessions($1) as s`,
      [maxRows],
    );
    return { outcome: row.outcome, deleted: Number(row.deleted), rescheduled: Number(row.rescheduled) };
  }

  /** Only an administrator may call it. The page after the last one is empty. */
  async exportSessions(afterKey, maxRows) {
    const rows = await this.#call(
      'the sessions cannot be read',
      `select encode(s.key, 'hex') as key, s.data, s.user_id, extract(epoch from s.expires_at - statement_timestamp())::text as seconds_left from SCHEMA.export_sessions($1, $2) as s`,
      [afterKey, maxRows],
      REPEAT,
    );
    return rows.map((row) => ({
      key: Buffer.from(row.key, 'hex'),
      text: row.data,
      userId: row.user_id,
      expiresAt: inSeconds(row.seconds_left),
    }));
  }

  async #value(what, call, values, options) {
    const [row] = await this.#call(what, `select s.value::text as value from SCHEMA.${call} as s (value)`, values, options);
    return row.value;
  }

  #call(what, text, values, options) {
    return this.#connection.rows(what, text.replace('SCHEMA', () => this.#schema), values, options);
  }
}

// These calls have the same effect twice. See docs/sql-interface.md.
const REPEAT = { repeat: true };

function saved(row) {
  return { outcome: row.outcome, version: row.version, expiresAt: row.seconds_left === null ? null : inSeconds(row.seconds_left) };
}

// The clock of the database decides. Its distance from now is what this machine's clock can use.
function inSeconds(seconds) {
  return new Date(Date.now() + Number(seconds) * 1000);
}

function dateOf(text) {
  return text === null ? null : new Date(text);
}

function device(row) {
  return {
    handle: row.handle,
    createdAt: dateOf(row.created_at),
    lastUsedAt: dateOf(row.last_used_at),
    expiresAt: dateOf(row.expires_at),
    clientAddress: row.client_address,
    userAgent: row.user_agent,
    label: row.label,
  };
}

function textOf(name, value) {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  if (typeof value !== 'string' || value === '' || value.includes('\0') || /\p{Surrogate}/u.test(value)) {
    throw new SessionStoreError('CONNECT_PG_ARGUMENT', `${name} is no text`, 'Pass a text that is not empty, without NUL, or a whole number.');
  }
  return value;
}

// Checked here, because the server's error would repeat the value.
function checkAttributes({ userId, label, clientAddress, userAgent, idleTimeout, absoluteTimeout, maxSessions }) {
  return {
    userId: userId === undefined || userId === null ? null : textOf('userId', userId),
    // What is only shown in a list is no reason to refuse a login.
    label: shown(label),
    userAgent: shown(userAgent),
    clientAddress: typeof clientAddress === 'string' && net.isIP(clientAddress.split('%')[0]) !== 0 ? clientAddress.split('%')[0] : null,
    idleTimeout: wholeNumber('idleTimeout', idleTimeout),
    absoluteTimeout: wholeNumber('absoluteTimeout', absoluteTimeout),
    maxSessions: wholeNumber('maxSessions', maxSessions),
  };
}

function wholeNumber(name, value) {
  if (value === undefined || value === null) return null;
  if (!Number.isInteger(value) || value < 0 || value > 2147483647) {
    throw new SessionStoreError('CONNECT_PG_ARGUMENT', `${name} is out of range`, 'Pass whole seconds, or a whole number of sessions.');
  }
  return value;
}

function shown(value) {
  return typeof value === 'string' ? value.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '\ufffd') : null;
}

module.exports = { Functions };
