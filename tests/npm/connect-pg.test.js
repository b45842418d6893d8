// The npm module connect-pg 1.1.5, unmodified, against a database that correct_web() made.
//
// tests/npm_client.rs runs this file. Connection of the runtime role: PGHOST, PGPORT, PGDATABASE, PGUSER,
// PGPASSWORD. OWNER_USER and OWNER_PASSWORD are of a role that may touch the private table, to move time.
'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const { after, beforeEach, describe, it } = require('node:test');
const connect = require('connect');
const pg = require('pg');
const PGStore = require('connect-pg');

const pool = new pg.Pool({ max: 8 });
const otherPool = new pg.Pool({ max: 8 });
const owner = new pg.Pool({ max: 1, user: process.env.OWNER_USER, password: process.env.OWNER_PASSWORD });
after(() => Promise.all([pool.end(), otherPool.end(), owner.end()]));

// The module prints an error of the database and then never calls back. So the client that it is handed tells us.
function call(through, method, ...args) {
  return new Promise((resolve, reject) => {
    const store = new PGStore((useClient) =>
      useClient({
        query(...query) {
          const done = query.pop();
          through.query(...query, (error, result) => {
            if (error) reject(error);
            else done(error, result);
          });
        },
      })
    );
    store[method](...args, (error, value) => (error ? reject(error) : resolve(value)));
  });
}
const set = (id, data, through = pool) => call(through, 'set', id, data);
const get = (id, through = pool) => call(through, 'get', id);
const destroy = (id, through = pool) => call(through, 'destroy', id);
const length = (through = pool) => call(through, 'length');
const clear = (through = pool) => call(through, 'clear');

// As if so many seconds had gone by for every session.
const pass = (seconds) =>
  owner.query(
    `update web.session set expires_at = expires_at - make_interval(secs => $1),
       slide_at = slide_at - make_interval(secs => $1), absolute_at = absolute_at - make_interval(secs => $1)`,
    [seconds]
  );

const inOneHour = () => ({ expires: new Date(Date.now() + 3600e3) });
const anHourAgo = () => ({ expires: new Date(Date.now() - 3600e3) });

beforeEach(() => clear());

describe('the role', () => {
  it('is no superuser, has logged in with its password over TCP, and cannot touch the table', async () => {
    const { rows } = await pool.query(
      `select current_setting('is_superuser') as is_superuser, current_user as name, inet_server_addr() is not null as is_tcp`
    );
    assert.deepEqual(rows, [{ is_superuser: 'off', name: process.env.PGUSER, is_tcp: true }]);
    await assert.rejects(pool.query('select * from web.session'), { code: '42501' });
    await assert.rejects(pool.query('delete from web.session'), { code: '42501' });
    const wrong = new pg.Client({ password: `${process.env.PGPASSWORD}x` });
    await assert.rejects(wrong.connect(), { code: '28P01' });
  });
});

describe('as its own specification has it', () => {
  it('is built on the Store of connect, and wants a function that hands out a client', () => {
    assert.equal(Object.getPrototypeOf(PGStore.prototype), connect.session.Store.prototype);
    assert.throws(() => new PGStore());
    assert.throws(() => new PGStore('text'));
  });

  it('gives back what was set', async () => {
    await set('session-1', 'Test data');
    assert.equal(await get('session-1'), 'Test data');
  });

  it('gives null for a session that is not there', async () => {
    assert.equal(await get('bad-session'), null);
  });

  it('replaces what was there', async () => {
    await set('session-1', { views: 1 });
    await set('session-1', { views: 2, cookie: inOneHour() });
    assert.equal((await get('session-1')).views, 2);
    assert.equal(await length(), 1);
  });

  it('removes a session', async () => {
    await set('session-1', 'Test data');
    await destroy('session-1');
    assert.equal(await get('session-1'), null);
  });

  it('is content to destroy what is not there', async () => {
    await destroy('bad-session');
    assert.equal(await length(), 0);
  });

  it('counts, as a number', async () => {
    assert.equal(await length(), 0);
    await Promise.all(['session-1', 'session-2', 'session-3'].map((id) => set(id, 'Test data')));
    assert.equal(await length(), 3);
  });

  it('removes all', async () => {
    await Promise.all(['session-1', 'session-2', 'session-3'].map((id) => set(id, 'Test data')));
    await clear();
    assert.equal(await length(), 0);
    assert.equal(await get('session-2'), null);
  });

  it('does without callbacks', async () => {
    const one = new pg.Pool({ max: 1 }); // one connection: the queries keep their order
    const store = new PGStore((useClient) => useClient(one));
    store.set('session-1', { n: 1 });
    store.set('session-2', { n: 2 });
    store.destroy('session-2');
    assert.equal(await length(one), 1);
    assert.deepEqual(await get('session-1', one), { n: 1 });
    store.clear();
    assert.equal(await length(one), 0);
    await one.end();
  });

  it('does not show an expired session, whether new or replaced', async () => {
    await set('session-1', 'Test data');
    await set('session-1', { data: 'Test data', cookie: anHourAgo() });
    await set('session-2', { data: 'Test data', cookie: anHourAgo() });
    assert.equal(await get('session-1'), null);
    assert.equal(await get('session-2'), null);
    assert.equal(await length(), 0);
  });

  it('lets an expired session be set anew', async () => {
    await set('session-1', { n: 1, cookie: anHourAgo() });
    await set('session-1', { n: 2, cookie: inOneHour() });
    assert.equal((await get('session-1')).n, 2);
  });
});

describe('the end of a session', () => {
  it('is final: a set that comes late does nothing', async () => {
    await set('session-1', { user: 'alice' });
    await destroy('session-1');
    await set('session-1', { user: 'alice', cookie: inOneHour() });
    await set('session-1', { user: 'alice' }, otherPool);
    assert.equal(await get('session-1'), null);
    assert.equal(await length(), 0);
  });

  it('is final for an id whose first set comes after its end', async () => {
    await destroy('session-1');
    await set('session-1', { user: 'alice' });
    assert.equal(await get('session-1'), null);
  });

  it('waits for a first set that is under way', async () => {
    const slow = await pool.connect();
    const destroyer = await otherPool.connect();
    try {
      await slow.query('begin');
      await slow.query('select web.set_session_data($1, $2, $3)', ['session-1', '{"user":"alice"}', null]);
      const { pid } = (await destroyer.query('select pg_backend_pid() as pid')).rows[0];
      let isDone = false;
      const destroyed = destroy('session-1', destroyer).finally(() => (isDone = true));
      for (let isWaiting = false; !isWaiting && !isDone; ) {
        const { rows } = await owner.query('select cardinality(pg_blocking_pids($1)) > 0 as is_waiting', [pid]);
        isWaiting = rows[0].is_waiting;
      }
      assert.equal(isDone, false);
      await slow.query('commit');
      await destroyed;
    } finally {
      slow.release(true); // closed, whatever state it is in
      destroyer.release(true);
    }
    assert.equal(await get('session-1'), null);
  });

  it('is forgotten by clear, so that ids can be used again', async () => {
    await set('session-1', { n: 1 });
    await destroy('session-1');
    await clear();
    await set('session-1', { n: 2 });
    assert.deepEqual(await get('session-1'), { n: 2 });
  });
});

describe('an expiry', () => {
  it('of null is the default idle timeout, not "for ever"', async () => {
    await set('no-cookie', 'Test data');
    await set('no-expiry', { cookie: { path: '/' } });
    await set('null-expiry', { cookie: { expires: null } });
    await set('false-expiry', { cookie: { expires: false } });
    const { rows } = await owner.query(
      `select s.expires_at = s.last_used_at + make_interval(secs => t.idle_seconds) as is_default
       from web.session as s, web.settings as t`
    );
    assert.deepEqual(rows, Array(4).fill({ is_default: true }));
    await pass(86400 - 3600);
    assert.equal(await length(), 4);
    await pass(3601);
    assert.equal(await length(), 0);
    assert.equal(await get('null-expiry'), null);
  });

  it('is taken as a point in time, in whatever time zone the session of the database is', async () => {
    for (const zone of ['UTC', 'Pacific/Kiritimati', 'Pacific/Pago_Pago']) {
      const zoned = new pg.Pool({ max: 1, options: `-c TimeZone=${zone}` });
      await set('ahead', { zone, cookie: { expires: new Date(Date.now() + 60e3) } }, zoned);
      await set('past', { zone, cookie: { expires: new Date(Date.now() - 60e3) } }, zoned);
      assert.equal((await get('ahead', zoned)).zone, zone);
      assert.equal(await get('past', zoned), null);
      assert.equal((await get('ahead', pool)).zone, zone);
      await zoned.end();
    }
  });

  it('that went through JSON, a string, works like a date', async () => {
    await set('session-1', JSON.parse(JSON.stringify({ n: 1, cookie: inOneHour() })));
    await set('session-2', JSON.parse(JSON.stringify({ n: 1, cookie: anHourAgo() })));
    assert.equal((await get('session-1')).n, 1);
    assert.equal(await get('session-2'), null);
  });
});

describe('odd ids and data', () => {
  const ids = [
    '',
    ' ',
    "'",
    `'); drop schema web cascade; --`,
    '"quoted"',
    '\\',
    '\\x00',
    '%_',
    '$1',
    'null',
    'line\nbreak\ttab',
    'séance',
    'se\u0301ance', // another id than the one before: nothing is normalised
    '会话 🍪 👩‍👩‍👧‍👦',
    '\u{10ffff}',
    'x'.repeat(1_000_000),
    `${'x'.repeat(1_000_000)}y`,
  ];

  it('are told apart, found and destroyed one by one', async () => {
    await Promise.all(ids.map((id, n) => set(id, { n })));
    assert.equal(await length(), ids.length);
    for (const [n, id] of ids.entries()) assert.deepEqual(await get(id), { n }, JSON.stringify(id.slice(0, 40)));
    for (const [n, id] of ids.entries()) {
      await destroy(id);
      assert.equal(await get(id), null);
      assert.equal(await length(), ids.length - n - 1);
    }
  });

  it('an id that is not text for PostgreSQL is refused, and nothing else is harmed', async () => {
    await set('session-1', { n: 1 });
    await assert.rejects(set('nul\u0000', { n: 2 }), { code: '22021' });
    assert.deepEqual(await get('session-1'), { n: 1 });
  });

  it('no id, in the sense of null, is refused or does nothing, but never makes a session', async () => {
    await set(null, { n: 1 }).catch((error) => assert.match(error.code, /^22/));
    await destroy(null);
    assert.equal(await get(null), null);
    assert.equal(await length(), 0);
  });

  it('data comes back as it was', async () => {
    const values = [
      {},
      [],
      '',
      'Test data',
      { nul: '\u0000', emoji: '🍪', quote: `'"\\`, lone: '\ud800', deep: JSON.parse('['.repeat(500) + ']'.repeat(500)) },
      { big: 'x'.repeat(1_000_000) },
      { number: 1.7976931348623157e308, negative: -0.1, integer: Number.MAX_SAFE_INTEGER, no: null, yes: true },
    ];
    for (const value of values) {
      await set('session-1', value);
      assert.deepEqual(await get('session-1'), value);
    }
  });

  it('data over the limit is refused, and the stored session stays', async () => {
    await set('session-1', { n: 1 });
    await assert.rejects(set('session-1', { big: 'x'.repeat(1_048_576) }), { code: '54000' });
    await assert.rejects(set('session-2', { big: 'x'.repeat(1_048_576) }), { code: '54000' });
    assert.deepEqual(await get('session-1'), { n: 1 });
    assert.equal(await length(), 1);
  });
});

describe('two clients at once', () => {
  it('see what the other does', async () => {
    await set('session-1', { n: 1 }, pool);
    assert.deepEqual(await get('session-1', otherPool), { n: 1 });
    await set('session-1', { n: 2 }, otherPool);
    assert.deepEqual(await get('session-1', pool), { n: 2 });
    await destroy('session-1', pool);
    assert.equal(await get('session-1', otherPool), null);
    await set('session-2', {}, pool);
    assert.equal(await length(otherPool), 1);
    await clear(otherPool);
    assert.equal(await length(pool), 0);
  });

  it('neither fail nor wait for each other for ever, on the same few sessions', async () => {
    const work = [];
    for (let i = 0; i < 600; i++) {
      const through = i % 2 ? pool : otherPool;
      const id = `session-${i % 5}`;
      work.push(set(id, { n: i, cookie: i % 7 ? inOneHour() : anHourAgo() }, through));
      work.push(get(id, through));
      if (i % 11 === 0) work.push(length(through));
      if (i % 13 === 0) work.push(destroy(`other-${i % 5}`, through));
      if (i % 50 === 0) work.push(clear(through));
    }
    await Promise.all(work);
  });

  it('cannot bring back what one of them destroys, whatever the order', async () => {
    for (let round = 0; round < 20; round++) {
      const id = `session-${round}`;
      const sets = (through) => Array.from({ length: 10 }, (_, n) => set(id, { user: 'alice', n }, through));
      await Promise.all([...sets(pool), destroy(id, otherPool), ...sets(otherPool)]);
      assert.equal(await get(id), null, `round ${round}`);
    }
    assert.equal(await length(), 0);
  });
});

describe('an application on connect', () => {
  // One visitor: keeps cookies as a browser does, one is enough.
  function visitor(port) {
    let cookie;
    return function visit(method, path, withCookie) {
      return new Promise((resolve, reject) => {
        const headers = {};
        const sent = withCookie === undefined ? cookie : withCookie;
        if (sent) headers.cookie = sent;
        const request = http.request({ port, method, path, headers, agent: false }, (response) => {
          const [fresh] = response.headers['set-cookie'] || [];
          if (fresh && withCookie === undefined) cookie = fresh.split(';')[0];
          let body = '';
          response.setEncoding('utf8');
          response.on('data', (part) => (body += part));
          response.on('end', () => resolve({ status: response.statusCode, body, cookie, sent }));
        });
        request.on('error', reject);
        request.end();
      });
    };
  }

  async function withApplication(test) {
    // Two stores, as two processes behind a balancer would have them.
    const stores = [pool, otherPool].map((through) => new PGStore((useClient) => useClient(through)));
    const gate = {};
    gate.entered = new Promise((resolve) => (gate.enter = resolve));
    gate.opened = new Promise((resolve) => (gate.open = resolve));
    const servers = [];
    for (const store of stores) {
      const app = connect();
      app.use(
        connect.session({
          store,
          secret: 'not a secret in a test',
          resave: false,
          saveUninitialized: false,
          cookie: { maxAge: 600e3, httpOnly: true },
        })
      );
      app.use('/login', (request, response, next) =>
        request.session.regenerate((error) => {
          if (error) return next(error);
          request.session.user = 'alice';
          response.end('welcome');
        })
      );
      app.use('/logout', (request, response, next) =>
        request.session.destroy((error) => (error ? next(error) : response.end('goodbye')))
      );
      app.use('/slow', async (request, response) => {
        request.session.views = (request.session.views || 0) + 1; // to be saved at the end of this request
        gate.enter();
        await gate.opened;
        response.end(`slow ${request.session.user}`);
      });
      app.use((request, response) => {
        request.session.views = (request.session.views || 0) + 1;
        response.end(`${request.session.user || 'anonymous'} ${request.session.views}`);
      });
      servers.push(await new Promise((resolve) => {
        const server = http.createServer(app).listen(0, '127.0.0.1', () => resolve(server));
      }));
    }
    try {
      await test(servers.map((server) => server.address().port), gate);
    } finally {
      gate.open();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    }
  }

  it('counts views, logs in with a new id, logs out', () =>
    withApplication(async ([port]) => {
      const visit = visitor(port);
      assert.equal((await visit('GET', '/')).body, 'anonymous 1');
      const before = await visit('GET', '/');
      assert.equal(before.body, 'anonymous 2');
      const login = await visit('POST', '/login');
      assert.equal(login.body, 'welcome');
      assert.notEqual(login.cookie, before.cookie);
      assert.equal((await visit('GET', '/')).body, 'alice 1');
      assert.equal((await visit('GET', '/', before.cookie)).body, 'anonymous 1', 'the id from before the log-in is dead');
      assert.equal((await visit('POST', '/logout')).body, 'goodbye');
      assert.equal((await visit('GET', '/', login.cookie)).body, 'anonymous 1');
    }));

  it('stays logged out when a slow request of the same visitor, on another server, saves after the log-out', () =>
    withApplication(async ([one, two], gate) => {
      const visit = visitor(one);
      await visit('POST', '/login');
      const { body, cookie } = await visit('GET', '/');
      assert.equal(body, 'alice 1');

      const slow = visitor(two)('GET', '/slow', cookie);
      await gate.entered; // it has loaded the session of alice
      assert.equal((await visit('POST', '/logout')).body, 'goodbye');
      assert.equal(await length(), 0);
      gate.open();
      assert.equal((await slow).body, 'slow alice'); // answered, so its save is done: connect saves first

      assert.equal(await length(), 0);
      assert.equal((await visitor(one)('GET', '/', cookie)).body, 'anonymous 1');
      assert.equal((await visitor(two)('GET', '/', cookie)).body, 'anonymous 1');
    }));
});
