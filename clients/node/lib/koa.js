'use strict';

const { EventEmitter } = require('node:events');
const { ID_ATTEMPTS, conflict, hasJustSlid, idsInUse, limitReached, open, updateStored } = require('./common.js');
const { SessionStoreError } = require('./errors.js');
const { generateId, isId, keyOf } = require('./id.js');
const { decode, encode } = require('./json.js');

// What koa-session takes for its maxAge if it is not set.
const KOA_MAX_AGE_MS = 86_400_000;

/** A store for koa-session and for koa-generic-session. */
class KoaStore extends EventEmitter {
  #store;
  // What is stored: by the object that get returned (koa-generic-session saves that one), and by the context of the request
  // (koa-session makes another object).
  #stored = new WeakMap();
  // The ids that a change of id has replaced, by context: their destroy is done.
  #replaced = new WeakMap();

  /** @param {object} [options] see README.md */
  constructor(options = {}) {
    super();
    this.#store = open(options);
  }

  // ── The interface of koa-session and koa-generic-session ──────────────────────────────────────────

  /** Slides the expiry only with `rolling`, as both middlewares have it. */
  async get(id, maxAge, { rolling = false, ctx } = {}) {
    this.#store.pruner.plan();
    if (!isId(id)) return null;
    const key = keyOf(id);
    const loaded = await this.#store.functions.loadSession(key, rolling === true);
    if (loaded === null) return null;
    try {
      return this.#inflate(key, loaded, ctx, rolling === true);
    } catch (error) {
      // The visitor gets a new session, and not an error with every request. The row stays for inspection.
      this.#store.errorLog(error);
      return null;
    }
  }

  async set(id, data, maxAge, { ctx } = {}) {
    this.#store.pruner.plan();
    const key = keyOf(id);
    const text = textOf(data);
    const seconds = secondsOf(maxAge, this.#store.ttl);
    if (seconds !== null && seconds <= 0) {
      await this.#store.functions.endSession(key);
      return 'ended';
    }
    const remember = (version) => this.#remember(ctx, data, { key, version, text, seconds, loadedAt: performance.now() });
    const stored = this.#storedUnder(key, ctx, data);
    if (stored === undefined) {
      const { outcome, version } = await this.#store.functions.createSession(key, text, {
        idleTimeout: seconds,
        absoluteTimeout: this.#store.absoluteTimeout,
      });
      if (outcome === 'created') {
        remember(version);
        return outcome;
      }
      // It was stored before. If it has ended since, the next call says so.
    } else if (stored.text === text && stored.seconds === seconds) {
      // Another request may have changed it: what was not changed here is not written back.
      return this.#touch(stored, data);
    }
    const { outcome, version } = await this.#store.functions.saveSession(key, text, (this.#store.rejectsConflicts && stored?.version) || null, seconds);
    if (outcome === 'gone') return this.#gone(data);
    if (outcome === 'conflict') throw conflict();
    remember(version);
    return outcome;
  }

  async destroy(id, { ctx } = {}) {
    this.#store.pruner.plan();
    if (!isId(id) || (ctx !== undefined && this.#replaced.get(ctx) === id)) return;
    await this.#store.functions.endSession(keyOf(id));
  }

  // ── Beside the interface ──────────────────────────────────────────────────────────────────────────

  /** Gives the session of the request to a user, under a new id, with its data: the login. */
  async loginSession(ctx, userId, attributes = {}) {
    const given = { clientAddress: ctx.ip, userAgent: ctx.get?.('user-agent'), ...attributes, userId };
    return this.#changeId(ctx, (oldKey, newKey) => this.#store.functions.loginSession(oldKey, newKey, given), given);
  }

  /** Takes the session of the request from its user, under a new id, with its data. To end it: ctx.session = null. */
  async logoutSession(ctx) {
    return this.#changeId(ctx, (oldKey, newKey) => this.#store.functions.logoutSession(oldKey, newKey));
  }

  /** Gives the session of the request a new id and keeps everything else. */
  async rotateSession(ctx, { graceSeconds = 0 } = {}) {
    return this.#changeId(ctx, (oldKey, newKey) => this.#store.functions.rotateSession(oldKey, newKey, graceSeconds));
  }

  /**
   * Changes the data of the session of the request, and loses no change of other requests: `change` gets what is stored, and is called
   * again if another request saves in between.
   */
  async updateSession(ctx, change) {
    const session = await ctx.session;
    const id = idOf(ctx, session);
    const key = keyOf(id);
    if (this.#storedUnder(key, ctx, session) === undefined) {
      await this.set(id, { ...dataOf(session), ...metadataOf(ctx) }, maxAgeOf(ctx, session), { ctx });
    }
    const updated = await updateStored(this.#store.functions, key, false, async ({ text }) => {
      const data = dataOf(decode(text));
      await change(data);
      return { data, text: textOf({ ...data, ...metadataOf(ctx) }), seconds: secondsOf(maxAgeOf(ctx, session), this.#store.ttl) };
    });
    if (updated === null) return this.#gone(session);
    const { data, ...stored } = updated;
    for (const name of Object.keys(dataOf(session))) delete session[name];
    Object.assign(session, data);
    this.#remember(ctx, session, { key, ...stored, loadedAt: performance.now() });
    return 'saved';
  }

  /** Returns what is known about the session of the request, except its data. */
  async sessionInfo(ctx) {
    return this.#store.functions.sessionInfo(keyOf(idOf(ctx, await ctx.session)));
  }

  /** Returns the live sessions of a user, without ids: for a page of devices. */
  async userSessions(userId) {
    return this.#store.functions.userSessions(userId);
  }

  /** Ends one session of a user by its handle. Returns false if the user has no live session with that handle. */
  async endUserSession(userId, handle) {
    return this.#store.functions.endUserSession(userId, handle);
  }

  /** Ends the sessions of a user, except that of a request. Returns their number. */
  async endUserSessions(userId, { except } = {}) {
    return this.#store.functions.endUserSessions(userId, except === undefined ? null : keyOf(idOf(except, await except.session)));
  }

  /** Returns the number of live sessions. Reads the whole table. */
  async length() {
    return this.#store.functions.countSessions();
  }

  /** Removes every session. */
  async clear() {
    await this.#store.functions.clearSessions();
  }

  /** Deletes expired sessions now. Returns the number of deleted rows. */
  async pruneSessions() {
    return this.#store.pruner.prune();
  }

  /** Stops pruning, and closes the connections unless the pool was given. */
  async close() {
    this.#store.pruner.close();
    await this.#store.functions.close();
  }

  // ── Inside ────────────────────────────────────────────────────────────────────────────────────────

  #inflate(key, { text, version, expiresAt }, ctx, hasSlid) {
    const data = decode(text);
    // null, a number or a text cannot have been stored by this class, and no session of Koa can be made of it.
    if (typeof data !== 'object' || data === null) return null;
    let seconds = this.#store.ttl ?? null;
    if (typeof data._maxAge === 'number') {
      // koa-session looks at this before it takes the session. The row knows: its expiry may have slid since the data was saved.
      data._expire = expiresAt.getTime();
      seconds = secondsOf(data._maxAge + STORED_LONGER_MS, this.#store.ttl);
    } else if (typeof data.cookie?.maxAge === 'number') {
      seconds = secondsOf(data.cookie.maxAge, this.#store.ttl);
    }
    this.#remember(ctx, data, { key, version, text: textOf(data), seconds, loadedAt: hasSlid ? performance.now() : -Infinity });
    return data;
  }

  async #touch(stored, data) {
    if (hasJustSlid(stored)) return 'same';
    return (await this.#store.functions.touchSession(stored.key)) === null ? this.#gone(data) : 'same';
  }

  #remember(ctx, data, stored) {
    for (const holder of [data, ctx]) if (holder) this.#stored.set(holder, stored);
  }

  #storedUnder(key, ctx, data) {
    for (const holder of [data, ctx]) {
      const stored = typeof holder === 'object' && holder !== null ? this.#stored.get(holder) : undefined;
      if (stored?.key.equals(key)) return stored;
    }
    return undefined;
  }

  // A request that was under way when its session ended. Its response was right when it began, so this is no error.
  #gone(data) {
    this.emit('gone', data);
    return 'gone';
  }

  // The database first: if it refuses, the request still has the session that it came with.
  async #changeId(ctx, change, created) {
    const session = await ctx.session;
    const oldId = idOf(ctx, session);
    const stored = this.#storedUnder(keyOf(oldId), ctx, session);
    for (let attempt = 1; attempt <= ID_ATTEMPTS; attempt += 1) {
      const newId = newIdOf(ctx);
      const key = keyOf(newId);
      const result = stored === undefined ? { outcome: 'gone' } : await change(stored.key, key);
      if (result.outcome === 'rotated') {
        this.#remember(ctx, session, { ...stored, key, version: result.version });
        await this.#adopt(ctx, oldId, newId);
        return result.outcome;
      }
      if (result.outcome === 'limit_reached') throw limitReached();
      if (result.outcome !== 'gone') continue;
      // The data of a session that has ended meanwhile is not carried over.
      if (stored !== undefined) for (const name of Object.keys(dataOf(session))) if (name !== 'cookie') delete session[name];
      if (created === undefined) return this.#gone(session);
      const seconds = secondsOf(maxAgeOf(ctx, session), this.#store.ttl);
      const text = textOf({ ...dataOf(session), ...metadataOf(ctx) });
      const { outcome, version } = await this.#store.functions.createSession(key, text, {
        idleTimeout: seconds,
        absoluteTimeout: this.#store.absoluteTimeout,
        ...created,
      });
      if (outcome === 'limit_reached') throw limitReached();
      if (outcome !== 'created') continue;
      this.#remember(ctx, session, { key, version, text, seconds, loadedAt: performance.now() });
      await this.#adopt(ctx, oldId, newId);
      return outcome;
    }
    throw idsInUse();
  }

  /** Makes the middleware go on with the new id. */
  async #adopt(ctx, oldId, newId) {
    if (isGeneric(ctx)) {
      ctx.sessionId = newId.slice(prefixOf(ctx).length);
      // Otherwise a session that was not changed keeps the old cookie.
      ctx.sessionSave = true;
      return;
    }
    this.#replaced.set(ctx, oldId);
    const { genid } = ctx.sessionOptions;
    // The options are a copy for this request.
    ctx.sessionOptions.genid = () => newId;
    try {
      await ctx.session.regenerate();
    } finally {
      ctx.sessionOptions.genid = genid;
    }
  }
}

// koa-session stores a session for longer than its cookie, by this.
const STORED_LONGER_MS = 10_000;

const isGeneric = (ctx) => typeof ctx.regenerateSession === 'function';

const prefixOf = (ctx) => ctx.sessionStore.options.prefix;

function idOf(ctx, session) {
  return isGeneric(ctx) ? prefixOf(ctx) + ctx.sessionId : session?.externalKey;
}

function newIdOf(ctx) {
  return isGeneric(ctx) ? prefixOf(ctx) + generateId() : ctx.sessionOptions.genid(ctx);
}

/** Returns the data of a session without what koa-session adds. */
function dataOf(session) {
  const data = {};
  for (const [name, value] of Object.entries(session ?? {})) {
    if (name !== 'isNew' && !name.startsWith('_') && typeof value !== 'function') data[name] = value;
  }
  return data;
}

/** Returns what koa-session adds to the data that it stores. */
function metadataOf(ctx) {
  if (isGeneric(ctx)) return {};
  const maxAge = ctx.sessionOptions.maxAge || KOA_MAX_AGE_MS;
  return maxAge === 'session' ? { _session: true } : { _maxAge: maxAge };
}

function maxAgeOf(ctx, session) {
  if (isGeneric(ctx)) return session.cookie?.maxAge;
  const maxAge = ctx.sessionOptions.maxAge || KOA_MAX_AGE_MS;
  return maxAge === 'session' ? maxAge : maxAge + STORED_LONGER_MS;
}

/** Returns the text to store. The expiry is not in it: the row has it, and a save that only moves the expiry writes no data. */
function textOf(data) {
  return encode(data, function withoutExpiry(name, value) {
    return this === data && name === '_expire' ? undefined : value;
  });
}

/** Returns the idle timeout for a maxAge in milliseconds; `ttl`, or null for the store's default, if there is none. */
function secondsOf(maxAge, ttl) {
  if (maxAge === undefined || maxAge === null || maxAge === false || maxAge === 'session') return ttl ?? null;
  if (typeof maxAge !== 'number' || !Number.isFinite(maxAge)) {
    throw new SessionStoreError('CONNECT_PG_ARGUMENT', 'maxAge is no time', "Set maxAge to milliseconds, or to 'session'.");
  }
  return Math.ceil(maxAge / 1000);
}

module.exports = { KoaStore, SessionStoreError };
