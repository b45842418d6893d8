'use strict';

const { ID_ATTEMPTS, conflict, hasJustSlid, idsInUse, limitReached, open, updateStored } = require('./common.js');
const { SessionStoreError } = require('./errors.js');
const { isId, keyOf } = require('./id.js');
const { decode, encode } = require('./json.js');

const PAGE = 1000;
const MOST_DRIFT_MS = 100;

/**
 * Returns the class of stores for express-session. `session` is what require('express-session') returns: the class extends its Store,
 * so that this package does not depend on it.
 */
function expressStore(session) {
  const Store = session?.Store ?? session?.session?.Store;
  if (typeof Store !== 'function') {
    throw new SessionStoreError('CONNECT_PG_ARGUMENT', 'this is not express-session', "Pass it: expressStore(require('express-session')).");
  }

  return class PgStore extends Store {
    #store;
    #slide;
    #userOf;
    // What is stored of a session object: its key, version, JSON and lifetime. An object without it is new.
    #stored = new WeakMap();

    /** @param {object} [options] see README.md */
    constructor(options = {}) {
      super(options);
      const { disableTouch = false, userId, ...shared } = options;
      this.#store = open(shared);
      this.#slide = !disableTouch;
      this.#userOf = userId;
    }

    // ── The interface of express-session ────────────────────────────────────────────────────────────

    get(sid, callback) {
      this.#call(callback, async () => {
        if (!isId(sid)) return null;
        const key = keyOf(sid);
        const loaded = await this.#store.functions.loadSession(key, this.#slide);
        if (loaded === null) return null;
        try {
          return this.#inflate(key, loaded);
        } catch (error) {
          // The visitor gets a new session, and not an error with every request. The row stays for inspection.
          this.#store.errorLog(error);
          return null;
        }
      });
    }

    set(sid, data, callback) {
      this.#call(callback, () => this.#set(sid, data));
    }

    touch(sid, data, callback) {
      this.#call(callback, () => (this.#slide ? this.#touch(sid, data) : undefined));
    }

    destroy(sid, callback) {
      this.#call(callback, async () => {
        if (isId(sid)) await this.#store.functions.endSession(keyOf(sid));
      });
    }

    length(callback) {
      this.#call(callback, () => this.#store.functions.countSessions());
    }

    clear(callback) {
      this.#call(callback, () => this.#store.functions.clearSessions());
    }

    all(callback) {
      this.#call(callback, async () => {
        const sessions = [];
        for (let after = null; ; ) {
          const page = await this.#store.functions.exportSessions(after, PAGE);
          for (const row of page) sessions.push(this.#inflate(row.key, row));
          if (page.length < PAGE) return sessions;
          after = page[page.length - 1].key;
        }
      });
    }

    createSession(req, data) {
      const created = super.createSession(req, data);
      const stored = this.#stored.get(data);
      // The text of this object, and not the stored one: express-session adds to the cookie, and leaves out reserved names.
      if (stored !== undefined) this.#stored.set(created, { ...stored, text: textOf(created) });
      return created;
    }

    // ── Beside the interface ────────────────────────────────────────────────────────────────────────

    /** Gives the session of the request to a user, under a new id, with its data: the login. */
    async loginSession(req, userId, attributes = {}) {
      const given = { ...deviceOf(req), ...attributes, userId };
      return this.#changeId(req, (oldKey, newKey) => this.#store.functions.loginSession(oldKey, newKey, given), given);
    }

    /** Takes the session of the request from its user, under a new id, with its data. To end it: req.session.destroy(). */
    async logoutSession(req) {
      const outcome = await this.#changeId(req, (oldKey, newKey) => this.#store.functions.logoutSession(oldKey, newKey));
      // Data that still names the user is no longer that of the session's user.
      if (outcome === 'rotated') this.#stored.set(req.session, { ...this.#stored.get(req.session), userId: null });
      return outcome;
    }

    /** Gives the session of the request a new id and keeps everything else. */
    async rotateSession(req, { graceSeconds = 0 } = {}) {
      return this.#changeId(req, (oldKey, newKey) => this.#store.functions.rotateSession(oldKey, newKey, graceSeconds));
    }

    /**
     * Changes the data of the session of the request, and loses no change of other requests: `change` gets what is stored, and is
     * called again if another request saves in between.
     */
    async updateSession(req, change) {
      if (this.#stored.get(req.session) === undefined) await this.#set(req.sessionID, req.session);
      const data = await this.#update(keyOf(req.sessionID), change);
      if (data === null) return this.#gone(req.session);
      const now = this.createSession({ sessionID: req.sessionID, sessionStore: this }, data);
      for (const name of Object.keys(req.session)) if (name !== 'cookie') delete req.session[name];
      for (const name of Object.keys(now)) if (name !== 'cookie') req.session[name] = now[name];
      this.#stored.set(req.session, this.#stored.get(now));
      return 'saved';
    }

    /** Returns what is known about the session of the request, except its data. */
    async sessionInfo(req) {
      return this.#store.functions.sessionInfo(keyOf(req.sessionID));
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
      return this.#store.functions.endUserSessions(userId, except === undefined ? null : keyOf(except.sessionID));
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

    // ── Inside ──────────────────────────────────────────────────────────────────────────────────────

    // Never throws, and never calls back twice: an exception of the callback is the caller's.
    #call(callback, work) {
      this.#store.pruner.plan();
      Promise.resolve()
        .then(work)
        .then(
          (value) => {
            if (callback) process.nextTick(callback, null, value);
          },
          (error) => {
            if (callback) process.nextTick(callback, error);
            else this.#store.errorLog(error);
          },
        );
    }

    #inflate(key, { text, version, userId, expiresAt }) {
      const data = decode(text);
      // null, a number or a text cannot have been stored by this class, and no session of Express can be made of it.
      if (typeof data !== 'object' || data === null) return null;
      // Other clients store no cookie. Express cannot do without.
      data.cookie ??= { originalMaxAge: null, path: '/', httpOnly: true };
      const { cookie } = data;
      // The row knows: its expiry has slid since the data was saved.
      if (typeof cookie.originalMaxAge === 'number' || cookie.expires) cookie.expires = expiresAt;
      else cookie.expires = null;
      this.#stored.set(data, { key, version, userId, seconds: secondsOf(cookie, this.#store.ttl), loadedAt: performance.now() });
      return data;
    }

    async #set(sid, data) {
      const key = keyOf(sid);
      const text = textOf(data);
      const seconds = secondsOf(data?.cookie, this.#store.ttl);
      if (seconds !== null && seconds <= 0) {
        await this.#store.functions.endSession(key);
        return 'ended';
      }
      const userId = this.#userOf?.(data) ?? null;
      const stored = this.#storedUnder(key, data);
      if (stored === undefined) {
        const { outcome, version } = await this.#store.functions.createSession(key, text, {
          ...(userId === null ? {} : deviceOf(data.req)),
          userId,
          idleTimeout: seconds,
          absoluteTimeout: this.#store.absoluteTimeout,
        });
        if (outcome === 'limit_reached') throw limitReached();
        if (outcome === 'created') {
          this.#stored.set(data, { key, version, userId, text, seconds, loadedAt: performance.now() });
          return outcome;
        }
        // It was stored before, perhaps from this object by a save that is not over. If it has ended since, the next call says so.
      } else if (userId !== null && stored.userId !== userId) {
        throw new SessionStoreError(
          'CONNECT_PG_ARGUMENT',
          'the session would belong to another user under the same id',
          'Call loginSession or req.session.regenerate at the login.',
        );
      } else if (stored.text === text && stored.seconds === seconds) {
        // Another request may have changed it: what was not changed here is not written back.
        return this.#slide ? this.#touch(sid, data) : 'same';
      }
      const { outcome, version } = await this.#store.functions.saveSession(key, text, (this.#store.rejectsConflicts && stored?.version) || null, seconds);
      if (outcome === 'gone') return this.#gone(data);
      if (outcome === 'conflict') throw conflict();
      this.#stored.set(data, { ...stored, key, version, userId, text, seconds, loadedAt: performance.now() });
      return outcome;
    }

    /** Returns the data that is stored after the change, or null if the session has ended. */
    async #update(key, change) {
      const updated = await updateStored(this.#store.functions, key, this.#slide, async (loaded) => {
        const data = this.#inflate(key, loaded);
        await change(data);
        return { data, text: textOf(data), seconds: secondsOf(data.cookie, this.#store.ttl) };
      });
      if (updated === null) return null;
      const { data, seconds, version } = updated;
      this.#stored.set(data, { ...this.#stored.get(data), version, seconds });
      return data;
    }

    async #touch(sid, data) {
      if (!isId(sid)) return undefined;
      const key = keyOf(sid);
      const stored = this.#storedUnder(key, data);
      // express-session touches a session of which only the cookie has changed, such as its maxAge. The data of the moment stays.
      if (stored?.text !== undefined && stored.text !== textOf(data)) {
        const { cookie } = JSON.parse(textOf(data));
        return (await this.#update(key, (now) => void (now.cookie = cookie))) === null ? this.#gone(data) : 'saved';
      }
      if (stored !== undefined && hasJustSlid(stored)) return 'same';
      return (await this.#store.functions.touchSession(key)) === null ? this.#gone(data) : 'same';
    }

    #storedUnder(key, data) {
      const stored = this.#stored.get(data);
      return stored?.key.equals(key) ? stored : undefined;
    }

    // A request that was under way when its session ended. Its response was right when it began, so this is no error.
    #gone(data) {
      this.emit('gone', data);
      return 'gone';
    }

    async #changeId(req, change, created) {
      const before = { id: req.sessionID, session: req.session };
      const stored = this.#storedUnder(keyOf(before.id), before.session);
      const data = { ...before.session, cookie: before.session.cookie.toJSON() };
      try {
        for (let attempt = 1; attempt <= ID_ATTEMPTS; attempt += 1) {
          // Draws the id as express-session was told to (genid).
          this.generate(req);
          const key = keyOf(req.sessionID);
          let result = { outcome: 'gone' };
          if (stored !== undefined) result = await change(stored.key, key);
          if (result.outcome === 'rotated') {
            this.createSession(req, data);
            this.#stored.set(req.session, { ...stored, key, version: result.version, userId: created?.userId ?? stored.userId });
            return result.outcome;
          }
          if (result.outcome === 'gone') {
            if (created === undefined) return this.#gone(before.session);
            // The user has proved who it is, so there is a session. The data of one that has ended meanwhile is not carried over.
            if (stored === undefined) this.createSession(req, data);
            const text = textOf(req.session);
            const seconds = secondsOf(req.session.cookie, this.#store.ttl);
            result = await this.#store.functions.createSession(key, text, { idleTimeout: seconds, absoluteTimeout: this.#store.absoluteTimeout, ...created });
            if (result.outcome === 'created') {
              this.#stored.set(req.session, { key, version: result.version, userId: created.userId, text, seconds, loadedAt: performance.now() });
              return result.outcome;
            }
          }
          if (result.outcome === 'limit_reached') throw limitReached();
        }
        throw idsInUse();
      } catch (error) {
        req.sessionID = before.id;
        req.session = before.session;
        throw error;
      }
    }
  };
}

/** Returns the text to store. The expiry is not in it: the row has it, and a save that only moves the expiry writes no data. */
function textOf(data) {
  return encode(data, function withoutExpiry(name, value) {
    return this === data && name === 'cookie' && typeof value?.originalMaxAge === 'number'
      ? { ...value, originalMaxAge: withoutDrift(value.originalMaxAge), expires: undefined }
      : value;
  });
}

// express-session computes originalMaxAge from the expiry again with each touch, and so it loses a millisecond now and then.
// Such a loss is no change: otherwise a request that only reads would write what it loaded over the change of another one.
function withoutDrift(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  return seconds * 1000 - milliseconds < MOST_DRIFT_MS ? seconds * 1000 : milliseconds;
}

/** Returns the idle timeout that a cookie asks for, in seconds; `ttl`, or null for the store's default, if it asks for none. */
function secondsOf(cookie, ttl) {
  let milliseconds = null;
  if (typeof cookie?.originalMaxAge === 'number') milliseconds = cookie.originalMaxAge;
  else if (cookie?.expires) milliseconds = new Date(cookie.expires).getTime() - Date.now();
  else if (typeof cookie?.maxAge === 'number') milliseconds = cookie.maxAge;
  if (milliseconds === null) return ttl ?? null;
  if (!Number.isFinite(milliseconds)) {
    throw new SessionStoreError('CONNECT_PG_ARGUMENT', 'the lifetime of the cookie is no time', 'Set cookie.maxAge to milliseconds, or cookie.expires to a Date.');
  }
  return Math.ceil(milliseconds / 1000);
}

function deviceOf(req) {
  return { clientAddress: req?.ip, userAgent: req?.headers?.['user-agent'] };
}

module.exports = { expressStore, SessionStoreError };
