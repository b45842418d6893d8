import koa from './koa.js';

export const { KoaStore, SessionStoreError } = koa;
