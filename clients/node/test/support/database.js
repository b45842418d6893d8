'use strict';

const { after, beforeEach } = require('node:test');
const pg = require('pg');

// Of the runtime role: PGHOST, PGPORT, PGDATABASE, PGUSER and PGPASSWORD. Files run one after another, because each clears the store.
const pool = new pg.Pool({ max: 8 });
// A member of the owner role, for what the runtime role may not do: to look at the table, and to move time.
const owner = new pg.Pool({ max: 2, user: process.env.OWNER_USER, password: process.env.OWNER_PASSWORD });

after(() => Promise.all([pool.end(), owner.end()]));
beforeEach(() => pool.query('select web.clear_sessions()'));

/** Makes each session as old as if so many seconds had gone by. */
const pass = (seconds) =>
  owner.query(
    `update web.session set expires_at = expires_at - make_interval(secs => $1), slide_at = slide_at - make_interval(secs => $1),
       absolute_expires_at = absolute_expires_at - make_interval(secs => $1), created_at = created_at - make_interval(secs => $1),
       last_used_at = last_used_at - make_interval(secs => $1)`,
    [seconds],
  );

/** Returns the rows of the sessions that have not ended. */
const rows = async () => (await owner.query('select * from web.session where ended_at is null order by created_at')).rows;

/** Returns every row of the store as one text, as a dump would have it. */
const dump = async () => JSON.stringify((await owner.query('select s::text as text, s.key::text as key from web.session as s')).rows);

module.exports = { dump, owner, pass, pool, rows };
