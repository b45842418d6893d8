// Compiled by tsc, not run.
import { createSession } from 'koa-session';
import { KoaStore, type KoaStoreOptions } from 'connect-pg-store/koa';

const options: KoaStoreOptions = { connection: 'postgres://nodepg@localhost/shop', absoluteTimeout: 86400 };
const store = new KoaStore(options);
// @ts-expect-error there is no such option
new KoaStore({ table: 'session' });

declare const app: { use(middleware: (ctx: any, next?: any) => Promise<void>): void };
app.use(createSession({ store, maxAge: 86400e3 }, app));
app.use(async (ctx) => {
  const outcome: 'rotated' | 'created' = await store.loginSession(ctx, 'ada', { label: 'phone' });
  const count: number = await store.endUserSessions('ada', { except: ctx });
  ctx.body = { outcome, count, devices: (await store.userSessions('ada')).map(({ handle }) => handle) };
});
