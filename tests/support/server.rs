//! The PostgreSQL server that `PG*` or `DATABASE_URL` names: connections as its superuser, and names for what a test makes.

use std::error::Error;

use connect_pg::ConnectionSettings;
use postgres::types::FromSqlOwned;
use postgres::{Client, NoTls};
use tokio_postgres::Config;

/// Returns how the superuser connects.
pub fn superuser_config() -> Config {
    ConnectionSettings::from_env()
        .and_then(|settings| settings.to_config())
        .expect("the server's settings: run the tests by `bin/with-pg cargo test --all-features`")
}

pub fn connect(config: &Config) -> Client {
    postgres::Config::from(config.clone()).connect(NoTls).unwrap_or_else(|error| {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        panic!(
            "no PostgreSQL server ({error}: {cause}): run the tests by `bin/with-pg cargo test --all-features`"
        )
    })
}

/// Returns the value of a query without parameters that has one row and one column.
#[track_caller]
pub fn value<T: FromSqlOwned>(client: &mut Client, sql: &str) -> T {
    client.query_one(sql, &[]).unwrap().get(0)
}

/// Quotes an identifier.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns 16 random hexadecimal digits.
pub fn random() -> String {
    format!("{:016x}", getrandom::u64().unwrap())
}

/// Returns a name for a database, a role or a file that no other test uses.
pub fn unique_name() -> String {
    format!("connect_pg_test_{}", random())
}
