import type { Request } from 'express';
import type session from 'express-session';
import type { ConnectionOptions, Device, SessionAttributes, SessionInfo } from './options.js';

export { SessionStoreError } from './options.js';
export type { ConnectionOptions, Device, ErrorCode, Query, SessionAttributes, SessionInfo } from './options.js';

export interface PgStoreOptions extends ConnectionOptions {
  /** The idle timeout of a session whose cookie has no maxAge, in seconds. Default: the store's (session-admin configure). */
  ttl?: number;
  /** The absolute timeout of a new session, in seconds. Default: the store's. */
  absoluteTimeout?: number;
  /** Lets only a save slide the expiry. Default: false */
  disableTouch?: boolean;
  /** What a save does that would overwrite the change of another request. Default: overwrite */
  conflicts?: 'overwrite' | 'reject';
  /** Returns the user of a new session, from its data. */
  userId?: (data: session.SessionData) => string | number | null | undefined;
}

/** What a save did: passed to its callback after the error. */
export type SaveOutcome = 'created' | 'saved' | 'same' | 'gone' | 'ended';

/** What changes the id of a session. */
type HasSession = Pick<Request, 'sessionID' | 'session'>;

export interface PgStore extends session.Store {
  /** Only for a store that connects as an administrator: the runtime role cannot read sessions in bulk. Without ids. */
  all(callback: (error: any, sessions?: session.SessionData[] | { [sid: string]: session.SessionData } | null) => void): void;
  set(sid: string, data: session.SessionData, callback?: (error?: any, outcome?: SaveOutcome) => void): void;
  /** Gives the session of the request to a user, under a new id, with its data: the login. */
  loginSession(req: HasSession, userId: string | number, attributes?: SessionAttributes): Promise<'rotated' | 'created'>;
  /** Takes the session of the request from its user, under a new id, with its data. */
  logoutSession(req: HasSession): Promise<'rotated' | 'gone'>;
  /** Gives the session of the request a new id and keeps everything else. */
  rotateSession(req: HasSession, options?: { graceSeconds?: number }): Promise<'rotated' | 'gone'>;
  /** Changes the stored data of the session, and loses no change of other requests. */
  updateSession(req: HasSession, change: (data: session.SessionData) => void | Promise<void>): Promise<'saved' | 'gone'>;
  /** Returns what is known about the session of the request, except its data. */
  sessionInfo(req: Pick<Request, 'sessionID'>): Promise<SessionInfo>;
  /** Returns the live sessions of a user. */
  userSessions(userId: string | number): Promise<Device[]>;
  /** Ends one session of a user. Returns false if the user has none with that handle. */
  endUserSession(userId: string | number, handle: string): Promise<boolean>;
  /** Ends the sessions of a user, except that of a request, and returns their number. */
  endUserSessions(userId: string | number, options?: { except?: Pick<Request, 'sessionID'> }): Promise<number>;
  /** Deletes expired sessions now, and returns their number. */
  pruneSessions(): Promise<number>;
  /** Stops pruning, and closes the connections of a pool that the store made. */
  close(): Promise<void>;
  /** A save or touch came after the end of its session, and had no effect. */
  on(event: 'gone', listener: (data: session.SessionData) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
}

/** Returns the class of stores for express-session, which is passed in. */
export function expressStore(expressSession: typeof session): new (options?: PgStoreOptions) => PgStore;
