import type { EventEmitter } from 'node:events';
import type { ConnectionOptions, Device, SessionAttributes, SessionInfo } from './options.js';

export { SessionStoreError } from './options.js';
export type { ConnectionOptions, Device, ErrorCode, Query, SessionAttributes, SessionInfo } from './options.js';

export interface KoaStoreOptions extends ConnectionOptions {
  /** The idle timeout of a session without maxAge, in seconds. Default: the store's (session-admin configure). */
  ttl?: number;
  /** The absolute timeout of a new session, in seconds. Default: the store's. */
  absoluteTimeout?: number;
  /** What a save does that would overwrite the change of another request. Default: overwrite */
  conflicts?: 'overwrite' | 'reject';
}

/** What a save did. */
export type SaveOutcome = 'created' | 'saved' | 'same' | 'gone' | 'ended';

/** The context of a request, as Koa and the session middleware make it. */
type Context = any;

/** A store for koa-session and for koa-generic-session. */
export class KoaStore extends EventEmitter {
  constructor(options?: KoaStoreOptions);
  get(id: string, maxAge?: number | 'session', options?: { rolling?: boolean; ctx?: Context }): Promise<any>;
  set(
    id: string,
    data: any,
    maxAge?: number | 'session',
    options?: { rolling?: boolean; changed?: boolean; ctx?: Context },
  ): Promise<any>;
  destroy(id: string, options?: { ctx?: Context }): Promise<void>;
  /** Gives the session of the request to a user, under a new id, with its data: the login. */
  loginSession(ctx: Context, userId: string | number, attributes?: SessionAttributes): Promise<'rotated' | 'created'>;
  /** Takes the session of the request from its user, under a new id, with its data. */
  logoutSession(ctx: Context): Promise<'rotated' | 'gone'>;
  /** Gives the session of the request a new id and keeps everything else. */
  rotateSession(ctx: Context, options?: { graceSeconds?: number }): Promise<'rotated' | 'gone'>;
  /** Changes the stored data of the session, and loses no change of other requests. */
  updateSession(ctx: Context, change: (data: any) => void | Promise<void>): Promise<'saved' | 'gone'>;
  /** Returns what is known about the session of the request, except its data. */
  sessionInfo(ctx: Context): Promise<SessionInfo>;
  /** Returns the live sessions of a user. */
  userSessions(userId: string | number): Promise<Device[]>;
  /** Ends one session of a user. Returns false if the user has none with that handle. */
  endUserSession(userId: string | number, handle: string): Promise<boolean>;
  /** Ends the sessions of a user, except that of a request, and returns their number. */
  endUserSessions(userId: string | number, options?: { except?: Context }): Promise<number>;
  /** Returns the number of live sessions. Reads the whole table. */
  length(): Promise<number>;
  /** Removes every session. */
  clear(): Promise<void>;
  /** Deletes expired sessions now, and returns their number. */
  pruneSessions(): Promise<number>;
  /** Stops pruning, and closes the connections of a pool that the store made. */
  close(): Promise<void>;
}
