// The cases of other projects' tests that test a store, each under its name there. The code is this project's own.
//
//   expressjs/session, test/session.js: there the store is the MemoryStore
//   voxpelli/node-connect-pg-simple, test/
//   koajs/generic-session, test/store.test.js
//   TMiguelT/koa-pg-session, test/test.js
//
// What is left out tests the middleware alone (signatures, options of cookies, res.end), or a table that has no counterpart here
// (its creation, its names, the text of its statements).
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { promisify } = require('node:util');
const express = require('express');
const session = require('express-session');
const Koa = require('koa');
const generic = require('koa-generic-session');
const { expressStore } = require('connect-pg-store/express');
const { KoaStore } = require('connect-pg-store/koa');
const { owner, pass, pool, rows } = require('./support/database.js');
const { serve } = require('./support/browser.js');

const PgStore = expressStore(session);
const MINUTE = 60_000;

const count = async () => (await rows()).length;

/** A server whose one page is `handle`; counts what the middleware asks of the store. */
async function start(t, options, handle = (req, res) => res.end()) {
  const { store = new PgStore({ pool, pruneInterval: false }), ...rest } = options ?? {};
  const calls = { set: 0, touch: 0, get: 0 };
  for (const name of Object.keys(calls)) {
    const real = store[name].bind(store);
    store[name] = (...args) => {
      calls[name] += 1;
      return real(...args);
    };
  }
  const app = express();
  app.use(session({ secret: 'a secret', resave: true, saveUninitialized: true, store, ...rest }));
  app.use((req, res) => handle(req, res));
  const errors = [];
  app.use((error, req, res, next) => {
    errors.push(error);
    return res.headersSent ? next(error) : res.status(500).end(error.message);
  });
  const newBrowser = await serve(t, app);
  return { newBrowser, store, calls, errors, promised: (name, ...args) => promisify(store[name].bind(store))(...args) };
}

const idOf = (browser) => decodeURIComponent(browser.cookies.get('connect.sid')).slice(2).split('.')[0];

const failing = (name) => {
  const store = new PgStore({ pool, pruneInterval: false });
  store[name] = (...args) => args.pop()(new Error('boom!'));
  return store;
};

const number = () => {
  let next = 0;
  return (req, res) => {
    req.session.num = req.session.num || (next += 1);
    res.end(`session ${req.session.num}`);
  };
};

describe('expressjs/session', () => {
  it('should create a new session', async (t) => {
    const { newBrowser, promised } = await start(t, {}, number());
    const { set } = await newBrowser().get('/');
    assert.equal(set.length, 1);
    assert.equal(await promised('length'), 1);
  });

  it('should load session from cookie sid', async (t) => {
    const { newBrowser } = await start(t, {}, number());
    const browser = newBrowser();
    assert.equal((await browser.get('/')).body, 'session 1');
    assert.equal((await browser.get('/')).body, 'session 1');
  });

  it('should pass session fetch error', async (t) => {
    const { newBrowser } = await start(t, { store: failing('get') });
    const browser = newBrowser();
    assert.equal((await browser.get('/')).status, 200);
    const { status, body } = await browser.get('/');
    assert.deepEqual([status, body], [500, 'boom!']);
  });

  it('should create multiple sessions', async (t) => {
    const { newBrowser, promised } = await start(t, {}, number());
    await Promise.all([newBrowser().get('/'), newBrowser().get('/')]);
    assert.equal(await promised('length'), 2);
  });

  it('should handle reserved properties in storage', async (t) => {
    const { newBrowser, promised } = await start(t, {}, number());
    const browser = newBrowser();
    await browser.get('/');
    const data = await promised('get', idOf(browser));
    data.save = 'nope';
    await promised('set', idOf(browser), data);
    assert.equal((await browser.get('/')).status, 200);
  });

  it('should only have session data enumerable (and cookie)', async (t) => {
    const { newBrowser } = await start(t, {}, (req, res) => {
      req.session.test1 = 1;
      res.end(Object.keys(req.session).sort().join(','));
    });
    const browser = newBrowser();
    for (let n = 0; n < 2; n += 1) assert.equal((await browser.get('/')).body, 'cookie,test1');
  });

  for (const [name, respond, expected] of [
    ['should have saved session', (res) => res.end('session saved'), 'session saved'],
    ['should have saved session even with empty response', (res) => res.set('Content-Length', '0').end(), ''],
    ['should have saved session even with multi-write', (res) => (res.set('Content-Length', '12').write('hello, '), res.end('world')), 'hello, world'],
    ['should have saved session even with non-chunked response', (res) => res.set('Content-Length', '13').end('session saved'), 'session saved'],
  ]) {
    it(`when response ended ${name}`, async (t) => {
      const { newBrowser } = await start(t, {}, (req, res) => {
        req.session.hit = true;
        respond(res);
      });
      assert.equal((await newBrowser().get('/')).body, expected);
      assert.equal(await count(), 1);
    });
  }

  it('should have saved session with updated cookie expiration', async (t) => {
    const { newBrowser, promised } = await start(t, { cookie: { maxAge: 60 * MINUTE } }, (req, res) => {
      req.session.user = 'bob';
      res.end();
    });
    const browser = newBrowser();
    await browser.get('/');
    await pass(1800);
    await browser.get('/');
    const { cookie } = await promised('get', idOf(browser));
    assert.ok(cookie.expires - Date.now() > 50 * MINUTE);
  });

  for (const [name, lose] of [
    ['when sid not in store', (promised) => promised('clear')],
    ['when session expired in store', () => pass(3601)],
  ]) {
    it(`${name} should create a new session, and should have a new sid`, async (t) => {
      const { newBrowser, promised } = await start(t, { cookie: { maxAge: 60 * MINUTE } }, number());
      const browser = newBrowser();
      await browser.get('/');
      const id = idOf(browser);
      await lose(promised);
      assert.equal(await promised('length'), 0);
      const { body, set } = await browser.get('/');
      assert.equal(body, 'session 2');
      assert.equal(set.length, 1);
      assert.notEqual(idOf(browser), id);
    });
  }

  it('when sid not properly signed should not attempt fetch from store', async (t) => {
    const { newBrowser, calls } = await start(t, {}, number());
    const browser = newBrowser();
    await browser.get('/');
    browser.cookies.set('connect.sid', browser.cookies.get('connect.sid').replace(/...\./, '.'));
    assert.equal((await browser.get('/')).body, 'session 2');
    assert.equal(calls.get, 0);
  });

  // There it is an error. Here other clients store sessions without a cookie, and Express reads them.
  it('when session without cookie property in store: a session with the default cookie', async (t) => {
    const { newBrowser } = await start(t, {}, number());
    const browser = newBrowser();
    await browser.get('/');
    await owner.query("update web.session set data = '{\"num\":7}'");
    assert.equal((await browser.get('/')).body, 'session 7');
  });

  it('rolling option should default to false', async (t) => {
    const { newBrowser } = await start(t, {}, number());
    const browser = newBrowser();
    assert.equal((await browser.get('/')).set.length, 1);
    assert.equal((await browser.get('/')).set.length, 0);
  });

  it('rolling option should force cookie on unmodified session', async (t) => {
    const { newBrowser } = await start(t, { rolling: true }, number());
    const browser = newBrowser();
    for (let n = 0; n < 2; n += 1) assert.equal((await browser.get('/')).set.length, 1);
  });

  for (const rolling of [false, true]) {
    it(`saveUninitialized option, rolling ${rolling}: should force save, prevent save, still save modified session`, async (t) => {
      const forced = await start(t, { rolling });
      assert.equal((await forced.newBrowser().get('/')).set.length, 1);
      assert.equal(await count(), 1);
      const prevented = await start(t, { rolling, saveUninitialized: false });
      assert.equal((await prevented.newBrowser().get('/')).set.length, 0);
      assert.equal(await count(), 1);
      const modified = await start(t, { rolling, saveUninitialized: false }, number());
      assert.equal((await modified.newBrowser().get('/')).set.length, 1);
      assert.equal(await count(), 2);
    });
  }

  it('resave option, when true, should force save on unmodified session', async (t) => {
    const { newBrowser, calls } = await start(t, { resave: true }, number());
    const browser = newBrowser();
    await browser.get('/');
    await browser.get('/');
    assert.equal(calls.set, 2);
  });

  it('resave option, when false, should prevent save on unmodified session, and should still save modified session', async (t) => {
    const { newBrowser, calls } = await start(t, { resave: false }, (req, res) => {
      if (req.url !== '/') req.session.token = req.url.slice(1);
      res.end(`token=${req.session.token ?? ''}`);
    });
    const browser = newBrowser();
    assert.equal((await browser.get('/w6RHhwaA')).body, 'token=w6RHhwaA');
    assert.equal((await browser.get('/')).body, 'token=w6RHhwaA');
    assert.equal(calls.set, 1);
    assert.equal((await browser.get('/zfQ3rzM3')).body, 'token=zfQ3rzM3');
    assert.equal(calls.set, 2);
    assert.equal((await browser.get('/')).body, 'token=zfQ3rzM3');
  });

  it('should detect a "cookie" property as modified', async (t) => {
    const { newBrowser } = await start(t, { resave: false }, (req, res) => {
      req.session.user = req.session.user || { name: 'bob', cookie: 0 };
      req.session.user.cookie += 1;
      res.end(String(req.session.user.cookie));
    });
    const browser = newBrowser();
    for (const expected of [1, 2, 3]) assert.equal((await browser.get('/')).body, expected);
  });

  for (const [name, method, options] of [
    ['should pass session touch error', 'touch', { resave: false }],
    ['should pass session save error', 'set', {}],
    ['should pass session destroy error', 'destroy', { unset: 'destroy' }],
  ]) {
    it(name, async (t) => {
      const { newBrowser, errors } = await start(t, { store: failing(method), ...options }, (req, res) => {
        if (method === 'destroy') req.session = null;
        else req.session.hit = true;
        res.end('an answer');
      });
      const browser = newBrowser();
      // The answer is sent, or its connection is cut: both are what express-session does after an error at the end of a request.
      for (let n = 0; n < 2; n += 1) await browser.get('/').catch(() => {});
      assert.ok(errors.length > 0);
      assert.ok(errors.every(({ message }) => message === 'boom!'));
    });
  }

  it('should prevent uninitialized session from being touched', async (t) => {
    const { newBrowser, calls } = await start(t, { saveUninitialized: false, cookie: { maxAge: MINUTE } });
    await newBrowser().get('/');
    assert.equal(calls.touch, 0);
  });

  const countToTwo = (req, res) => {
    req.session.count = (req.session.count || 0) + 1;
    if (req.session.count === 2) req.session = null;
    res.end();
  };
  for (const [name, unset, left] of [
    ['unset option should default to keep', 'keep', 1],
    ['should allow destroy on req.session = null', 'destroy', 0],
  ]) {
    it(name, async (t) => {
      const { newBrowser, promised } = await start(t, { unset }, countToTwo);
      const browser = newBrowser();
      await browser.get('/');
      assert.equal(await promised('length'), 1);
      await browser.get('/');
      assert.equal(await promised('length'), left);
    });
  }

  it('should not set cookie if initial session destroyed', async (t) => {
    const { newBrowser, promised } = await start(t, { unset: 'destroy' }, (req, res) => {
      req.session = null;
      res.end();
    });
    assert.equal((await newBrowser().get('/')).set.length, 0);
    assert.equal(await promised('length'), 0);
  });

  it('req.session should persist (and store.load gives the session)', async (t) => {
    const { newBrowser, promised } = await start(t, {}, (req, res) => {
      req.session.count = (req.session.count || 0) + 1;
      res.end(`hits: ${req.session.count}`);
    });
    const browser = newBrowser();
    assert.equal((await browser.get('/')).body, 'hits: 1');
    const loaded = await promised('load', idOf(browser));
    assert.equal(loaded.count, 1);
    assert.equal(loaded.id, idOf(browser));
    assert.equal((await browser.get('/')).body, 'hits: 2');
    assert.equal(await promised('load', 'unknown'), undefined);
  });

  it('should only set-cookie when modified', async (t) => {
    const { newBrowser } = await start(t, { cookie: { maxAge: MINUTE } }, (req, res) => {
      if (req.url === '/modify') req.session.count = (req.session.count || 0) + 1;
      res.end(String(req.session.count));
    });
    const browser = newBrowser();
    for (const [path, sets] of [
      ['/modify', 1],
      ['/modify', 1],
      ['/', 0],
      ['/modify', 1],
    ]) {
      assert.equal((await browser.get(path)).set.length, sets, path);
    }
  });

  it('should not be set if store is disconnected, and should be set when store reconnects', async (t) => {
    const { newBrowser, store } = await start(t, {}, (req, res) => res.end(typeof req.session));
    store.emit('disconnect');
    assert.equal((await newBrowser().get('/')).body, 'undefined');
    store.emit('connect');
    assert.equal((await newBrowser().get('/')).body, 'object');
  });

  it('.destroy() should destroy the previous session', async (t) => {
    const { newBrowser } = await start(t, {}, (req, res) => req.session.destroy((error) => res.end(`${error} ${req.session}`)));
    const { body, set } = await newBrowser().get('/');
    assert.deepEqual([body, set.length], ['null undefined', 0]);
    assert.equal(await count(), 0);
  });

  it('.regenerate() should destroy/replace the previous session', async (t) => {
    const { newBrowser } = await start(t, {}, (req, res) => {
      const { id } = req.session;
      req.session.regenerate((error) => res.end(`${error} ${req.session.id === id}`));
    });
    const browser = newBrowser();
    for (let n = 0; n < 2; n += 1) {
      const id = browser.cookies.get('connect.sid');
      assert.equal((await browser.get('/')).body, 'null false');
      assert.notEqual(browser.cookies.get('connect.sid'), id);
      assert.equal(await count(), 1);
    }
  });

  it('.reload() should reload session from store', async (t) => {
    let other;
    const { newBrowser } = await start(t, {}, async (req, res) => {
      req.session.url = req.url;
      if (req.url !== '/foo') return res.end(`saw ${req.session.url}`);
      await other.get('/bar');
      return req.session.reload(() => res.end(`saw ${req.session.url}`));
    });
    const browser = newBrowser();
    await browser.get('/');
    other = browser.copy();
    assert.equal((await browser.get('/foo')).body, 'saw /bar');
  });

  it('.reload() should error is session missing', async (t) => {
    const { newBrowser, store } = await start(t, {}, (req, res) => {
      if (req.url === '/') return res.end();
      return store.clear(() => req.session.reload((error) => res.end(error.message)));
    });
    const browser = newBrowser();
    await browser.get('/');
    assert.equal((await browser.get('/foo')).body, 'failed to load session');
  });

  it('.reload() should not override an overridden `reload` in case of errors', async (t) => {
    const { newBrowser, store } = await start(t, { resave: false }, (req, res) => {
      if (req.url === '/') return res.end();
      let left = 20;
      const reload = () => ((left -= 1) === 0 ? res.end('ok') : req.session.reload(reload));
      return store.clear(reload);
    });
    const browser = newBrowser();
    await browser.get('/');
    assert.equal((await browser.get('/foo')).body, 'ok');
  });

  for (const options of [{}, { saveUninitialized: false }]) {
    it(`.save() should save session to store and should prevent end-of-request save ${JSON.stringify(options)}`, async (t) => {
      const { newBrowser, calls, store } = await start(t, options, (req, res) => {
        req.session.hit = true;
        req.session.save(() => store.get(req.session.id, (error, data) => res.end(data ? 'stored' : 'empty')));
      });
      const browser = newBrowser();
      assert.equal((await browser.get('/')).body, 'stored');
      assert.equal((await browser.get('/')).body, 'stored');
      assert.equal(calls.set, 2);
    });
  }

  it('.save() should prevent end-of-request save on reloaded session', async (t) => {
    const { newBrowser, calls } = await start(t, {}, (req, res) => {
      req.session.hit = true;
      req.session.reload(() => req.session.save(() => res.end('saved')));
    });
    const browser = newBrowser();
    await browser.get('/');
    await browser.get('/');
    assert.equal(calls.set, 2);
  });

  it('.touch() should reset session expiration', async (t) => {
    const { newBrowser, promised } = await start(t, { resave: false, cookie: { maxAge: 60 * MINUTE } }, (req, res) => {
      req.session.hit = true;
      req.session.touch();
      res.end();
    });
    const browser = newBrowser();
    await browser.get('/');
    await pass(1800);
    await browser.get('/');
    assert.ok((await promised('get', idOf(browser))).cookie.expires - Date.now() > 50 * MINUTE);
  });

  it('.cookie.originalMaxAge should equal original maxAge for all requests', async (t) => {
    const { newBrowser } = await start(t, { cookie: { maxAge: 2000_000 } }, (req, res) => res.end(String(req.session.cookie.originalMaxAge)));
    const browser = newBrowser();
    for (let n = 0; n < 3; n += 1) {
      const { body } = await browser.get('/');
      // There too: a millisecond may end meanwhile.
      assert.ok(body === 2000_000 || body === 1999_999, `${body}`);
    }
  });

  it('.cookie.maxAge should modify cookie expires when changed, also to large value', async (t) => {
    const { newBrowser } = await start(t, { cookie: { maxAge: 2000_000 } }, (req, res) => {
      req.session.cookie.maxAge = Number(req.url.slice(1));
      req.session.n = req.url;
      res.end();
    });
    const browser = newBrowser();
    for (const maxAge of [5000_000, 2500_000_000, 10_000_000]) {
      const { set } = await browser.get(`/${maxAge}`);
      const expires = new Date(/Expires=([^;]+)/.exec(set[0])[1]);
      assert.ok(Math.abs(expires - Date.now() - maxAge) < 100_000);
      assert.equal((await rows())[0].idle_timeout_seconds, maxAge / 1000);
    }
  });

  it('.cookie.expires when given a Date should set absolute: a past one ends the session', async (t) => {
    const { newBrowser } = await start(t, {}, (req, res) => {
      req.session.cookie.expires = new Date(0);
      res.end();
    });
    const { set } = await newBrowser().get('/');
    assert.match(set[0], /Expires=Thu, 01 Jan 1970/);
    assert.equal(await count(), 0);
  });

  it('.cookie.expires when null should be a browser-session cookie, and should not reset cookie when modified', async (t) => {
    const { newBrowser } = await start(t, {}, (req, res) => {
      req.session.cookie.expires = null;
      req.session.hit = (req.session.hit || 0) + 1;
      res.end(String(req.session.hit));
    });
    const browser = newBrowser();
    const { set } = await browser.get('/');
    assert.ok(!/Expires/.test(set[0]));
    const second = await browser.get('/');
    assert.deepEqual([second.body, second.set.length], [2, 0]);
  });

  it('genid option should allow custom function', async (t) => {
    const { newBrowser } = await start(t, { genid: () => 'apple' }, number());
    const browser = newBrowser();
    assert.equal((await browser.get('/')).body, 'session 1');
    assert.equal(idOf(browser), 'apple');
    assert.equal((await browser.get('/')).body, 'session 1');
  });
});

describe('voxpelli/node-connect-pg-simple', () => {
  const options = { resave: false, rolling: true, cookie: { maxAge: 30 * 24 * 60 * MINUTE } };

  it('should generate a token, and should return the token it generates', async (t) => {
    const { newBrowser, promised } = await start(t, options);
    const browser = newBrowser();
    assert.equal(await count(), 0);
    await browser.get('/');
    assert.equal(await count(), 1);
    assert.ok(await promised('get', idOf(browser)));
  });

  it('should reuse existing session when given a cookie, and should not when not given a cookie', async (t) => {
    const { newBrowser } = await start(t, options);
    const browser = newBrowser();
    await browser.get('/');
    await browser.get('/');
    assert.equal(await count(), 1);
    await newBrowser().get('/');
    assert.equal(await count(), 2);
  });

  for (const [name, disableTouch, moved] of [
    ['should update expiry dates on existing sessions when rolling is set', false, true],
    ['should not update expiry dates on existing sessions when disableTouch is set', true, false],
  ]) {
    it(name, async (t) => {
      const { newBrowser } = await start(t, { ...options, store: new PgStore({ pool, pruneInterval: false, disableTouch, absoluteTimeout: 60 * 86400 }) });
      const browser = newBrowser();
      await browser.get('/');
      await pass(24 * 3600);
      const [before] = await rows();
      await browser.get('/');
      const [after] = await rows();
      assert.equal(after.expires_at > before.expires_at, moved);
    });
  }

  it('should invalidate a too old token', async (t) => {
    const { newBrowser, store } = await start(t, { ...options, cookie: { maxAge: 20 * 24 * 60 * MINUTE } });
    const [kept, lost] = [newBrowser(), newBrowser()];
    await Promise.all([kept.get('/'), lost.get('/')]);
    const age = async () => {
      await pass(12 * 24 * 3600);
      await owner.query('update web.session set prune_after = least(prune_after, expires_at)');
      await store.pruneSessions();
    };
    await age();
    assert.equal(await count(), 2);
    await kept.get('/');
    await age();
    assert.equal(await count(), 1);
  });

  /** A store whose timers the test runs; its database says nothing is left to prune, or fails. */
  function withTimers(t, pruneInterval, answer) {
    const timers = [];
    t.mock.method(globalThis, 'setTimeout', (run, milliseconds) => {
      timers.push({ run, milliseconds, unref: () => (timers.at(-1).isUnref = true) });
      return timers.at(-1);
    });
    t.mock.method(globalThis, 'clearTimeout', (timer) => {
      if (timer) timer.isCleared = true;
    });
    const seen = { prunes: 0, logged: [] };
    const query = async (text) => {
      if (!text.includes('prune_sessions')) return [];
      seen.prunes += 1;
      return answer();
    };
    const store = new PgStore({ query, pruneInterval, errorLog: (error) => seen.logged.push(error) });
    return { seen, store, timers, get: promisify(store.get.bind(store)) };
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const pruned = () => [{ outcome: 'pruned', deleted: '0', rescheduled: '0' }];

  for (const [name, pruneInterval, random, milliseconds] of [
    ['should by default run on randomized interval and close', undefined, 0.1, 540_000],
    ['should run on configurable interval', 10, 0.5, 10_000],
  ]) {
    it(`pruneSessions ${name}`, async (t) => {
      t.mock.method(Math, 'random', () => random);
      const { seen, store, timers, get } = withTimers(t, pruneInterval, pruned);
      assert.equal(timers.length, 0, 'called from the constructor');
      await get('id');
      await get('id');
      assert.equal(timers.length, 1, 'one run is planned, by the first call');
      for (const runs of [1, 2]) {
        assert.equal(timers.at(-1).milliseconds, milliseconds);
        assert.ok(timers.at(-1).isUnref);
        timers.at(-1).run();
        while (timers.length === runs) await turn();
        assert.equal(seen.prunes, runs);
      }
      await store.close();
      assert.ok(timers.at(-1).isCleared);
      await get('id');
      assert.equal(timers.length, 3, 'nothing is planned after close');
    });
  }

  it('pruneSessions should not run when interval is disabled', async (t) => {
    const { timers, get } = withTimers(t, false, pruned);
    await get('id');
    assert.equal(timers.length, 0);
  });

  it('pruneSessions goes on after a run that fails, and errorLog gets the error', async (t) => {
    const { seen, timers, get, store } = withTimers(t, 10, () => {
      throw new Error('Fail');
    });
    await get('id');
    for (const runs of [1, 2]) {
      timers.at(-1).run();
      while (timers.length === runs) await turn();
      assert.deepEqual(seen.logged.map(({ code }) => code), Array(runs).fill('CONNECT_PG_UNAVAILABLE'));
    }
    await store.close();
  });

  it('pruneSessions calls batch after batch until one is not full', async (t) => {
    let left = 2500;
    const { seen, store } = withTimers(t, false, () => {
      const deleted = Math.min(left, 1000);
      left -= deleted;
      return [{ outcome: 'pruned', deleted: String(deleted), rescheduled: '0' }];
    });
    assert.equal(await store.pruneSessions(), 2500);
    assert.equal(seen.prunes, 3);
  });

  it('should handle successfull destroy call, and should handle failing destroy call', async () => {
    const destroy = (query) => {
      const store = new PgStore({ query, pruneInterval: false });
      return promisify(store.destroy.bind(store))('foo');
    };
    await destroy(async () => [{ value: 'true' }]);
    const failure = new Error('Fail');
    await assert.rejects(
      destroy(async () => {
        throw failure;
      }),
      (error) => error.code === 'CONNECT_PG_UNAVAILABLE' && error.cause.message === 'Fail',
    );
  });
});

describe('koajs/generic-session, test/store.test.js', () => {
  async function startKoa(t, store, options) {
    const app = new Koa();
    app.silent = true;
    app.keys = ['a key'];
    app.use(generic({ store, ...options }));
    app.use(async (ctx) => {
      ctx.session.count = (ctx.session.count || 0) + 1;
      ctx.body = String(ctx.session.count);
    });
    return serve(t, app.callback());
  }

  for (const name of ['get', 'set']) {
    it(`should handler session error when store.${name} error`, async (t) => {
      const store = new KoaStore({ pool, pruneInterval: false });
      const handled = [];
      const newBrowser = await startKoa(t, store, { errorHandler: (error, type) => handled.push([error.message, type]) });
      const browser = newBrowser();
      await browser.get('/');
      store[name] = async () => {
        throw new Error('boom!');
      };
      await browser.get('/');
      assert.deepEqual(handled[0], ['boom!', name]);
    });
  }
});

describe('TMiguelT/koa-pg-session', () => {
  const store = new KoaStore({ pool, pruneInterval: false });

  it('should set and be able to retrieve data, should update existing session data, should not return a result after deleted', async () => {
    await store.set('123', { a: 1, b: 2 }, 45 * MINUTE);
    assert.deepEqual(await store.get('123'), { a: 1, b: 2 });
    await store.set('123', { c: 3, d: 4 }, 45 * MINUTE);
    assert.deepEqual(await store.get('123'), { c: 3, d: 4 });
    await store.destroy('123');
    assert.equal(await store.get('123'), null);
  });

  it('should still exist before the expiry time has passed, should be deleted after it, also before cleanup occurs', async () => {
    await store.set('123', { a: 1 }, 45 * MINUTE);
    await pass(44 * 60);
    assert.deepEqual(await store.get('123'), { a: 1 });
    await pass(2 * 60);
    assert.equal(await store.get('123'), null);
    assert.equal(await count(), 1);
    await owner.query('update web.session set prune_after = expires_at');
    assert.equal(await store.pruneSessions(), 1);
    assert.equal(await count(), 0);
  });
});
