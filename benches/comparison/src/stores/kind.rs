//! The stores that the command line names.

use clap::ValueEnum;

/// A store that `--stores` can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "kebab-case")]
pub enum StoreKind {
    /// This crate through its pool; always measured
    ConnectPg,
    /// This crate on a connection that the application lends it
    ConnectPgBorrowed,
    /// The same functions, called by the postgres crate alone
    BarePostgres,
    /// A plain table and prepared statements
    HandWritten,
    /// tower-sessions-sqlx-store
    TowerSessions,
    /// The npm module connect-pg-simple, on Node
    ConnectPgSimple,
    /// The functions of the npm module connect-pg 1.1.5
    #[value(name = "connect-pg-1.1.5")]
    ConnectPg115,
    /// Redis: nothing on disk, pipelined, and with its log on disk
    Redis,
}
