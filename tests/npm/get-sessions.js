// Loads the sessions whose ids are on standard input, a JSON array, through the npm module connect-pg, and prints a
// JSON array of what it found. tests/upgrade_connect_pg.rs runs this.
'use strict';

const fs = require('node:fs');
const pg = require('pg');
const PGStore = require('connect-pg');

const pool = new pg.Pool({ max: 1 });
const get = (id) =>
  new Promise((resolve, reject) => {
    // The module prints an error of the database and then never calls back. So the client that it is handed tells us.
    const query = (sql, parameters, done) =>
      pool.query(sql, parameters, (error, result) => (error ? reject(error) : done(error, result)));
    new PGStore((useClient) => useClient({ query })).get(id, (error, data) => (error ? reject(error) : resolve(data)));
  });

(async () => {
  const found = [];
  for (const id of JSON.parse(fs.readFileSync(0, 'utf8'))) found.push(await get(id));
  console.log(JSON.stringify(found));
  await pool.end();
})();
