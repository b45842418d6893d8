//! What a crash of the server may lose, for the operator.

use clap::ValueEnum;
use connect_pg::install::{Durability, InstallReport};
use postgres::Client;

use crate::support::global_args::GlobalArgs;
use crate::support::output;
use crate::support::text::{bytes, one_line};

/// The value of `--durability`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DurabilityName {
    Full,
    Relaxed,
    Unlogged,
}

impl From<DurabilityName> for Durability {
    fn from(name: DurabilityName) -> Self {
        match name {
            DurabilityName::Full => Self::Full,
            DurabilityName::Relaxed => Self::Relaxed,
            DurabilityName::Unlogged => Self::Unlogged,
        }
    }
}

/// Returns what a crash loses, as the rest of a sentence.
pub(crate) fn loss(durability: Durability) -> &'static str {
    match durability {
        Durability::Relaxed => {
            "a crash of the server loses the saves and new sessions of its last moments; ended sessions stay ended"
        }
        Durability::Unlogged => {
            "a crash of the server, a failover and a restore of a physical backup lose every session"
        }
        _ => "a crash of the server loses nothing",
    }
}

/// Tells that an install has to write the session table anew. What it cannot see it leaves out: the install reports its own errors.
pub(crate) fn warn_of_rewrite(
    client: &mut Client,
    global: &GlobalArgs,
    asked: Option<DurabilityName>,
) {
    let asked = asked.map_or("", |name| Durability::from(name).as_str());
    if let Ok(Some(size)) = rewritten_size(client, &global.schema, asked) {
        output::remark(&format!(
            "The session table of schema {} ({}) has to be written anew, because it becomes unlogged or logged. Requests wait meanwhile.",
            one_line(&global.schema),
            bytes(size)
        ));
    }
}

/// Returns the size of the session table with its indexes if it has rows, and its persistence is to be another one.
fn rewritten_size(
    client: &mut Client,
    schema: &str,
    asked: &str,
) -> Result<Option<i64>, postgres::Error> {
    let mut transaction = client.transaction()?;
    // A table that another session has locked has no size now.
    transaction.batch_execute("set local lock_timeout = '200ms'")?;
    let row = transaction.query_opt(
        "select pg_catalog.pg_total_relation_size(c.oid)
        from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = $1::pg_catalog.text
            and c.relname = 'session'
            and c.relkind = 'r'
            and (c.relpersistence = 'u') <> case $2::pg_catalog.text
                when '' then coalesce(pg_catalog.obj_description(c.oid, 'pg_class') ~ ' Durability: unlogged\\. ', false)
                else $2::pg_catalog.text = 'unlogged'
            end
            and pg_catalog.pg_relation_size(c.oid) > 0",
        &[&schema, &asked],
    )?;
    transaction.rollback()?;
    row.map(|row| row.try_get(0)).transpose()
}

/// Tells what a switch means for the operator.
pub(crate) fn print_switch(
    global: &GlobalArgs,
    asked: Option<DurabilityName>,
    report: &InstallReport,
) {
    let Some(durability) = asked.map(Durability::from) else {
        return;
    };
    output::remark(&format!("Durability {durability}: {}.", loss(durability)));
    let is_set = |settings: &Option<String>| {
        settings.as_deref().is_some_and(|settings| {
            settings
                .split(", ")
                .any(|one| one == "synchronous_commit=off")
        })
    };
    let is_role_switched = report.changes.iter().any(|change| {
        change.kind == "role"
            && change.object == global.role
            && change.attribute.as_deref() == Some("settings")
            && is_set(&change.before) != is_set(&change.after)
    });
    if is_role_switched {
        output::remark(&format!(
            "Connections of role {} that are open keep the old setting until they reconnect: restart the application.",
            one_line(&global.role)
        ));
    }
}
