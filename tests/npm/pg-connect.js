// For the module's own specification, which was written for pg 0.x: pg.connect(url, callback) is gone since
// pg 7. It connects by a URL of its author's machine; ours comes from PGHOST and the like.
// One connection, because the specification relies on queries being answered in the order of their asking.
'use strict';

const pg = require('pg');

const pool = new pg.Pool({ max: 1, allowExitOnIdle: true });
pg.connect = (_url, callback) => callback(null, pool);
