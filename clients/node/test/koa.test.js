// The store below koa and both session middlewares, over HTTP, with cookies.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const Koa = require('koa');
const { createSession } = require('koa-session');
const generic = require('koa-generic-session');
const { KoaStore } = require('connect-pg-store/koa');
const { dump, owner, pass, pool, rows } = require('./support/database.js');
const { serve } = require('./support/browser.js');

const MIDDLEWARES = {
  'koa-session': (store, app, { rolling } = {}) => createSession({ store, rolling, maxAge: 3600_000 }, app),
  'koa-generic-session': (store, app, { rolling } = {}) => generic({ store, rolling, cookie: { maxAge: 3600_000 } }),
  'koa-generic-session, deferred': (store, app, { rolling } = {}) => generic({ store, rolling, defer: true, cookie: { maxAge: 3600_000 } }),
};

/** A promise with its resolve. */
const signal = () => {
  let give;
  const given = new Promise((resolve) => (give = resolve));
  return { give, given };
};

async function start(t, middleware, { routes = {}, storeOptions, ...options } = {}) {
  const store = new KoaStore({ pool, pruneInterval: false, ...storeOptions });
  const app = new Koa();
  app.silent = true;
  app.keys = ['a key'];
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      ctx.status = 503;
      ctx.body = { code: error.code };
    }
  });
  app.use(middleware(store, app, options));
  const all = {
    async ''(ctx, session) {
      session.views = (session.views ?? 0) + 1;
      return { views: session.views, user: session.user };
    },
    read: async (ctx, session) => ({ views: session.views }),
    none: async () => ({}),
    async destroy(ctx) {
      ctx.session = null;
      return {};
    },
    async regenerate(ctx) {
      if (ctx.regenerateSession) await ctx.regenerateSession();
      else await ctx.session.regenerate();
      return {};
    },
    async login(ctx, session, user) {
      session.user = user;
      return { outcome: await store.loginSession(ctx, user, { label: ctx.get('label') }) };
    },
    async logout(ctx, session) {
      delete session.user;
      return { outcome: await store.logoutSession(ctx) };
    },
    rotate: async (ctx) => ({ outcome: await store.rotateSession(ctx, { graceSeconds: 20 }) }),
    info: (ctx) => store.sessionInfo(ctx),
    devices: async (ctx) => store.userSessions((await store.sessionInfo(ctx)).userId),
    others: async (ctx) => store.endUserSessions((await store.sessionInfo(ctx)).userId, { except: ctx }),
    end: async (ctx, session, handle) => store.endUserSession((await store.sessionInfo(ctx)).userId, handle),
    add: (ctx) => store.updateSession(ctx, (data) => void (data.views = (data.views ?? 0) + 1)),
    ...routes,
  };
  app.use(async (ctx) => {
    const [name, argument] = ctx.path.slice(1).split('/').map(decodeURIComponent);
    const answer = await all[name](ctx, name === 'none' ? undefined : await ctx.session, argument);
    ctx.body = JSON.stringify(answer);
  });
  return { newBrowser: await serve(t, app.callback()), store };
}

it('the ES module is the same class', async () => {
  assert.equal((await import('connect-pg-store/koa')).KoaStore, KoaStore);
});

for (const [name, middleware] of Object.entries(MIDDLEWARES)) {
  describe(name, () => {
    it('a visitor gets a session with the first change, and the same one with the cookie', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const browser = newBrowser();
      assert.equal((await browser.get('/read')).set.length, 0);
      assert.deepEqual(await rows(), []);
      assert.equal((await browser.get('/')).body.views, 1);
      assert.equal((await browser.get('/')).body.views, 2);
      assert.equal((await newBrowser().get('/')).body.views, 1);
      assert.equal((await rows()).length, 2);
    });

    it('the row has the lifetime of the cookie', async (t) => {
      const { newBrowser } = await start(t, middleware);
      await newBrowser().get('/');
      const [{ idle_timeout_seconds: seconds }] = await rows();
      assert.ok(seconds === 3600 || seconds === 3610, `${seconds}`);
    });

    it('a request that only reads writes nothing, and does not slide the expiry unless it is rolling', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const browser = newBrowser();
      await browser.get('/');
      await pass(2400);
      const [before] = await rows();
      assert.equal((await browser.get('/read')).body.views, 1);
      assert.deepEqual((await rows())[0], before);
      await pass(1300);
      assert.equal((await browser.get('/read')).body.views, undefined);
    });

    it('a rolling session slides with each request, and its data is not written again', async (t) => {
      const { newBrowser } = await start(t, middleware, { rolling: true });
      const browser = newBrowser();
      await browser.get('/');
      for (let n = 0; n < 3; n += 1) {
        await pass(2400);
        const { body, set } = await browser.get('/read');
        assert.equal(body.views, 1);
        assert.notEqual(set.length, 0);
      }
      assert.equal((await rows())[0].version, '1');
    });

    it('a session that ends during a request is not brought back', async (t) => {
      const entered = signal();
      const finish = signal();
      const { newBrowser, store } = await start(t, middleware, {
        routes: {
          async slow(ctx, session) {
            session.views = 100;
            entered.give();
            await finish.given;
            return { done: true };
          },
        },
      });
      const gone = [];
      store.on('gone', (data) => gone.push(data.views));
      const browser = newBrowser();
      await browser.get('/');
      const tab = browser.copy();
      const slow = tab.get('/slow');
      await entered.given;
      await browser.get('/destroy');
      finish.give();
      assert.deepEqual((await slow).body, { done: true });
      assert.deepEqual(gone, [100]);
      assert.deepEqual(await rows(), []);
      assert.equal((await tab.get('/read')).body.views, undefined);
    });

    it('a session stays ended whatever requests run beside the logout', async (t) => {
      const { newBrowser } = await start(t, middleware);
      for (let round = 0; round < 5; round += 1) {
        const browser = newBrowser();
        await browser.get('/');
        const tabs = Array.from({ length: 6 }, () => browser.copy());
        await Promise.all([...tabs.map((tab) => tab.get('/')), browser.copy().get('/destroy')]);
        assert.equal((await browser.copy().get('/read')).body.views, undefined);
      }
    });

    it('regenerate ends the old id', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const browser = newBrowser();
      await browser.get('/');
      const old = browser.copy();
      await browser.get('/regenerate');
      await browser.get('/');
      assert.notDeepEqual(browser.cookies, old.cookies);
      assert.equal((await old.get('/read')).body.views, undefined);
    });

    it('a request that does not change the session undoes no change of another one', async (t) => {
      const entered = signal();
      const finish = signal();
      const { newBrowser } = await start(t, middleware, {
        rolling: true,
        routes: {
          async slow() {
            entered.give();
            await finish.given;
            return {};
          },
        },
      });
      const browser = newBrowser();
      await browser.get('/');
      const slow = browser.copy().get('/slow');
      await entered.given;
      await browser.get('/');
      finish.give();
      await slow;
      assert.equal((await browser.get('/read')).body.views, 2);
    });

    it('updateSession loses no change of requests at once', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const browser = newBrowser();
      await browser.get('/');
      const answers = await Promise.all(Array.from({ length: 20 }, () => browser.copy().get('/add')));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
      assert.equal((await browser.get('/read')).body.views, 21);
    });

    it('updateSession stores a session that is not stored yet', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const browser = newBrowser();
      await browser.get('/add');
      assert.equal((await browser.get('/read')).body.views, 1);
      assert.equal((await rows()).length, 1);
    });

    it('the login gives a new id and keeps the data; the old id is invalid at once', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const browser = newBrowser();
      await browser.get('/');
      const planted = browser.copy();
      assert.deepEqual((await browser.get('/login/ada')).body, { outcome: 'rotated' });
      assert.notDeepEqual(browser.cookies, planted.cookies);
      assert.deepEqual((await browser.get('/')).body, { views: 2, user: 'ada' });
      assert.deepEqual((await planted.get('/')).body, { views: 1 });
      assert.equal((await browser.get('/info')).body.userId, 'ada');
    });

    it('the login of a visitor without a session creates one', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const browser = newBrowser();
      assert.deepEqual((await browser.get('/login/ada')).body, { outcome: 'created' });
      assert.deepEqual((await browser.get('/')).body, { views: 1, user: 'ada' });
      assert.equal((await rows()).length, 1);
    });

    it('the login with a session that ends meanwhile begins an empty one', async (t) => {
      const late = {};
      const { newBrowser, store } = await start(t, middleware, {
        routes: {
          async late(ctx, session) {
            await owner.query('select web.end_session(s.key) from web.session as s');
            const outcome = await late.store.loginSession(ctx, 'ada');
            return { outcome, views: session.views };
          },
        },
      });
      late.store = store;
      const browser = newBrowser();
      await browser.get('/');
      assert.deepEqual((await browser.get('/late')).body, { outcome: 'created' });
      assert.deepEqual((await browser.get('/')).body, { views: 1 });
      assert.equal((await browser.get('/info')).body.userId, 'ada');
    });

    it('a login that fails leaves the session as it was', async (t) => {
      const failing = {};
      const { newBrowser, store } = await start(t, middleware, {
        routes: {
          async fail(ctx, session) {
            const error = await failing.store.loginSession(ctx, 'ada\0').catch((failed) => failed);
            session.views += 10;
            return { code: error.code };
          },
        },
      });
      failing.store = store;
      const browser = newBrowser();
      await browser.get('/');
      assert.deepEqual((await browser.get('/fail')).body, { code: 'CONNECT_PG_ARGUMENT' });
      assert.deepEqual((await browser.get('/')).body, { views: 12 });
    });

    it('the logout gives a new id, keeps the data and takes the user away', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const browser = newBrowser();
      await browser.get('/');
      await browser.get('/login/ada');
      const old = browser.copy();
      assert.deepEqual((await browser.get('/logout')).body, { outcome: 'rotated' });
      assert.deepEqual((await browser.get('/')).body, { views: 2 });
      assert.equal((await browser.get('/info')).body.userId, null);
      assert.equal((await old.get('/read')).body.views, undefined);
    });

    it('rotateSession gives a new id; within the grace the old one still loads', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const browser = newBrowser();
      await browser.get('/');
      const tab = browser.copy();
      assert.deepEqual((await browser.get('/rotate')).body, { outcome: 'rotated' });
      assert.equal((await tab.get('/read')).body.views, 1);
      assert.equal((await browser.get('/')).body.views, 2);
    });

    it('devices are listed and ended by their handles', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const [phone, laptop] = [newBrowser(), newBrowser()];
      await phone.get('/login/ada', { label: 'phone', 'user-agent': 'Phone/1' });
      await laptop.get('/login/ada', { label: 'laptop' });
      const { body: devices } = await phone.get('/devices');
      assert.deepEqual(devices.map(({ label }) => label).sort(), ['laptop', 'phone']);
      assert.equal(devices.find(({ label }) => label === 'phone').userAgent, 'Phone/1');
      const { handle } = devices.find(({ label }) => label === 'laptop');
      assert.equal((await phone.get('/end/none')).body, false);
      assert.equal((await phone.get(`/end/${handle}`)).body, true);
      assert.equal((await laptop.get('/')).body.user, undefined);
      await laptop.get('/login/ada');
      assert.equal((await phone.get('/others')).body, 1);
      assert.equal((await phone.get('/')).body.user, 'ada');
    });

    it('the table contains no id', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const browser = newBrowser();
      await browser.get('/');
      await browser.get('/login/ada');
      const contents = await dump();
      for (const value of browser.cookies.values()) assert.ok(!contents.includes(value));
    });

    it('a database that is down is an error, and no new session: the visitor keeps the cookie', async (t) => {
      const { newBrowser } = await start(t, middleware);
      const browser = newBrowser();
      await browser.get('/');
      const broken = await start(t, middleware, { storeOptions: { pool: undefined, connection: { host: '/nonexistent' } } });
      const tab = broken.newBrowser(browser.cookies);
      const { status, body, set } = await tab.get('/');
      assert.deepEqual({ status, body, set }, { status: 503, body: { code: 'CONNECT_PG_UNAVAILABLE' }, set: [] });
      assert.equal((await browser.get('/')).body.views, 2);
    });
  });
}

describe('koa-session alone', () => {
  it('a session that is given another lifetime has it from then on', async (t) => {
    const { newBrowser } = await start(t, MIDDLEWARES['koa-session'], {
      routes: {
        async remember(ctx, session) {
          session.maxAge = 864000_000;
          return {};
        },
      },
    });
    const browser = newBrowser();
    await browser.get('/');
    await browser.get('/remember');
    assert.equal((await rows())[0].idle_timeout_seconds, 864010);
    await browser.get('/');
    assert.equal((await rows())[0].idle_timeout_seconds, 864010);
  });

  it("has no end of its own with maxAge: 'session'", async (t) => {
    const { newBrowser } = await start(t, (store, app) => createSession({ store, maxAge: 'session' }, app));
    const browser = newBrowser();
    const { set } = await browser.get('/');
    assert.ok(!/expires/i.test(set[0]));
    assert.equal((await browser.get('/')).body.views, 2);
    assert.equal((await rows())[0].idle_timeout_seconds, 86400);
  });

  it('a request that does not look at the session asks the database once, for the cookie', async (t) => {
    let queries = 0;
    const { newBrowser } = await start(t, MIDDLEWARES['koa-session'], {
      storeOptions: { pool: undefined, query: (...query) => ((queries += 1), pool.query(...query)) },
    });
    const browser = newBrowser();
    await browser.get('/none');
    assert.equal(queries, 0);
    await browser.get('/');
    queries = 0;
    await browser.get('/none');
    assert.equal(queries, 1);
  });
});

describe('get, set and destroy by themselves', () => {
  const store = new KoaStore({ pool, pruneInterval: false, errorLog: () => {} });

  it('work without a context', async () => {
    assert.equal(await store.get('id'), null);
    assert.equal(await store.set('id', { a: 1 }, 60_000), 'created');
    assert.deepEqual(await store.get('id', 60_000, {}), { a: 1 });
    assert.equal(await store.set('id', { a: 2 }, 60_000, {}), 'saved');
    assert.equal(await store.length(), 1);
    await store.destroy('id');
    assert.equal(await store.get('id'), null);
    assert.equal(await store.set('id', { a: 3 }, 60_000), 'gone');
    await store.clear();
  });

  it('refuse what is no id or no data', async () => {
    for (const id of ['', undefined, null, 5, '\ud800']) {
      assert.equal(await store.get(id), null);
      await store.destroy(id);
      await assert.rejects(store.set(id, {}), { code: 'CONNECT_PG_ARGUMENT' });
    }
    await assert.rejects(store.set('id', { n: 1n }), { code: 'CONNECT_PG_DATA' });
    await assert.rejects(store.set('id', undefined), { code: 'CONNECT_PG_DATA' });
    await assert.rejects(store.set('id', {}, 'soon'), { code: 'CONNECT_PG_ARGUMENT' });
    assert.deepEqual(await rows(), []);
  });

  it('data that is no JSON is no session', async () => {
    await owner.query("select web.create_session(sha256('id'), '{')");
    assert.equal(await store.get('id'), null);
  });

  it('a maxAge that has passed ends the session', async () => {
    await store.set('id', { a: 1 }, 60_000);
    assert.equal(await store.set('id', { a: 1 }, -1), 'ended');
    assert.equal(await store.get('id'), null);
  });
});
