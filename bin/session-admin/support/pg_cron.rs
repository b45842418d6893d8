//! The extension `pg_cron` of the server: the database that has its jobs.

use postgres::Client;

use crate::support::cli_error::CliError;
use crate::support::connection;
use crate::support::global_args::GlobalArgs;
use crate::support::text::one_line;

/// A connection to the database that has the jobs of `pg_cron`.
pub(crate) struct PgCron {
    pub(crate) client: Client,
    /// That database.
    pub(crate) database: String,
    /// The database of the store.
    pub(crate) store_database: String,
    /// Whether this user sees the jobs of other roles and can make them.
    pub(crate) is_superuser: bool,
}

/// Why there is no connection to the jobs.
pub(crate) enum Unusable {
    /// `pg_cron` is not installed, not loaded, or was never created. It runs no job.
    Absent(CliError),
    /// The jobs cannot be reached as this user.
    Unreachable(CliError),
}

impl Unusable {
    pub(crate) fn into_error(self) -> CliError {
        match self {
            Self::Absent(error) | Self::Unreachable(error) => error,
        }
    }
}

/// What the server says of `pg_cron`. None of a setting means that this user may not see it, or that it does not exist.
struct Facts {
    store_database: String,
    is_superuser: bool,
    preloaded: Option<String>,
    cron_database: Option<String>,
    is_here: bool,
    is_available: bool,
    major: i32,
}

/// Connects to the jobs. `store` is a connection to the database of the store.
pub(crate) fn open(store: &mut Client, global: &GlobalArgs) -> Result<PgCron, Unusable> {
    let failed = |error: &postgres::Error| {
        Unusable::Unreachable(CliError::new(
            format!("cannot look for pg_cron: {error}"),
            "run it again",
        ))
    };
    let facts = Facts::read(store).map_err(|error| failed(&error))?;
    let database = facts.jobs_database()?;
    let mut client = connection::open_database(global, &database).map_err(Unusable::Unreachable)?;
    let version: Option<String> = client
        .query_opt(
            "select e.extversion from pg_catalog.pg_extension as e where e.extname = 'pg_cron'",
            &[],
        )
        .and_then(|row| row.map(|row| row.try_get(0)).transpose())
        .map_err(|error| failed(&error))?;
    let shown = one_line(&database);
    let Some(version) = version else {
        return Err(Unusable::Absent(CliError::new(
            format!("pg_cron is loaded, but its extension does not exist in database {shown}"),
            format!("as a superuser: psql --dbname={shown} --command='create extension pg_cron'"),
        )));
    };
    // schedule_in_database and the column active came with 1.4.
    if ["1.0", "1.1", "1.2", "1.3"].contains(&version.as_str()) {
        return Err(Unusable::Unreachable(CliError::new(
            format!(
                "the extension pg_cron in database {shown} has version {version}; 1.4 is needed"
            ),
            format!(
                "as a superuser: psql --dbname={shown} --command='alter extension pg_cron update'"
            ),
        )));
    }
    Ok(PgCron {
        client,
        database,
        store_database: facts.store_database,
        is_superuser: facts.is_superuser,
    })
}

impl Facts {
    fn read(client: &mut Client) -> Result<Self, postgres::Error> {
        let row = client.query_one(
            "select
                pg_catalog.current_database()::pg_catalog.text,
                (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user),
                (select s.setting from pg_catalog.pg_settings as s where s.name = 'shared_preload_libraries'),
                (select s.setting from pg_catalog.pg_settings as s where s.name = 'cron.database_name'),
                exists (select from pg_catalog.pg_extension as e where e.extname = 'pg_cron'),
                exists (select from pg_catalog.pg_available_extensions as a where a.name = 'pg_cron'),
                pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000",
            &[],
        )?;
        Ok(Self {
            store_database: row.try_get(0)?,
            is_superuser: row.try_get(1)?,
            preloaded: row.try_get(2)?,
            cron_database: row.try_get(3)?,
            is_here: row.try_get(4)?,
            is_available: row.try_get(5)?,
            major: row.try_get(6)?,
        })
    }

    /// Returns the database that has the jobs.
    fn jobs_database(&self) -> Result<String, Unusable> {
        if !self.is_available && !self.is_here {
            return Err(Unusable::Absent(CliError::new(
                "this server does not have the extension pg_cron",
                format!(
                    "install its package (Debian and Ubuntu: postgresql-{}-cron), then load it: shared_preload_libraries. \
                     Or prune from a timer: session-admin prune",
                    self.major
                ),
            )));
        }
        if let Some(libraries) = &self.preloaded
            && !loads_pg_cron(libraries)
        {
            let mut names: Vec<&str> = libraries
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .collect();
            names.push("pg_cron");
            return Err(Unusable::Absent(CliError::new(
                "pg_cron is not loaded, so it runs no job",
                format!(
                    "in postgresql.conf: shared_preload_libraries = '{}' and cron.database_name = '{}'; restart the server, \
                     then in that database: create extension pg_cron",
                    names.join(", "),
                    self.cron_database.as_deref().unwrap_or("postgres")
                ),
            )));
        }
        match &self.cron_database {
            Some(database) => Ok(database.clone()),
            None if self.is_here => Ok(self.store_database.clone()),
            None => Err(Unusable::Unreachable(CliError::new(
                "this user cannot see which database has the jobs of pg_cron (cron.database_name)",
                "run it as a superuser, or let one run: grant pg_read_all_settings to USER",
            ))),
        }
    }
}

/// Returns true if a list of libraries contains `pg_cron`, whatever its path and ending.
fn loads_pg_cron(libraries: &str) -> bool {
    libraries.split(',').any(|library| {
        let name = library.trim().trim_matches('"');
        let file = name.rsplit('/').next().unwrap_or(name);
        file.strip_suffix(".so").unwrap_or(file) == "pg_cron"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_is_found_by_its_file_name() {
        for list in [
            "pg_cron",
            "pg_stat_statements, pg_cron",
            "\"$libdir/pg_cron\",x",
            "/usr/lib/pg_cron.so",
        ] {
            assert!(loads_pg_cron(list), "{list}");
        }
        for list in ["", "pg_cronolog", "pg_stat_statements"] {
            assert!(!loads_pg_cron(list), "{list}");
        }
    }
}
