// Compiled by tsc, not run.
import session from 'express-session';
import { expressStore, type PgStore } from 'connect-pg-store/express';

const store: PgStore = new (expressStore(session))({ ttl: 3600 });
await store.close();
