//! How clients reach a server.

use clap::ValueEnum;
use serde::Serialize;

/// How clients reach their server, PostgreSQL and Redis alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TCP on the loopback interface
    Tcp,
    /// A Unix socket
    Socket,
}
