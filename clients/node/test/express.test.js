// The store below express and express-session, over HTTP, with cookies.
'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const express = require('express');
const session = require('express-session');
const { expressStore } = require('connect-pg-store/express');
const { dump, pass, pool, rows } = require('./support/database.js');
const { serve } = require('./support/browser.js');

const PgStore = expressStore(session);
const OPTIONS = { secret: 'a secret', resave: false, saveUninitialized: false, cookie: { maxAge: 3600_000 } };

/** A promise with its resolve. */
const signal = () => {
  let give;
  const given = new Promise((resolve) => (give = resolve));
  return { give, given };
};

/** An application with a few routes; returns a function that makes browsers. */
async function start(t, { routes, storeOptions, ...options } = {}) {
  const store = new PgStore({ pool, pruneInterval: false, ...storeOptions });
  const app = express();
  app.use(session({ store, ...OPTIONS, ...options }));
  app.get('/', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1;
    res.json({ views: req.session.views, user: req.session.user });
  });
  app.get('/read', (req, res) => res.json({ views: req.session.views, maxAge: req.session.cookie.maxAge }));
  app.get('/regenerate', (req, res, next) => req.session.regenerate((error) => (error ? next(error) : res.json({ id: req.sessionID }))));
  app.get('/destroy', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.json({}))));
  app.get('/login/:user', async (req, res) => {
    req.session.user = req.params.user;
    const outcome = await store.loginSession(req, req.params.user, { label: req.get('label') });
    res.json({ outcome, user: req.session.user });
  });
  app.get('/logout', async (req, res) => {
    delete req.session.user;
    res.json({ outcome: await store.logoutSession(req) });
  });
  app.get('/rotate', async (req, res) => res.json({ outcome: await store.rotateSession(req, { graceSeconds: 20 }) }));
  app.get('/info', async (req, res) => res.json(await store.sessionInfo(req)));
  app.get('/devices', async (req, res) => res.json(await store.userSessions((await store.sessionInfo(req)).userId)));
  app.get('/others', async (req, res) => res.json(await store.endUserSessions((await store.sessionInfo(req)).userId, { except: req })));
  app.get('/end/:handle', async (req, res) => res.json(await store.endUserSession((await store.sessionInfo(req)).userId, req.params.handle)));
  app.get('/add', async (req, res) => res.json(await store.updateSession(req, (data) => void (data.views = (data.views ?? 0) + 1))));
  routes?.(app, store);
  app.use((error, req, res, next) => (res.headersSent ? next(error) : res.status(503).json({ code: error.code, message: error.message })));
  return { newBrowser: await serve(t, app), store };
}

describe('a visitor', () => {
  it('gets a session with the first change, and the same one with the cookie', async (t) => {
    const { newBrowser } = await start(t);
    const browser = newBrowser();
    assert.equal((await browser.get('/read')).set.length, 0);
    assert.deepEqual(await rows(), []);
    assert.equal((await browser.get('/')).body.views, 1);
    assert.equal((await browser.get('/')).body.views, 2);
    assert.equal((await newBrowser().get('/')).body.views, 1);
    assert.equal((await rows()).length, 2);
  });

  it('whose cookie is forged, or of an unknown id, gets a session under another id', async (t) => {
    const { newBrowser } = await start(t);
    const browser = newBrowser();
    await browser.get('/');
    const [[name, value]] = browser.cookies;
    await pool.query('select web.clear_sessions()');
    const { set, body } = await browser.get('/');
    assert.equal(body.views, 1);
    assert.ok(!set[0].includes(value));
    const forged = newBrowser([[name, `${value}x`]]);
    assert.equal((await forged.get('/')).body.views, 1);
    assert.equal((await rows()).length, 2);
  });

  it('who only reads causes one call of the database and no write', async (t) => {
    t.mock.method(performance, 'now', () => 0);
    let queries = 0;
    const { newBrowser } = await start(t, { storeOptions: { pool: undefined, query: (...query) => ((queries += 1), pool.query(...query)) } });
    const browser = newBrowser();
    await browser.get('/');
    const [before] = await rows();
    queries = 0;
    await browser.get('/read');
    assert.equal(queries, 1);
    const [after] = await rows();
    assert.deepEqual(after, before);
  });

  it('with resave: true, who only reads writes nothing either', async (t) => {
    const { newBrowser } = await start(t, { resave: true });
    const browser = newBrowser();
    await browser.get('/');
    const [before] = await rows();
    await browser.get('/read');
    assert.deepEqual((await rows())[0], before);
  });

  it('who comes back in time keeps the session, and the cookie of each request has the expiry of the row', async (t) => {
    const { newBrowser } = await start(t, { rolling: true });
    const browser = newBrowser();
    await browser.get('/');
    for (let n = 0; n < 3; n += 1) {
      await pass(2400);
      const { body, set } = await browser.get('/read');
      assert.equal(body.views, 1);
      assert.ok(body.maxAge > 3000_000, `${body.maxAge}`);
      assert.match(set[0], /Expires=/);
    }
    await pass(3601);
    assert.equal((await browser.get('/')).body.views, 1);
  });

  it('who is given another lifetime has it from then on, with or without a change of the data', async (t) => {
    const { newBrowser } = await start(t, {
      routes: (app) =>
        app.get('/remember/:days', (req, res) => {
          req.session.cookie.maxAge = req.params.days * 86400_000;
          if (req.query.change) req.session.change = req.query.change;
          res.json({});
        }),
    });
    const browser = newBrowser();
    await browser.get('/');
    for (const path of ['/remember/10?change=1', '/remember/20', '/remember/5', '/remember/0.5?change=2']) {
      await browser.get(path);
      const seconds = Number(/[\d.]+/.exec(path)[0]) * 86400;
      assert.equal((await rows())[0].idle_timeout_seconds, seconds, path);
      const { body } = await browser.get('/read');
      assert.equal(body.views, 1);
      assert.ok(body.maxAge > (seconds - 3600) * 1000 && body.maxAge <= seconds * 1000, `${body.maxAge}`);
      assert.equal((await rows())[0].idle_timeout_seconds, seconds, path);
    }
  });

  it('who is given another lifetime by a request keeps what another one saved meanwhile', async (t) => {
    const entered = signal();
    const finish = signal();
    const { newBrowser } = await start(t, {
      routes: (app) =>
        app.get('/remember', async (req, res) => {
          entered.give();
          await finish.given;
          req.session.cookie.maxAge = 864000_000;
          res.json({});
        }),
    });
    const browser = newBrowser();
    await browser.get('/');
    const slow = browser.copy().get('/remember');
    await entered.given;
    await browser.get('/');
    finish.give();
    await slow;
    assert.equal((await browser.get('/read')).body.views, 2);
    assert.equal((await rows())[0].idle_timeout_seconds, 864000);
  });

  it('has a session without a cookie that expires, if the application wants that', async (t) => {
    const { newBrowser } = await start(t, { cookie: {} });
    const browser = newBrowser();
    const { set } = await browser.get('/');
    assert.ok(!/expires/i.test(set[0]));
    assert.equal((await browser.get('/')).body.views, 2);
    assert.equal((await rows())[0].idle_timeout_seconds, 86400);
  });
});

describe('regenerate, destroy and reload', () => {
  it('regenerate ends the session and begins an empty one', async (t) => {
    const { newBrowser } = await start(t, { saveUninitialized: true });
    const browser = newBrowser();
    await browser.get('/');
    const old = browser.copy();
    await browser.get('/regenerate');
    assert.notDeepEqual(browser.cookies, old.cookies);
    assert.equal((await browser.get('/')).body.views, 1);
    assert.equal((await old.get('/read')).body.views, undefined);
  });

  it('destroy ends the session', async (t) => {
    const { newBrowser } = await start(t);
    const browser = newBrowser();
    await browser.get('/');
    await browser.get('/destroy');
    assert.deepEqual(await rows(), []);
    assert.equal((await browser.get('/')).body.views, 1);
  });

  it('reload and save within a request work on what is stored', async (t) => {
    const { newBrowser } = await start(t, {
      routes: (app) =>
        app.get('/reload', (req, res, next) => {
          req.session.views = 100;
          req.session.save((error) => {
            if (error) return next(error);
            req.session.views = 200;
            return req.session.reload((failed) => (failed ? next(failed) : res.json({ views: req.session.views })));
          });
        }),
    });
    const browser = newBrowser();
    await browser.get('/');
    assert.equal((await browser.get('/reload')).body.views, 100);
    assert.equal((await browser.get('/read')).body.views, 100);
  });
});

describe('a session that ends during a request', () => {
  it('is not brought back by the save of the request; the response is sent, and the store says so', async (t) => {
    const entered = signal();
    const finish = signal();
    const { newBrowser, store } = await start(t, {
      routes: (app) =>
        app.get('/slow', async (req, res) => {
          req.session.views = 100;
          entered.give();
          await finish.given;
          res.json({ done: true });
        }),
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

  it('stays ended whatever requests run beside the logout', async (t) => {
    const { newBrowser } = await start(t);
    for (let round = 0; round < 10; round += 1) {
      const browser = newBrowser();
      await browser.get('/');
      const tabs = Array.from({ length: 6 }, () => browser.copy());
      await Promise.all([...tabs.map((tab) => tab.get('/')), browser.copy().get('/destroy')]);
      assert.equal((await browser.copy().get('/read')).body.views, undefined);
    }
  });

  it('by a logout on another device is not brought back either', async (t) => {
    const { newBrowser } = await start(t);
    const [phone, laptop] = [newBrowser(), newBrowser()];
    await phone.get('/login/ada');
    await laptop.get('/login/ada');
    const tabs = Array.from({ length: 4 }, () => laptop.copy());
    const [{ body: count }] = await Promise.all([phone.get('/others'), ...tabs.map((tab) => tab.get('/'))]);
    assert.equal(count, 1);
    assert.equal((await laptop.get('/read')).body.views, undefined);
  });
});

describe('requests at once', () => {
  it('updateSession loses no change', async (t) => {
    const { newBrowser } = await start(t);
    const browser = newBrowser();
    await browser.get('/');
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.copy().get('/add')));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal((await browser.get('/read')).body.views, 21);
  });

  it('updateSession of a session that is not stored yet stores it', async (t) => {
    const { newBrowser } = await start(t);
    const browser = newBrowser();
    await browser.get('/add');
    assert.equal((await browser.get('/read')).body.views, 1);
  });

  it("with conflicts: 'reject' an explicit save tells the request that lost", async (t) => {
    const both = signal();
    let inside = 0;
    const { newBrowser } = await start(t, {
      storeOptions: { conflicts: 'reject' },
      routes: (app) =>
        app.get('/race', async (req, res, next) => {
          inside += 1;
          if (inside === 2) both.give();
          await both.given;
          req.session.mine = inside += 1;
          req.session.save((error) => (error ? req.session.reload(() => next(error)) : res.json({})));
        }),
    });
    const browser = newBrowser();
    await browser.get('/');
    const answers = await Promise.all([browser.copy().get('/race'), browser.copy().get('/race')]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 503]);
    assert.equal(answers.find(({ status }) => status === 503).body.code, 'CONNECT_PG_CONFLICT');
  });
});

describe('users and devices', () => {
  it('the login gives a new id and keeps the data; the old id is invalid at once', async (t) => {
    const { newBrowser } = await start(t);
    const browser = newBrowser();
    await browser.get('/');
    const planted = browser.copy();
    assert.deepEqual((await browser.get('/login/ada')).body, { outcome: 'rotated', user: 'ada' });
    assert.notDeepEqual(browser.cookies, planted.cookies);
    assert.deepEqual((await browser.get('/')).body, { views: 2, user: 'ada' });
    assert.deepEqual((await planted.get('/')).body, { views: 1 });
    assert.equal((await browser.get('/info')).body.userId, 'ada');
  });

  it('the login of a visitor without a session creates one', async (t) => {
    const { newBrowser } = await start(t);
    const browser = newBrowser();
    assert.deepEqual((await browser.get('/login/ada')).body, { outcome: 'created', user: 'ada' });
    assert.deepEqual((await browser.get('/')).body, { views: 1, user: 'ada' });
    assert.equal((await rows()).length, 1);
  });

  it('the login with a session that ends meanwhile begins an empty one', async (t) => {
    const { newBrowser } = await start(t, {
      routes: (app, store) =>
        app.get('/late', async (req, res) => {
          await pool.query('select web.end_session($1)', [require('node:crypto').createHash('sha256').update(req.sessionID).digest()]);
          res.json({ outcome: await store.loginSession(req, 'ada'), views: req.session.views });
        }),
    });
    const browser = newBrowser();
    await browser.get('/');
    assert.deepEqual((await browser.get('/late')).body, { outcome: 'created' });
    assert.deepEqual((await browser.get('/')).body, { views: 1 });
    assert.equal((await browser.get('/info')).body.userId, 'ada');
  });

  it('a login that fails leaves the session as it was', async (t) => {
    const { newBrowser } = await start(t, {
      routes: (app, store) => {
        app.get('/limited', async (req, res) => {
          const error = await store.loginSession(req, 'bob\0').catch((failed) => failed);
          req.session.views += 10;
          res.json({ code: error.code });
        });
      },
    });
    const browser = newBrowser();
    await browser.get('/');
    assert.deepEqual((await browser.get('/limited')).body, { code: 'CONNECT_PG_ARGUMENT' });
    assert.deepEqual((await browser.get('/')).body, { views: 12 });
  });

  it('two logins at once of one session: one gets it, the other a session of its own', async (t) => {
    const { newBrowser } = await start(t);
    const browser = newBrowser();
    await browser.get('/');
    const tabs = [browser.copy(), browser.copy()];
    const answers = await Promise.all(tabs.map((tab) => tab.get('/login/ada')));
    assert.deepEqual(answers.map(({ body }) => body.outcome).sort(), ['created', 'rotated']);
    for (const tab of tabs) assert.equal((await tab.get('/info')).body.userId, 'ada');
  });

  it('the logout gives a new id, keeps the data and takes the user away', async (t) => {
    const { newBrowser } = await start(t);
    const browser = newBrowser();
    await browser.get('/');
    await browser.get('/login/ada');
    const old = browser.copy();
    assert.deepEqual((await browser.get('/logout')).body, { outcome: 'rotated' });
    assert.deepEqual((await browser.get('/')).body, { views: 2 });
    assert.equal((await browser.get('/info')).body.userId, null);
    assert.equal((await old.get('/read')).body.views, undefined);
  });

  it('rotateSession gives a new id; within the grace the old one still loads, and does not save', async (t) => {
    const { newBrowser } = await start(t);
    const browser = newBrowser();
    await browser.get('/');
    const tab = browser.copy();
    assert.deepEqual((await browser.get('/rotate')).body, { outcome: 'rotated' });
    assert.equal((await tab.get('/read')).body.views, 1);
    assert.equal((await tab.get('/')).body.views, 2);
    assert.equal((await browser.get('/')).body.views, 2);
  });

  it('a page of devices shows each with its label, address and program, and no id', async (t) => {
    const { newBrowser } = await start(t);
    const [phone, laptop] = [newBrowser(), newBrowser()];
    await phone.get('/login/ada', { label: 'phone', 'user-agent': 'Phone/1' });
    await laptop.get('/login/ada', { label: 'laptop', 'user-agent': 'Laptop/1' });
    await newBrowser().get('/login/bob', { label: 'of bob' });
    const { body: devices } = await phone.get('/devices');
    assert.deepEqual(devices.map(({ label }) => label).sort(), ['laptop', 'phone']);
    const own = devices.find(({ label }) => label === 'phone');
    assert.equal(own.userAgent, 'Phone/1');
    assert.equal(own.clientAddress, '127.0.0.1');
    assert.equal(own.handle, (await phone.get('/info')).body.handle);
    for (const moment of [own.createdAt, own.lastUsedAt, own.expiresAt]) assert.ok(Math.abs(new Date(moment) - Date.now()) < 3700_000, moment);
  });

  it('one device ends another by its handle; a stranger, or a handle that is none, ends nothing', async (t) => {
    const { newBrowser } = await start(t);
    const [phone, laptop, bob] = [newBrowser(), newBrowser(), newBrowser()];
    await phone.get('/login/ada', { label: 'phone' });
    await laptop.get('/login/ada', { label: 'laptop' });
    await bob.get('/login/bob');
    const { handle } = (await laptop.get('/info')).body;
    assert.equal((await bob.get(`/end/${handle}`)).body, false);
    assert.equal((await phone.get(`/end/${encodeURIComponent("' or true --")}`)).body, false);
    assert.equal((await phone.get(`/end/${handle}`)).body, true);
    assert.equal((await phone.get(`/end/${handle}`)).body, false);
    assert.equal((await laptop.get('/')).body.user, undefined);
    assert.equal((await phone.get('/')).body.user, 'ada');
  });

  it('maxSessions ends the least recently used session of the user', async (t) => {
    const { newBrowser } = await start(t, {
      routes: (app, store) => app.get('/two', async (req, res) => res.json(await store.loginSession(req, 'ada', { maxSessions: 2 }))),
    });
    const browsers = [newBrowser(), newBrowser(), newBrowser()];
    for (const browser of browsers) await browser.get('/two');
    assert.equal((await rows()).length, 2);
    assert.equal((await browsers[0].get('/info')).body.userId, null);
  });
});

describe('the option userId', () => {
  const passport = (app) => {
    // As passport does it: regenerate, then the user in the data.
    app.get('/passport/:user', (req, res, next) => {
      req.session.regenerate((error) => {
        if (error) return next(error);
        req.session.passport = { user: req.params.user };
        return req.session.save((failed) => (failed ? next(failed) : res.json({})));
      });
    });
    app.get('/careless/:user', (req, res, next) => {
      req.session.passport = { user: req.params.user };
      req.session.save((failed) => {
        if (failed === null) return res.json({});
        return req.session.reload(() => next(failed));
      });
    });
  };
  const storeOptions = { userId: (data) => data.passport?.user };

  it('makes a session the user’s at a login that regenerates', async (t) => {
    const { newBrowser } = await start(t, { storeOptions, routes: passport });
    const browser = newBrowser();
    await browser.get('/');
    await browser.get('/passport/ada');
    assert.equal((await browser.get('/info')).body.userId, 'ada');
    assert.equal((await browser.get('/devices')).body.length, 1);
  });

  it('refuses a login that keeps the id, for a session that is stored', async (t) => {
    const { newBrowser } = await start(t, { storeOptions, routes: passport });
    const browser = newBrowser();
    await browser.get('/');
    const { status, body } = await browser.get('/careless/ada');
    assert.deepEqual([status, body.code], [503, 'CONNECT_PG_ARGUMENT']);
    assert.equal((await browser.get('/info')).body.userId, null);
  });
});

describe('secrets', () => {
  it('the table contains no id of a cookie', async (t) => {
    const { newBrowser } = await start(t);
    const browser = newBrowser();
    await browser.get('/');
    await browser.get('/login/ada');
    const id = decodeURIComponent([...browser.cookies.values()][0]).slice(2).split('.')[0];
    const contents = await dump();
    assert.ok(!contents.includes(id));
    assert.ok(!contents.includes(Buffer.from(id).toString('hex')));
    assert.ok(contents.includes(require('node:crypto').createHash('sha256').update(id).digest('hex')));
  });
});
