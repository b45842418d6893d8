//! Indexes of tables with rows. They are built after the transaction of the install, concurrently with requests.

use postgres::Client;
use tokio_postgres::error::SqlState;

use super::locks::{Obstacle, holder};
use super::options::InstallOptions;
use super::report::Change;
use super::transaction::read_only_transaction;
use crate::error::Error;
use crate::functions::quote;

/// An index that `correct_web()` has left to its caller.
pub(super) struct PostponedIndex {
    name: String,
    /// The definition of the index that has its name now.
    before: Option<String>,
    definition: String,
}

impl PostponedIndex {
    /// Returns the index that a row of the report of `correct_web()` names.
    pub(super) fn from_change(change: Change) -> Result<PostponedIndex, Error> {
        Ok(PostponedIndex {
            name: change.object,
            before: change.before,
            definition: change
                .after
                .ok_or_else(|| Error::install("an index without a definition was postponed"))?,
        })
    }

    /// Returns the change that building the index is.
    pub(super) fn into_change(self) -> Change {
        let (action, attribute, before, after) = match self.before {
            None => ("created", None, None, None),
            Some(before) if before == self.definition => (
                "changed",
                Some("valid"),
                Some("false".into()),
                Some("true".into()),
            ),
            Some(before) => (
                "changed",
                Some("definition"),
                Some(before),
                Some(self.definition),
            ),
        };
        Change {
            action: action.into(),
            kind: "index".into(),
            object: self.name,
            attribute: attribute.map(Into::into),
            before,
            after,
        }
    }
}

/// Builds the indexes. Returns the changes.
///
/// A failed build leaves an index that is not valid, and the next install replaces it.
pub(super) fn build(
    client: &mut Client,
    options: &InstallOptions,
    indexes: Vec<PostponedIndex>,
) -> Result<Vec<Change>, Error> {
    indexes
        .into_iter()
        .map(|index| {
            build_one(client, options, &index)
                .map_err(|error| Error::index_not_built(&index.name, &error))?;
            Ok(index.into_change())
        })
        .collect()
}

fn build_one(
    client: &mut Client,
    options: &InstallOptions,
    index: &PostponedIndex,
) -> Result<(), Error> {
    let is_correct = is_correct(client, options, index)?;
    if is_correct == Some(true) {
        return Ok(());
    }
    // It is not known while the statement waits.
    if let Some(holder) = holder(client, options, Obstacle::Transaction)? {
        options.report_wait(&format!("index {} may wait: {holder}", index.name));
    }
    let mut statements = Vec::new();
    if is_correct.is_some() {
        statements.push(format!(
            "drop index concurrently {}.{}",
            quote(options.schema_name()),
            quote(&index.name)
        ));
    }
    statements.push(
        index
            .definition
            .replacen(" INDEX ", " INDEX CONCURRENTLY ", 1),
    );
    let built = as_owner_role(client, options, |client| {
        statements
            .iter()
            .try_for_each(|statement| client.batch_execute(statement).map_err(Error::call))
    });
    match built {
        Err(error) if error.code() == Some(SqlState::LOCK_NOT_AVAILABLE.code()) => {
            match holder(client, options, Obstacle::Transaction)? {
                Some(holder) => Err(Error::lock_held(holder)),
                None => Err(error),
            }
        }
        built => built,
    }
}

/// Returns whether the index is as declared, or `None` if there is none. Another session may have built it since.
fn is_correct(
    client: &mut Client,
    options: &InstallOptions,
    index: &PostponedIndex,
) -> Result<Option<bool>, Error> {
    let mut transaction = read_only_transaction(client, options)?;
    transaction
        .query_opt(
            "select i.indisvalid and pg_get_indexdef(i.indexrelid) = $3
            from pg_index as i
            join pg_class as c on c.oid = i.indexrelid
            join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = $1::text
                and c.relname = $2::text",
            &[&options.schema_name(), &index.name, &index.definition],
        )
        .map_err(Error::call)?
        .map(|row| row.try_get(0))
        .transpose()
        .map_err(Error::column)
}

/// Calls `work` as the owner role, outside a transaction. Its locks may wait as long as an install, because no request queues
/// behind them. An installer that is no superuser becomes a member of the role meanwhile.
fn as_owner_role(
    client: &mut Client,
    options: &InstallOptions,
    work: impl FnOnce(&mut Client) -> Result<(), Error>,
) -> Result<(), Error> {
    let owner = options.owner_role();
    let lock_timeout = options.lock_wait_time().as_millis();
    let lock_timeout = lock_timeout.clamp(1, 2_147_483_647).to_string();
    let settings = [
        ("default_transaction_read_only", "off"),
        ("default_transaction_isolation", "read committed"),
        ("lock_timeout", &lock_timeout),
    ];
    with_settings(client, &settings, |client| {
        let is_new_member = take_membership(client, &owner)?;
        let done = with_settings(client, &[("role", &owner)], work);
        if !is_new_member || client.is_closed() {
            return done;
        }
        done.and(
            client
                .batch_execute(&format!("revoke {} from current_user", quote(&owner)))
                .map_err(Error::call),
        )
    })
}

/// Calls `work` with these settings of the session, and restores them.
fn with_settings(
    client: &mut Client,
    settings: &[(&str, &str)],
    work: impl FnOnce(&mut Client) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut before = Vec::new();
    for (name, value) in settings {
        before.push((*name, set(client, name, value)?));
    }
    let mut done = work(client);
    if !client.is_closed() {
        for (name, value) in &before {
            done = done.and(set(client, name, value).map(drop));
        }
    }
    done
}

/// Sets a setting of the session. Returns its value before.
fn set(client: &mut Client, name: &str, value: &str) -> Result<String, Error> {
    let row = client
        .query_one(
            "select pg_catalog.current_setting($1::text), pg_catalog.set_config($1::text, $2::text, false)",
            &[&name, &value],
        )
        .map_err(Error::call)?;
    row.try_get(0).map_err(Error::column)
}

/// Makes the current role a member of the owner role, if it needs that. Returns true if it was none.
fn take_membership(client: &mut Client, owner: &str) -> Result<bool, Error> {
    let can_act: bool = client
        .query_one(
            "select pg_catalog.pg_has_role(
                $1::text,
                case when pg_catalog.current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end
            )",
            &[&owner],
        )
        .and_then(|row| row.try_get(0))
        .map_err(Error::call)?;
    if !can_act {
        client
            .batch_execute(&format!("grant {} to current_user", quote(owner)))
            .map_err(Error::call)?;
    }
    Ok(!can_act)
}
