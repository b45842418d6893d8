// The store by itself: the interface that express-session calls.
'use strict';

const assert = require('node:assert/strict');
const { describe, it, before, after } = require('node:test');
const { promisify, inspect } = require('node:util');
const session = require('express-session');
const pg = require('pg');
const { expressStore } = require('connect-pg-store/express');
const { dump, owner, pass, pool, rows } = require('./support/database.js');

const PgStore = expressStore(session);

/** The store's methods as promises, with what went to errorLog. */
function open(options = {}) {
  const logged = [];
  const store = new PgStore({ pool, pruneInterval: false, errorLog: (error) => logged.push(error), ...options });
  const methods = {};
  for (const name of ['get', 'set', 'touch', 'destroy', 'length', 'clear', 'all']) methods[name] = promisify(store[name].bind(store));
  return { store, logged, ...methods };
}

const cookie = (more) => ({ originalMaxAge: 3600_000, expires: new Date(Date.now() + 3600_000), httpOnly: true, path: '/', ...more });

describe('the package', () => {
  it('is the same class as an ES module', async () => {
    const { expressStore: imported } = await import('connect-pg-store/express');
    assert.equal(imported, expressStore);
  });

  it('extends the Store that it is given', () => {
    assert.ok(open().store instanceof session.Store);
    assert.throws(() => expressStore({}), { code: 'CONNECT_PG_ARGUMENT' });
    assert.throws(() => expressStore(), { code: 'CONNECT_PG_ARGUMENT' });
  });

  it('refuses options that contradict each other or mean nothing', () => {
    const refused = { code: 'CONNECT_PG_ARGUMENT' };
    assert.throws(() => new PgStore({ pool, connection: 'postgres://h/d' }), refused);
    assert.throws(() => new PgStore({ pool: {} }), refused);
    assert.throws(() => new PgStore({ query: 'select' }), refused);
    assert.throws(() => new PgStore({ pool, schema: '' }), refused);
    assert.throws(() => new PgStore({ pool, conflicts: 'merge' }), refused);
  });
});

describe('get, set, touch and destroy', () => {
  it('get after set returns the data', async () => {
    const { get, set } = open();
    await set('sid 1', { cookie: cookie(), user: 'ada', list: [1, 'two', null, { three: 3 }] });
    const data = await get('sid 1');
    assert.equal(data.user, 'ada');
    assert.deepEqual(data.list, [1, 'two', null, { three: 3 }]);
    assert.equal(data.cookie.originalMaxAge, 3600_000);
  });

  it('get of an unknown id returns null', async () => {
    assert.equal(await open().get('unknown'), null);
  });

  it('set replaces the data, also by an object that the store has not seen', async () => {
    const { get, set, length } = open();
    await set('sid 1', { cookie: cookie(), n: 1 });
    await set('sid 1', { cookie: cookie(), m: 2 });
    const { cookie: _, ...data } = await get('sid 1');
    assert.deepEqual(data, { m: 2 });
    assert.equal(await length(), 1);
  });

  it('get after destroy returns null; destroy of an unknown id is no error', async () => {
    const { get, set, destroy } = open();
    await set('sid 1', { cookie: cookie() });
    await destroy('sid 1');
    await destroy('sid 1');
    await destroy('unknown');
    assert.equal(await get('sid 1'), null);
  });

  it('set after destroy creates nothing, for an object that is new as well as for one that was loaded', async () => {
    const { store, get, set, destroy } = open();
    const gone = [];
    store.on('gone', (data) => gone.push(data));
    await set('sid 1', { cookie: cookie(), n: 1 });
    const loaded = await get('sid 1');
    loaded.n = 2;
    await destroy('sid 1');
    assert.equal(await set('sid 1', loaded), 'gone');
    assert.equal(await set('sid 1', { cookie: cookie(), n: 3 }), 'gone');
    assert.equal(await get('sid 1'), null);
    assert.deepEqual(await rows(), []);
    assert.equal(gone.length, 2);
  });

  it('set of a loaded session creates nothing, even when its row and its tombstone are deleted', async () => {
    const { get, set, destroy } = open();
    await set('sid 1', { cookie: cookie(), n: 1 });
    const loaded = await get('sid 1');
    loaded.n = 2;
    await destroy('sid 1');
    await pool.query('select web.clear_sessions()');
    assert.equal(await set('sid 1', loaded), 'gone');
    assert.deepEqual(await rows(), []);
  });

  it('set before a destroy that overtakes it creates nothing', async () => {
    const { set, destroy } = open();
    await destroy('sid 1');
    assert.equal(await set('sid 1', { cookie: cookie() }), 'gone');
    assert.deepEqual(await rows(), []);
  });

  it('touch of an ended session does not bring it back', async () => {
    const { get, set, destroy, touch } = open();
    const data = { cookie: cookie() };
    await set('sid 1', data);
    await destroy('sid 1');
    assert.equal(await touch('sid 1', { cookie: cookie() }), 'gone');
    assert.equal(await get('sid 1'), null);
  });

  it('set of unchanged data that was loaded does not undo what another request saved', async () => {
    const { store, get, set } = open();
    await set('sid 1', { cookie: cookie(), n: 1 });
    const load = async () => {
      const req = { sessionID: 'sid 1', sessionStore: store };
      return store.createSession(req, await get('sid 1'));
    };
    const reader = await load();
    const writer = await load();
    writer.n = 2;
    assert.equal(await set('sid 1', writer), 'saved');
    // What a touch of express-session does when a millisecond ends within it.
    reader.cookie.originalMaxAge -= 1;
    assert.equal(await set('sid 1', reader), 'same');
    assert.equal((await get('sid 1')).n, 2);
  });

  it('without a callback nothing is thrown, and an error goes to errorLog', async () => {
    const { store, logged, get } = open();
    store.set('sid 1', { cookie: cookie(), n: 1 });
    while ((await get('sid 1')) === null);
    store.set('sid 1', undefined);
    store.destroy(5);
    while (logged.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(logged[0].code, 'CONNECT_PG_DATA');
  });
});

describe('expiry', () => {
  it('originalMaxAge is the idle timeout of the row', async () => {
    await open().set('sid 1', { cookie: cookie({ originalMaxAge: 90_500 }) });
    assert.equal((await rows())[0].idle_timeout_seconds, 91);
  });

  it('expires of a plain cookie, or its maxAge, is the idle timeout; ttl if it has neither; else the default of the store', async () => {
    const { set } = open({ ttl: 77 });
    await set('sid 1', { cookie: { expires: new Date(Date.now() + 500_000).toISOString() } });
    await set('sid 2', { cookie: { maxAge: 60_000 } });
    await set('sid 3', { cookie: {} });
    await set('sid 4', {});
    await open().set('sid 5', { cookie: {} });
    const seconds = (await rows()).map((row) => row.idle_timeout_seconds);
    assert.ok(seconds[0] > 400 && seconds[0] <= 500, `${seconds}`);
    assert.deepEqual(seconds.slice(1), [60, 77, 77, 86400]);
  });

  it('get returns the expiry of the row, as the clock of this machine would have it', async () => {
    const { get, set } = open({ disableTouch: true });
    await set('sid 1', { cookie: cookie({ originalMaxAge: 3600_000, expires: new Date(0) }) });
    await pass(600);
    const left = (await get('sid 1')).cookie.expires - Date.now();
    assert.ok(left > 2400_000 && left <= 3000_000, `${left}`);
  });

  it('a wrong clock of this machine ends no session and keeps none', async (t) => {
    const { get, set } = open();
    const now = Date.now();
    for (const [sid, years] of [
      ['sid 1', 2],
      ['sid 2', -2],
    ]) {
      const wrong = now + years * 365 * 86400_000;
      const clock = t.mock.method(Date, 'now', () => wrong);
      await set(sid, { cookie: cookie() });
      assert.ok(Math.abs((await get(sid)).cookie.expires - wrong - 3600_000) < 600_000);
      await pass(3601);
      assert.equal(await get(sid), null);
      clock.mock.restore();
    }
  });

  it('a session without an expiry of its cookie has none after get either', async () => {
    const { get, set } = open();
    await set('sid 1', { cookie: { originalMaxAge: null, expires: null } });
    assert.equal((await get('sid 1')).cookie.expires, null);
  });

  it('an expired session is not loaded, not saved and not touched', async () => {
    const { get, set, touch } = open();
    await set('sid 1', { cookie: cookie() });
    const loaded = await get('sid 1');
    loaded.n = 1;
    await pass(3601);
    assert.equal(await get('sid 1'), null);
    assert.equal(await set('sid 1', loaded), 'gone');
    assert.equal(await touch('sid 1', { cookie: cookie() }), 'gone');
  });

  it('a cookie that has expired ends the session', async () => {
    const { get, set } = open();
    for (const ended of [{ originalMaxAge: 0 }, { originalMaxAge: -5 }, { originalMaxAge: undefined, expires: new Date(0) }]) {
      await set('sid 1', { cookie: cookie() });
      assert.equal(await set('sid 1', { cookie: cookie(ended) }), 'ended');
      assert.equal(await get('sid 1'), null);
      await pool.query('select web.clear_sessions()');
    }
  });

  it('get and touch slide the expiry; with disableTouch neither does', async () => {
    const { get, set, touch } = open();
    const still = open({ disableTouch: true });
    const left = async () => Math.round(((await rows())[0].expires_at - Date.now()) / 60_000);
    await set('sid 1', { cookie: cookie() });
    await pass(1200);
    await still.get('sid 1');
    await still.touch('sid 1', { cookie: cookie() });
    assert.equal(await left(), 40);
    await touch('sid 1', { cookie: cookie() });
    assert.equal(await left(), 60);
    await pass(1200);
    await get('sid 1');
    assert.equal(await left(), 60);
  });

  it('touch right after a load asks the database nothing, and a later one does', async (t) => {
    let queries = 0;
    let now = 0;
    t.mock.method(performance, 'now', () => now);
    const { get, set, touch } = open({ pool: undefined, query: (...query) => ((queries += 1), pool.query(...query)) });
    await set('sid 1', { cookie: cookie() });
    const loaded = await get('sid 1');
    queries = 0;
    assert.equal(await touch('sid 1', loaded), 'same');
    assert.equal(queries, 0);
    now = 2000;
    assert.equal(await touch('sid 1', loaded), 'same');
    assert.equal(queries, 1);
  });

  it('absoluteTimeout limits every slide', async () => {
    const { get, set } = open({ absoluteTimeout: 5000 });
    await set('sid 1', { cookie: cookie() });
    await pass(3000);
    const left = (await get('sid 1')).cookie.expires - Date.now();
    assert.ok(left <= 2000_000, `${left}`);
  });

  it('a lifetime above the absolute timeout is cut, with one warning; the option absoluteTimeout prevents that', async () => {
    const warnings = [];
    const listen = (warning) => warnings.push(warning);
    process.on('warning', listen);
    const long = { cookie: cookie({ originalMaxAge: 90 * 86400_000 }) };
    const { set } = open();
    await set('sid 1', long);
    await set('sid 2', { ...long });
    await open({ absoluteTimeout: 90 * 86400 }).set('sid 3', { ...long });
    await new Promise((resolve) => setImmediate(resolve));
    process.removeListener('warning', listen);
    assert.deepEqual(warnings.map(({ code }) => code), ['CONNECT_PG_ABSOLUTE_TIMEOUT']);
    const days = (await rows()).map((row) => Math.round((row.expires_at - row.created_at) / 86400_000));
    assert.deepEqual(days, [30, 30, 90]);
  });

  it('a lifetime that is no time is an error', async () => {
    const { set } = open();
    for (const bad of [{ originalMaxAge: NaN }, { originalMaxAge: Infinity }, { originalMaxAge: null, expires: 'never' }, { originalMaxAge: 1e300 }]) {
      await assert.rejects(set('sid 1', { cookie: cookie(bad) }), { code: 'CONNECT_PG_ARGUMENT' });
    }
    assert.deepEqual(await rows(), []);
  });

  it('a lifetime above the maximum of the store is an error that names the setting', async () => {
    await assert.rejects(open().set('sid 1', { cookie: cookie({ originalMaxAge: 401 * 86400_000 }) }), (error) => {
      assert.equal(error.sqlstate, '22023');
      assert.match(error.message, /session-admin configure max_timeout_seconds/);
      return true;
    });
  });

  it('pruneSessions deletes expired rows and leaves live ones', async () => {
    const { store, set } = open();
    await set('sid 1', { cookie: cookie({ originalMaxAge: 10_000 }) });
    await set('sid 2', { cookie: cookie({ originalMaxAge: 100_000 }) });
    await pass(50);
    await owner.query("update web.session set prune_after = prune_after - interval '50 s'");
    assert.equal(await store.pruneSessions(), 1);
    assert.equal((await rows()).length, 1);
  });
});

describe('length, clear and all', () => {
  it('length counts live sessions', async () => {
    const { set, destroy, length } = open();
    assert.equal(await length(), 0);
    for (const sid of ['1', '2', '3']) await set(sid, { cookie: cookie() });
    await destroy('2');
    assert.equal(await length(), 2);
  });

  it('clear removes all', async () => {
    const { set, clear, length } = open();
    await set('1', { cookie: cookie() });
    await set('2', { cookie: cookie() });
    await clear();
    assert.equal(await length(), 0);
  });

  it('all is refused to the runtime role, with a hint', async () => {
    const { set, all } = open();
    await set('1', { cookie: cookie() });
    await assert.rejects(all(), { code: 'CONNECT_PG_DATABASE', sqlstate: '42501' });
  });

  it('all gives an administrator the data of every live session, page by page, and no id', async () => {
    const { set, destroy } = open();
    const { all } = open({ pool: owner });
    await set('sid 1', { cookie: cookie(), n: 1 });
    await set('sid 2', { cookie: cookie(), n: 2 });
    await set('sid 3', { cookie: cookie(), n: 3 });
    await destroy('sid 3');
    await owner.query(
      `select web.create_session(sha256(convert_to('more ' || n, 'UTF8')), '{"n":0}') from generate_series(1, 1500) as n`,
    );
    const sessions = await all();
    assert.equal(sessions.length, 1502);
    assert.deepEqual(sessions.map((data) => data.n).filter(Boolean).sort(), [1, 2]);
    assert.ok(!JSON.stringify(sessions).includes('sid 1'));
  });
});

describe('ids', () => {
  it('odd ids are ids like others', async () => {
    const { get, set, destroy } = open();
    const ids = ['x'.repeat(10_000), 'a\0b', '\0', "'; drop table web.session; --", 'ключ 🗝', ' ', '\\x00', '"', '__proto__', 'constructor'];
    for (const id of ids) await set(id, { cookie: cookie(), id });
    for (const id of ids) assert.equal((await get(id)).id, id);
    for (const id of ids) await destroy(id);
    for (const id of ids) assert.equal(await get(id), null);
  });

  it('what is no id names no session and stores none', async () => {
    const { get, set, touch, destroy } = open();
    for (const id of ['', undefined, null, 5, {}, ['a'], '\ud800', 'a\udc00b']) {
      assert.equal(await get(id), null);
      assert.equal(await touch(id, { cookie: cookie() }), undefined);
      await destroy(id);
      await assert.rejects(set(id, { cookie: cookie() }), { code: 'CONNECT_PG_ARGUMENT' });
    }
    assert.deepEqual(await rows(), []);
  });

  it('ids that differ in Unicode normalization only are different', async () => {
    const { get, set } = open();
    await set('\u00e9', { cookie: cookie() });
    assert.equal(await get('e\u0301'), null);
  });

  it('the key in the table is no id', async () => {
    const { get, set } = open();
    await set('sid 1', { cookie: cookie() });
    const [{ key }] = await rows();
    for (const id of [key.toString('hex'), `\\x${key.toString('hex')}`, key.toString('base64'), key.toString('latin1')]) {
      assert.equal(await get(id), null);
    }
  });

  it('neither the table nor a statement of the server contains an id', async () => {
    const { get, set, touch, destroy } = open();
    const id = 'an id that must stay secret';
    const seen = [];
    const spied = open({ pool: undefined, query: (text, values) => (seen.push(inspect([text, values], { depth: 5 })), pool.query(text, values)) });
    await spied.set(id, { cookie: cookie() });
    await spied.get(id);
    await spied.touch(id, { cookie: cookie() });
    await set(id, { cookie: cookie(), n: 1 });
    await get(id);
    await touch(id, { cookie: cookie() });
    assert.ok(!(await dump()).includes(id));
    await spied.destroy(id);
    await destroy(id);
    assert.equal(seen.length > 3, true);
    for (const text of seen) assert.ok(!text.includes(id), text);
    assert.ok(!(await dump()).includes(id));
  });
});

describe('data', () => {
  it('what JSON can hold comes back', async () => {
    const { get, set } = open();
    const data = { nul: 'a\0b', lone: '\ud800', emoji: '🗝', deep: { a: [[[{}]]] }, number: -0.1e-7, '': 'empty', 'key with "quotes"': true };
    await set('sid 1', { cookie: cookie(), ...data });
    const { cookie: _, ...loaded } = await get('sid 1');
    assert.deepEqual(loaded, data);
  });

  it('what JSON cannot hold is written as JSON.stringify does', async () => {
    const { get, set } = open();
    await set('sid 1', { cookie: cookie(), u: undefined, f() {}, d: new Date(0), n: NaN, m: new Map([[1, 2]]), t: { toJSON: () => 'from toJSON' } });
    const { cookie: _, ...loaded } = await get('sid 1');
    assert.deepEqual(loaded, { d: '1970-01-01T00:00:00.000Z', n: null, m: {}, t: 'from toJSON' });
  });

  it('data that cannot be written is an error of the callback, and changes nothing', async () => {
    const { get, set } = open();
    await set('sid 1', { cookie: cookie(), n: 1 });
    const cyclic = { cookie: cookie() };
    cyclic.self = cyclic;
    const throwing = {
      cookie: cookie(),
      toJSON() {
        throw new Error('no');
      },
    };
    for (const data of [cyclic, throwing, { cookie: cookie(), big: 1n }, undefined, () => {}, Symbol('s')]) {
      await assert.rejects(set('sid 1', data), { code: 'CONNECT_PG_DATA' });
    }
    assert.equal((await get('sid 1')).n, 1);
  });

  it('data above max_data_bytes is an error with a hint, and changes nothing', async () => {
    const { get, set } = open();
    await set('sid 1', { cookie: cookie(), n: 1 });
    await set('sid 2', { cookie: cookie(), text: 'x'.repeat(1_000_000) });
    assert.equal((await get('sid 2')).text.length, 1_000_000);
    const secret = 'a secret of the session';
    await assert.rejects(set('sid 1', { cookie: cookie(), text: secret.repeat(60_000) }), (error) => {
      assert.equal(error.sqlstate, '54000');
      assert.match(error.hint, /session-admin configure max_data_bytes/);
      assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(secret));
      return true;
    });
    assert.equal((await get('sid 1')).n, 1);
  });

  it('__proto__ in stored data never becomes a prototype', async () => {
    const { get, set } = open();
    await set('sid 1', JSON.parse(`{"cookie":${JSON.stringify(cookie())},"__proto__":{"isAdmin":true},"nested":{"__proto__":{"isAdmin":true}}}`));
    await owner.query(`select web.create_session(sha256('sid 2'), $1)`, ['{"\\u005f_proto__":{"isAdmin":true},"a":{"__pro\\u0074o__":{"isAdmin":true}}}']);
    for (const sid of ['sid 1', 'sid 2']) {
      const data = await get(sid);
      const copy = {};
      for (const name in data) copy[name] = data[name];
      for (const object of [data, copy, data.nested ?? data.a, Object.assign({}, data.nested ?? data.a), {}]) assert.equal(object.isAdmin, undefined);
      assert.equal(Object.getPrototypeOf(copy), Object.prototype);
    }
  });

  it('data that is no JSON, or no object, is no session; the row stays', async () => {
    const { get, logged } = open();
    for (const [n, text] of ['', '{', 'null', '5', '"text"', 'undefined'].entries()) {
      await owner.query('select web.create_session(sha256($1), $2)', [Buffer.from(`sid ${n}`), text]);
      assert.equal(await get(`sid ${n}`), null);
    }
    assert.equal(logged.length, 3);
    for (const error of logged) assert.equal(error.code, 'CONNECT_PG_DATA');
    assert.equal((await rows()).length, 6);
  });

  it('a session of another client has a cookie for Express', async () => {
    await owner.query(`select web.create_session(sha256('sid 1'), '{"views":3}', 3600)`);
    const { store, get } = open();
    const req = { sessionID: 'sid 1', sessionStore: store };
    const created = store.createSession(req, await get('sid 1'));
    assert.equal(created.views, 3);
    assert.equal(created.cookie.maxAge, null);
  });
});

describe('conflicts', () => {
  const two = async ({ get, set }) => {
    await set('sid 1', { cookie: cookie(), n: 0 });
    const [a, b] = [await get('sid 1'), await get('sid 1')];
    a.a = 1;
    b.b = 1;
    assert.equal(await set('sid 1', a), 'saved');
    return b;
  };

  it('the last save wins by default', async () => {
    const store = open();
    const b = await two(store);
    assert.equal(await store.set('sid 1', b), 'saved');
    const data = await store.get('sid 1');
    assert.deepEqual([data.a, data.b], [undefined, 1]);
  });

  it("with conflicts: 'reject' the second save is an error, and a third after a load succeeds", async () => {
    const store = open({ conflicts: 'reject' });
    const b = await two(store);
    await assert.rejects(store.set('sid 1', b), { code: 'CONNECT_PG_CONFLICT' });
    const again = await store.get('sid 1');
    again.b = 1;
    assert.equal(await store.set('sid 1', again), 'saved');
    const data = await store.get('sid 1');
    assert.deepEqual([data.a, data.b], [1, 1]);
  });

  it("with conflicts: 'reject' the same object can be saved again and again", async () => {
    const { get, set } = open({ conflicts: 'reject' });
    const data = { cookie: cookie(), n: 0 };
    for (data.n = 1; data.n < 5; data.n += 1) await set('sid 1', data);
    assert.equal((await get('sid 1')).n, 4);
  });

  it('two first saves at once of one id store one session', async () => {
    const { set, length } = open();
    const outcomes = await Promise.all(Array.from({ length: 8 }, (_, n) => set('sid 1', { cookie: cookie(), n })));
    assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 1);
    assert.equal(await length(), 1);
  });
});

describe('ways to the database', () => {
  const settings = { host: process.env.PGHOST, port: process.env.PGPORT };

  it('a connection string, settings, and the variables of libpq', async () => {
    const url = new URL('postgres://host/');
    url.hostname = process.env.PGHOST;
    url.port = process.env.PGPORT;
    url.username = process.env.PGUSER;
    url.password = process.env.PGPASSWORD;
    url.pathname = process.env.PGDATABASE;
    for (const connection of [url.href, settings, undefined]) {
      const { store, set, get } = open({ pool: undefined, connection });
      await set('sid 1', { cookie: cookie(), n: 1 });
      assert.equal((await get('sid 1')).n, 1);
      await store.close();
    }
  });

  it('a password that is read for each connection, as after session-admin rotate-password', async () => {
    let reads = 0;
    const { store, get } = open({
      pool: undefined,
      connection: { ...settings, password: async () => ((reads += 1), process.env.PGPASSWORD) },
    });
    assert.equal(await get('sid 1'), null);
    assert.equal(reads, 1);
    await store.close();
  });

  it('a function, whatever its driver makes of types', async () => {
    const db = require('pg-promise')({ noWarnings: true })({ ...settings });
    const { set, get } = open({ pool: undefined, query: (text, values) => db.any(text, values) });
    await set('sid 1', { cookie: cookie(), n: 1 });
    assert.equal((await get('sid 1')).n, 1);
    await db.$pool.end();
  });

  it('an application that changed how types are decoded', async () => {
    const types = { getTypeParser: (oid) => (oid === 25 ? (text) => text : () => 'decoded in another way') };
    const { store, set, get } = open({ pool: undefined, connection: { ...settings, types } });
    await set('sid 1', { cookie: cookie(), n: 1 });
    const loaded = await get('sid 1');
    assert.equal(loaded.n, 1);
    assert.ok(loaded.cookie.expires > new Date());
    await store.close();
  });

  it('prepared statements have names that tell their text', async () => {
    const one = new pg.Pool({ max: 1 });
    const { set, get } = open({ pool: one, preparedStatements: true });
    await set('sid 1', { cookie: cookie(), n: 1 });
    await get('sid 1');
    assert.equal((await get('sid 1')).n, 1);
    const { rows: prepared } = await one.query("select name, statement from pg_prepared_statements where name like 'connect_pg_%'");
    assert.equal(prepared.length, 2);
    await one.end();
  });

  it('a schema of another name, quoted', async () => {
    const { get } = open({ schema: 'no"such; schema' });
    await assert.rejects(get('sid 1'), (error) => {
      assert.equal(error.sqlstate, '3F000');
      assert.match(error.message, /session-admin install/);
      return true;
    });
  });

  it('close leaves a pool that was given, and ends its own', async () => {
    const listeners = pool.listenerCount('error');
    const given = open();
    await given.store.close();
    await given.store.close();
    assert.equal(pool.listenerCount('error'), listeners);
    assert.equal((await pool.query('select 1 as n')).rows[0].n, 1);
    const own = open({ pool: undefined });
    await own.get('sid 1');
    await own.store.close();
    await assert.rejects(own.get('sid 1'), { code: 'CONNECT_PG_UNAVAILABLE' });
  });

  it('the runtime role cannot touch the table', async () => {
    await assert.rejects(pool.query('select * from web.session'), { code: '42501' });
  });
});
