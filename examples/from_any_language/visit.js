// node visit.js, as the runtime role: PGHOST, PGDATABASE, PGUSER, PGPASSWORD
const crypto = require('node:crypto');
const { Pool } = require('pg');

const pool = new Pool();

async function one(text, ...values) {
  const { rows } = await pool.query(text, values);
  return rows[0];
}

// An id is 32 random bytes, and goes into a cookie. Its SHA-256 is the key: all that the server sees.
const newId = () => crypto.randomBytes(32).toString('base64url');
const keyOf = (id) => crypto.createHash('sha256').update(id).digest();

async function visit() {
  // A new visitor puts something into the basket.
  let key = keyOf(newId());
  const created = await one('select outcome, version from web.create_session($1, $2)', key, '{"cart":["tea"]}');
  console.log(`${created.outcome}, version ${created.version}`);

  // The next request loads the session. An unknown or ended one has no row.
  const loaded = await one('select data, version from web.load_session($1)', key);
  console.log(`loaded ${loaded.data}, version ${loaded.version}`);

  // A save names the version that was loaded, so it overwrites no other change.
  const save = 'select outcome, version from web.save_session($1, $2, $3)';
  const saved = await one(save, key, '{"cart":["tea","milk"]}', loaded.version);
  console.log(`${saved.outcome}, version ${saved.version}`);

  // Another request loaded version 1 too. It loads again, and then changes and saves.
  const refused = await one(save, key, '{"cart":["tea","rice"]}', loaded.version);
  console.log(`${refused.outcome}, version ${refused.version} is stored`);

  // The login: a new id, the same data. The old id is invalid at once.
  const newKey = keyOf(newId());
  const login = await one('select outcome from web.login_session($1, $2, $3, p_label => $4)', key, newKey, 'ada', 'phone');
  console.log(login.outcome);
  const old = await one('select count(*) from web.load_session($1)', key);
  console.log(`sessions under the old id: ${old.count}`);
  key = newKey;

  // The devices of the user. A handle names one in a form, and cannot be used to load it.
  const device = await one('select handle, label from web.user_sessions($1)', 'ada');
  console.log(`ada is logged in with: ${device.label}`);

  // The logout.
  const ended = await one('select web.end_session($1) as ended', key);
  console.log(`ended: ${ended.ended ? 't' : 'f'}`);

  // A request that was under way during the logout saves. The session stays ended.
  const late = await one('select outcome from web.save_session($1, $2)', key, '{"cart":[]}');
  console.log(late.outcome);
}

visit().finally(() => pool.end());
