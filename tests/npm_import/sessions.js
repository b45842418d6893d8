// Makes and loads sessions through the stores that session-admin import reads, unmodified, as their frameworks call them.
// tests/import_node_stores.rs runs this:
//     node sessions.js set|get connect-pg-simple|express-pg-session|koa-pg-session|koa-generic-session-sequelize OPTIONS
// OPTIONS is JSON: what the store's constructor takes. On standard input, set reads a JSON array of [id, data],
// where cookie.expires is in milliseconds; get reads a JSON array of ids, and prints an array of data.
'use strict';

const fs = require('node:fs');
const co = require('co');
const pg = require('pg');

const [verb, name, options] = [process.argv[2], process.argv[3], JSON.parse(process.argv[4])];
const pool = new pg.Pool({ max: 1 });

// express-session's stores take callbacks. A store of express-pg-session gives its errors to log to errorLog only.
const express = (module, more) => {
  const store = new (require(module)(require('express-session')))({
    pool,
    pruneSessionInterval: false,
    ...more,
    ...options,
  });
  const call = (method, ...args) =>
    new Promise((resolve, reject) => store[method](...args, (error, value) => (error ? reject(error) : resolve(value))));
  return { set: (id, data) => call('set', id, data), get: (id) => call('get', id) };
};

const stores = {
  'connect-pg-simple': async () => express('connect-pg-simple', { createTableIfMissing: true }),
  'express-pg-session': async () => express('express-pg-session', {}),
  'koa-pg-session': async () => {
    const store = new (require('koa-pg-session'))({}, options);
    await store.setup();
    const Store = require('koa-generic-session-1/lib/store');
    const wrapped = new Store(store, {});
    return { set: (id, data) => co(wrapped.set(id, data)), get: (id) => co(wrapped.get(id)) };
  },
  'koa-generic-session-sequelize': async () => {
    const { Sequelize } = require('sequelize');
    const { PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD } = process.env;
    const sequelize = new Sequelize(PGDATABASE, PGUSER, PGPASSWORD, {
      dialect: 'postgres',
      host: PGHOST,
      port: PGPORT,
      logging: false,
    });
    const store = new (require('koa-generic-session-sequelize'))(sequelize, options);
    await store.waitForSync();
    const Store = require('koa-generic-session/lib/store');
    const wrapped = new Store(store, {});
    return { set: (id, data) => wrapped.set(id, data), get: (id) => wrapped.get(id) };
  },
};

(async () => {
  const store = await stores[name]();
  const input = JSON.parse(fs.readFileSync(0, 'utf8'));
  if (verb === 'set') {
    for (const [id, data] of input) {
      if (data.cookie.expires) data.cookie.expires = new Date(data.cookie.expires);
      await store.set(id, data);
    }
  } else {
    const found = [];
    for (const id of input) found.push((await store.get(id)) || null);
    console.log(JSON.stringify(found));
  }
  // Timers of the stores would keep it alive.
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
