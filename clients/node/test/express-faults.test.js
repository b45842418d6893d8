// A database that is down, cuts connections or does not answer. Node's runner fails a test during which an exception reaches no
// callback.
'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { describe, it } = require('node:test');
const { inspect, promisify } = require('node:util');
const express = require('express');
const session = require('express-session');
const pg = require('pg');
const { expressStore } = require('connect-pg-store/express');
const { pool, rows } = require('./support/database.js');
const { serve } = require('./support/browser.js');
const { Proxy } = require('./support/proxy.js');

const PgStore = expressStore(session);
const ID = 'an id that must stay secret';
const DATA = { cookie: { originalMaxAge: 3600_000 }, text: 'data that must stay secret' };
const METHODS = [
  ['get', ID],
  ['set', ID, DATA],
  ['touch', ID, DATA],
  ['destroy', ID],
  ['length'],
  ['clear'],
  ['all'],
];

function open(t, connection) {
  const logged = [];
  const store = new PgStore({ connection, pruneInterval: false, errorLog: (error) => logged.push(error) });
  t.after(() => store.close());
  const call = (name, ...args) => promisify(store[name].bind(store))(...args);
  return { store, call, logged };
}

function assertNoSecret(error) {
  const shown = [error, error.cause, error.stack, JSON.stringify(error), Object.getOwnPropertyNames(error)]
    .map((part) => inspect(part, { depth: 10, showHidden: true }))
    .join('\n');
  const key = require('node:crypto').createHash('sha256').update(ID).digest();
  for (const secret of [ID, DATA.text, key.toString('hex'), key.toString('base64'), inspect(key), process.env.PGPASSWORD]) {
    assert.ok(!shown.includes(secret), shown);
  }
}

describe('a server that cannot be reached', () => {
  for (const [what, connection] of [
    ['refuses connections', { host: '127.0.0.1', port: 1 }],
    ['has no such socket', { host: '/nonexistent' }],
    ['has no such name', { host: 'no-such-host.invalid', connectionTimeoutMillis: 1000 }],
    ['never answers', null],
  ]) {
    it(`${what}: every method calls back with an error that has a hint and no secret`, async (t) => {
      let settings = connection;
      if (settings === null) {
        const proxy = await Proxy.start(t);
        proxy.held = true;
        settings = { host: '127.0.0.1', port: proxy.port, connectionTimeoutMillis: 200 };
      }
      const { call } = open(t, settings);
      for (const [name, ...args] of METHODS) {
        await assert.rejects(call(name, ...args), (error) => {
          assert.equal(error.name, 'SessionStoreError');
          assert.equal(error.code, 'CONNECT_PG_UNAVAILABLE');
          assert.match(error.hint, /pg_isready/);
          assertNoSecret(error);
          return true;
        });
      }
    });
  }

  it('has another password for the role: the hint names rotate-password', async (t) => {
    const { call } = open(t, { password: 'a wrong password' });
    await assert.rejects(call('get', ID), (error) => {
      assert.equal(error.sqlstate, '28P01');
      assert.match(error.message, /session-admin rotate-password/);
      assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes('a wrong password'));
      return true;
    });
  });

  it('answers requests with an error, and not with a new session: the visitor keeps the cookie', async (t) => {
    for (const connection of [
      { host: '127.0.0.1', port: 1 },
      // express-session takes the code ENOENT of an error for "no such session".
      { host: '/nonexistent' },
    ]) {
      const broken = open(t, connection).store;
      const working = new PgStore({ pool, pruneInterval: false });
      let store = working;
      const app = express();
      const of = (used) => session({ store: used, secret: 's', resave: false, saveUninitialized: false });
      const [good, bad] = [of(working), of(broken)];
      app.use((req, res, next) => (store === working ? good : bad)(req, res, next));
      app.get('/', (req, res) => {
        req.session.views = (req.session.views ?? 0) + 1;
        res.json({ views: req.session.views });
      });
      app.use((error, req, res, next) => (res.headersSent ? next(error) : res.status(503).json({ code: error.code })));
      const browser = (await serve(t, app))();
      await browser.get('/');
      store = broken;
      const { status, body, set } = await browser.get('/');
      assert.deepEqual({ status, body, set }, { status: 503, body: { code: 'CONNECT_PG_UNAVAILABLE' }, set: [] });
      store = working;
      assert.equal((await browser.get('/')).body.views, 2);
    }
  });
});

describe('a connection that is lost', () => {
  it('while it is idle: the process goes on, the next call has another connection, errorLog is told', async (t) => {
    const proxy = await Proxy.start(t);
    const { call, logged } = open(t, { host: '127.0.0.1', port: proxy.port });
    await call('set', ID, DATA);
    proxy.cut();
    while (logged.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const error of logged) assertNoSecret(error);
    assert.equal((await call('get', ID)).text, DATA.text);
  });

  it('of a pool of the application that has no listener of its own: the process goes on', async (t) => {
    const proxy = await Proxy.start(t);
    const given = new pg.Pool({ host: '127.0.0.1', port: proxy.port });
    const logged = [];
    const store = new PgStore({ pool: given, pruneInterval: false, errorLog: (error) => logged.push(error) });
    await promisify(store.get.bind(store))(ID);
    proxy.cut();
    while (logged.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(await promisify(store.get.bind(store))(ID), null);
    await given.end();
  });

  // The connection of the first try is ended by the server when it gets the statement.
  const lossy = (statements) => {
    let lost = 0;
    return {
      pool: {
        async connect() {
          const client = await pool.connect();
          const query = client.query.bind(client);
          client.query = async (config) => {
            client.query = query;
            statements.push(config.text);
            if (lost > 0) return query(config);
            lost += 1;
            return query('select pg_terminate_backend(pg_backend_pid())');
          };
          return client;
        },
      },
    };
  };

  it('by a call that has the same effect twice: the call is repeated, once', async (t) => {
    // However slow this machine is, the connection is lost at once.
    t.mock.method(performance, 'now', () => 0);
    await pool.query("select web.create_session(sha256($1), '{\"n\":1}')", [Buffer.from(ID)]);
    for (const [name, ...args] of [['get', ID], ['touch', ID, DATA], ['length'], ['destroy', ID]]) {
      const statements = [];
      const store = new PgStore({ ...lossy(statements), pruneInterval: false });
      await promisify(store[name].bind(store))(...args);
      assert.equal(statements.length, 2, name);
      assert.equal(statements[0], statements[1]);
    }
    assert.deepEqual(await rows(), []);
  });

  it('by a save or clear: an error, and no second try', async () => {
    for (const [name, ...args] of [['set', ID, DATA], ['clear']]) {
      const statements = [];
      const store = new PgStore({ ...lossy(statements), pruneInterval: false });
      await assert.rejects(promisify(store[name].bind(store))(...args), { code: 'CONNECT_PG_UNAVAILABLE' });
      assert.equal(statements.length, 1, name);
    }
  });

  it('again and again: the callback gets an error after the second try', async (t) => {
    const proxy = await Proxy.start(t);
    const { call } = open(t, { host: '127.0.0.1', port: proxy.port });
    await call('get', ID);
    await proxy.close();
    await assert.rejects(call('get', ID), { code: 'CONNECT_PG_UNAVAILABLE' });
    await proxy.open();
    assert.equal(await call('get', ID), null);
  });

  it('by a server that stops to answer: the call ends after query_timeout, and is not tried again', async (t) => {
    const proxy = await Proxy.start(t);
    const { call } = open(t, { host: '127.0.0.1', port: proxy.port, query_timeout: 1200 });
    await call('get', ID);
    proxy.held = true;
    await assert.rejects(call('get', ID), { code: 'CONNECT_PG_UNAVAILABLE' });
    proxy.held = false;
    proxy.cut();
  });

  it('of all connections at once, under requests: each gets an answer or an error', async (t) => {
    const proxy = await Proxy.start(t);
    const { call } = open(t, { host: '127.0.0.1', port: proxy.port, max: 4 });
    await call('set', ID, DATA);
    const calls = Array.from({ length: 100 }, (_, n) =>
      call('get', ID).then(
        (data) => assert.equal(data.text, DATA.text),
        (error) => assert.equal(error.code, 'CONNECT_PG_UNAVAILABLE', `${n}`),
      ),
    );
    await calls[0];
    proxy.cut();
    await Promise.all(calls);
    assert.equal((await call('get', ID)).text, DATA.text);
  });
});

describe('errors of the server', () => {
  it('a store that is not installed: the hint names session-admin install', async (t) => {
    const { call } = open(t, { database: 'postgres' });
    await assert.rejects(call('get', ID), (error) => {
      assert.ok(['3F000', '42501'].includes(error.sqlstate), error.sqlstate);
      assert.match(error.hint, /session-admin install/);
      assertNoSecret(error);
      return true;
    });
  });

  it('a session that another transaction holds: 55P03 after lock_timeout', async (t) => {
    const { call } = open(t, { options: '-c lock_timeout=50ms' });
    await call('set', ID, DATA);
    const holder = await pool.connect();
    t.after(() => holder.release());
    await holder.query('begin');
    await holder.query('select web.lock_session(sha256($1))', [Buffer.from(ID)]);
    await assert.rejects(call('destroy', ID), (error) => {
      assert.equal(error.sqlstate, '55P03');
      assertNoSecret(error);
      return true;
    });
    await holder.query('rollback');
    await call('destroy', ID);
    assert.equal(await call('get', ID), null);
  });

  it('a callback that throws is called once, and its exception is the application’s', async () => {
    const program = `
      const { expressStore } = require('connect-pg-store/express');
      const PgStore = expressStore(require('express-session'));
      const store = new PgStore({ pruneInterval: false });
      process.on('uncaughtException', (error) => console.log('uncaught', error.message));
      store.get('an id', () => {
        console.log('called');
        store.close();
        throw new Error('of the callback');
      });`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], { cwd: __dirname });
    assert.deepEqual(stdout.trim().split('\n'), ['called', 'uncaught of the callback']);
  });

  it('a process with a store that is not closed ends by itself: pruning does not keep it', async () => {
    const program = `
      const { expressStore } = require('connect-pg-store/express');
      const pg = require('pg');
      const pool = new pg.Pool();
      const store = new (expressStore(require('express-session')))({ pool });
      store.get('an id', () => pool.end());`;
    await promisify(execFile)(process.execPath, ['-e', program], { cwd: __dirname, timeout: 20_000 });
  });
});
