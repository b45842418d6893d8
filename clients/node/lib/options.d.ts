import type { Pool, PoolConfig } from 'pg';

/** A function of the application that runs a statement with its values and returns the rows, or an object that has them. */
export type Query = (text: string, values: unknown[]) => Promise<unknown[] | { rows: unknown[] }>;

/** How the store reaches the database. Give at most one of pool, connection and query. */
export interface ConnectionOptions {
  /** A pool of the application. */
  pool?: Pool;
  /** What a pool of the store's own connects with. By default the variables of libpq: PGHOST and so on. */
  connection?: string | PoolConfig;
  query?: Query;
  /** The schema of the store. Default: web */
  schema?: string;
  /** Prepares each statement once a connection. Not behind a pooler that keeps no track of them. Default: false */
  preparedStatements?: boolean;
  /** The mean time between two runs that delete expired sessions, in seconds; false for none. Default: 900 */
  pruneInterval?: number | false;
  /** Gets the errors that no callback and no promise can. Default: console.error */
  errorLog?: (error: SessionStoreError) => void;
}

/** What belongs to a session beside its data. */
export interface SessionAttributes {
  label?: string | null;
  /** Shown in lists of devices. An address that is none counts as null. */
  clientAddress?: string | null;
  userAgent?: string | null;
  /** In whole seconds. */
  idleTimeout?: number | null;
  /** In whole seconds. */
  absoluteTimeout?: number | null;
  /** How many live sessions the user may have; 0 for any number. */
  maxSessions?: number | null;
}

/** A session in a list of devices. */
export interface Device {
  handle: string;
  createdAt: Date;
  lastUsedAt: Date;
  expiresAt: Date;
  clientAddress: string | null;
  userAgent: string | null;
  label: string | null;
}

/** What is known about a session, except its data. */
export interface SessionInfo {
  state: 'live' | 'expired' | 'ended' | 'missing';
  reason: string | null;
  userId: string | null;
  handle: string | null;
  createdAt: Date | null;
  lastUsedAt: Date | null;
  expiresAt: Date | null;
  absoluteExpiresAt: Date | null;
  clientAddress: string | null;
  userAgent: string | null;
  label: string | null;
}

export type ErrorCode =
  | 'CONNECT_PG_ARGUMENT'
  | 'CONNECT_PG_CONFLICT'
  | 'CONNECT_PG_DATA'
  | 'CONNECT_PG_DATABASE'
  | 'CONNECT_PG_LIMIT'
  | 'CONNECT_PG_UNAVAILABLE';

/** An error of the store. It contains no id, key, session data or password. */
export class SessionStoreError extends Error {
  private constructor();
  readonly code: ErrorCode;
  /** What to do. */
  readonly hint: string;
  /** Of the server, if it answered. */
  readonly sqlstate?: string;
}
