// Compiled by tsc, not run.
import express from 'express';
import session from 'express-session';
import { Pool } from 'pg';
import { expressStore, SessionStoreError, type Device, type PgStoreOptions } from 'connect-pg-store/express';

declare module 'express-session' {
  interface SessionData {
    views?: number;
  }
}

const PgStore = expressStore(session);
const options: PgStoreOptions = { pool: new Pool(), schema: 'web', conflicts: 'reject', pruneInterval: false, userId: (data) => data.views };
const store = new PgStore(options);
new PgStore();
new PgStore({ connection: { host: '/run/postgresql', password: async () => 'secret' } });
new PgStore({ query: async (text, values) => [text, values] });
// @ts-expect-error there is no such policy
new PgStore({ conflicts: 'merge' });
// @ts-expect-error there is no such option
new PgStore({ tableName: 'session' });

const app = express();
app.use(session({ store, secret: 'secret', resave: false, saveUninitialized: false }));
app.post('/login', async (req, res) => {
  const outcome: 'rotated' | 'created' = await store.loginSession(req, 'ada', { label: 'phone', maxSessions: 5 });
  res.send(outcome);
});
app.get('/devices', async (req, res) => {
  const devices: Device[] = await store.userSessions('ada');
  res.json(devices.map(({ handle, label }) => ({ handle, label })));
});
app.post('/others', async (req, res) => {
  const count: number = await store.endUserSessions('ada', { except: req });
  await store.updateSession(req, (data) => void (data.views = count));
  const { userId, handle } = await store.sessionInfo(req);
  if (userId !== null && handle !== null) await store.endUserSession(userId, handle);
  res.end();
});
store.on('gone', (data) => console.log(data.views));
store.set('sid', { cookie: new session.Cookie() }, (error, outcome) => {
  if (error instanceof SessionStoreError) console.log(error.code === 'CONNECT_PG_LIMIT', error.hint, error.sqlstate);
  console.log(outcome === 'gone');
});
