//! Removes a store.

use postgres::{Client, Transaction};
use tokio_postgres::error::SqlState;

use super::apply::check_primary;
use super::history::HISTORY;
use super::locks::{LOCK_KEY, LOCK_TIMEOUT, lock_installs, repeat};
use super::options::InstallOptions;
use super::report::Change;
use super::transaction::{read_only_transaction, set_parameters};
use crate::connection::final_error;
use crate::error::Error;
use crate::functions::quote;
use crate::runtime::async_context;

/// What becomes of the two roles of a store. Roles belong to the whole server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Roles {
    /// They stay, without what an install gave them in this database.
    Keep,
    /// They are dropped.
    Drop,
}

/// Removes a store with all its sessions, in one transaction. With the last store of the database it removes `correct_web()` and
/// the history. Returns what it removed.
///
/// # Errors
///
/// - There is no store under these names ([`Error::is_not_installed`]).
/// - Something else depends on a part of the store, or is in its schema, or a role owns something elsewhere (SQLSTATE 2BP01).
/// - The role lacks a privilege (SQLSTATE 42501): connect as a superuser, or as the role that installed the store.
///
/// The database is then unchanged, unless the connection broke during the commit ([`Error::is_outcome_unknown`]).
pub fn uninstall(
    client: &mut Client,
    options: &InstallOptions,
    roles: Roles,
) -> Result<Vec<Change>, Error> {
    async_context::run_blocking(|| {
        check_primary(client)?;
        lock_installs(client, options)?;
        let result = repeat(client, options, |client| remove(client, options, roles));
        if !client.is_closed() {
            let unlocked = client.execute("select pg_catalog.pg_advisory_unlock($1)", &[&LOCK_KEY]);
            if result.is_ok() {
                unlocked.map_err(Error::call)?;
            }
        }
        result
    })
}

/// Returns what [`uninstall`] would remove now, from the catalog alone.
///
/// # Errors
///
/// There is no store under these names ([`Error::is_not_installed`]).
pub fn plan_uninstall(
    client: &mut Client,
    options: &InstallOptions,
    roles: Roles,
) -> Result<Vec<Change>, Error> {
    async_context::run_blocking(|| {
        let mut transaction = read_only_transaction(client, options)?;
        Ok(Plan::read(&mut transaction, options, roles)?.changes())
    })
}

/// What belongs to a store.
struct Plan {
    /// Kind and name, quoted for SQL, in the order of removal. The owner role owns them.
    objects: Vec<(String, String)>,
    /// What all stores of the database share, if this is the last one. The installer owns it.
    shared: Vec<(String, String)>,
    /// The names of settings that an install makes for the runtime role in this database.
    settings: Vec<String>,
    has_connect: bool,
    roles: Vec<String>,
}

fn remove(
    client: &mut Client,
    options: &InstallOptions,
    roles: Roles,
) -> Result<Vec<Change>, Error> {
    let mut transaction = client
        .build_transaction()
        .read_only(false)
        .start()
        .map_err(Error::call)?;
    set_parameters(&mut transaction, options, LOCK_TIMEOUT)?;
    let plan = Plan::read(&mut transaction, options, roles)?;
    plan.execute(&mut transaction, options)?;
    transaction
        .commit()
        .map_err(|error| final_error(error, true))?;
    Ok(plan.changes())
}

/// The objects of the schema $1 that the role $2 owns and that carry the comment of a store. Tables go first: a function that their
/// columns use cannot be dropped before them.
const OBJECTS: &str = "
    select o.kind, o.name
    from (
        select 1 as position, 'table' as kind, c.oid::regclass::text as name, obj_description(c.oid, 'pg_class') as comment
        from pg_class as c
        where c.relnamespace = to_regnamespace(quote_ident($1::text))
            and c.relkind = 'r'
            and pg_get_userbyid(c.relowner) = $2::text
        union all
        select 2, 'function', p.oid::regprocedure::text, obj_description(p.oid, 'pg_proc')
        from pg_proc as p
        where p.pronamespace = to_regnamespace(quote_ident($1::text))
            and p.prokind = 'f'
            and pg_get_userbyid(p.proowner) = $2::text
        union all
        select 3, 'type', t.oid::regtype::text, obj_description(t.oid, 'pg_type')
        from pg_type as t
        join pg_class as c on c.oid = t.typrelid and c.relkind = 'c'
        where t.typnamespace = to_regnamespace(quote_ident($1::text))
            and pg_get_userbyid(t.typowner) = $2::text
    ) as o
    where o.comment ~ 'API: (public|private)$'
    order by o.position, o.name";

/// Whether another schema than $1 has a store, and whether one of them has the owner role $2.
const OTHER_STORES: &str = "
    select count(*) > 0, coalesce(bool_or(pg_get_userbyid(n.nspowner) = $2::text), false)
    from pg_namespace as n
    where n.nspname <> $1::text
        and exists (select from pg_class as c where c.relnamespace = n.oid and c.relname = 'prune_state' and c.relkind = 'r')
        and exists (select from pg_proc as p where p.pronamespace = n.oid and p.proname = 'missing_rows')";

const SHARED: &str = "
    select 'function' as kind, p.oid::regprocedure::text as name
    from pg_proc as p
    where p.pronamespace = to_regnamespace('public')
        and p.proname = 'correct_web'
        and obj_description(p.oid, 'pg_proc') ~ 'API: (public|private)$'
    union all
    select 'table', c.oid::regclass::text
    from pg_class as c
    where c.oid = to_regclass($1)
        and c.relkind = 'r'
    order by 1, 2";

/// The settings of the role $1 in this database that an install makes.
const SETTINGS: &str = "
    select split_part(c.setting, '=', 1)
    from pg_db_role_setting as d
    cross join unnest(d.setconfig) as c (setting)
    where d.setrole = (select r.oid from pg_roles as r where r.rolname = $1::text)
        and d.setdatabase = (select b.oid from pg_database as b where b.datname = current_database())
        and c.setting in ('enable_seqscan=off', 'jit=off', 'lock_timeout=10s', 'synchronous_commit=off')
    order by 1";

/// Those of the roles $1 and $2 that exist.
const ROLES: &str = "
    select r.rolname::text
    from pg_roles as r
    where r.rolname in ($1::text, $2::text)
    order by r.rolname <> $1::text";

const HAS_CONNECT: &str = "
    select exists (
        select
        from pg_database as d
        cross join aclexplode(d.datacl) as x
        where d.datname = current_database()
            and x.grantee = (select r.oid from pg_roles as r where r.rolname = $1::text)
    )";

impl Plan {
    fn read(
        transaction: &mut Transaction<'_>,
        options: &InstallOptions,
        roles: Roles,
    ) -> Result<Self, Error> {
        let (schema, role, owner) = (
            options.schema_name(),
            options.role_name(),
            options.owner_role(),
        );
        let quoted_schema: String = transaction
            .query_opt(
                "select quote_ident(n.nspname)
                from pg_namespace as n
                where n.nspname = $1::text
                    and pg_get_userbyid(n.nspowner) = $2::text",
                &[&schema, &owner],
            )
            .map_err(Error::call)?
            .ok_or_else(Error::not_installed)?
            .try_get(0)
            .map_err(Error::column)?;
        let mut objects = pairs(transaction, OBJECTS, &[&schema, &owner])?;
        objects.push(("schema".into(), quoted_schema));
        let row = transaction
            .query_one(OTHER_STORES, &[&schema, &owner])
            .map_err(Error::call)?;
        let is_last = !row.try_get::<_, bool>(0).map_err(Error::column)?;
        // Two stores may share their roles.
        let are_roles_used: bool = row.try_get(1).map_err(Error::column)?;
        let mut plan = Self {
            objects,
            shared: Vec::new(),
            settings: Vec::new(),
            has_connect: false,
            roles: Vec::new(),
        };
        if is_last {
            plan.shared = pairs(transaction, SHARED, &[&HISTORY])?;
        }
        if are_roles_used {
            if roles == Roles::Drop {
                return Err(Error::in_use(format!(
                    "another store of this database uses the role {role}"
                )));
            }
            return Ok(plan);
        }
        plan.settings = transaction
            .query(SETTINGS, &[&role])
            .and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
            .map_err(Error::call)?;
        plan.has_connect = transaction
            .query_one(HAS_CONNECT, &[&role])
            .and_then(|row| row.try_get(0))
            .map_err(Error::call)?;
        if roles == Roles::Drop {
            // An administrator may have dropped one of them.
            plan.roles = transaction
                .query(ROLES, &[&role, &owner])
                .and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
                .map_err(Error::call)?;
        }
        Ok(plan)
    }

    fn changes(&self) -> Vec<Change> {
        let objects = self.objects.iter().chain(&self.shared);
        let mut changes: Vec<Change> = objects
            .map(|(kind, name)| Change::new("removed", kind, name.as_str()))
            .collect();
        changes.extend(
            self.settings
                .iter()
                .map(|name| Change::new("removed", "setting of the role", name.as_str())),
        );
        if self.has_connect {
            changes.push(Change::new(
                "removed",
                "privilege",
                "CONNECT on the database",
            ));
        }
        changes.extend(
            self.roles
                .iter()
                .map(|role| Change::new("removed", "role", role.as_str())),
        );
        changes
    }

    fn execute(
        &self,
        transaction: &mut Transaction<'_>,
        options: &InstallOptions,
    ) -> Result<(), Error> {
        let (role, owner) = (quote(options.role_name()), quote(&options.owner_role()));
        let row = transaction
            .query_one(
                "select
                    current_setting('role'),
                    quote_ident(current_database()),
                    not (select r.rolsuper from pg_roles as r where r.rolname = current_user)
                        and not pg_has_role(current_user, $1::name, case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end)",
                &[&options.owner_role()],
            )
            .map_err(Error::call)?;
        let (caller, database): (String, String) = (
            row.try_get(0).map_err(Error::column)?,
            row.try_get(1).map_err(Error::column)?,
        );
        let takes_membership: bool = row.try_get(2).map_err(Error::column)?;
        if takes_membership {
            run(transaction, &format!("grant {owner} to current_user"))?;
        }
        run(transaction, &format!("set local role {owner}"))?;
        drop_objects(transaction, &self.objects)?;
        transaction
            .execute("select set_config('role', $1, true)", &[&caller])
            .map_err(Error::call)?;
        drop_objects(transaction, &self.shared)?;
        for setting in &self.settings {
            run(
                transaction,
                &format!(
                    "alter role {role} in database {database} reset {}",
                    quote(setting)
                ),
            )?;
        }
        if self.has_connect {
            run(
                transaction,
                &format!("revoke all on database {database} from {role}"),
            )?;
        }
        if takes_membership {
            run(transaction, &format!("revoke {owner} from current_user"))?;
        }
        for role in &self.roles {
            run(transaction, &format!("drop role {}", quote(role)))?;
        }
        Ok(())
    }
}

/// Drops objects in their order, those of one kind in one statement. Nothing that depends on them is dropped.
fn drop_objects(
    transaction: &mut Transaction<'_>,
    objects: &[(String, String)],
) -> Result<(), Error> {
    for same_kind in objects.chunk_by(|a, b| a.0 == b.0) {
        let names: Vec<&str> = same_kind.iter().map(|(_, name)| name.as_str()).collect();
        run(
            transaction,
            &format!("drop {} {} restrict", same_kind[0].0, names.join(", ")),
        )?;
    }
    Ok(())
}

fn pairs(
    transaction: &mut Transaction<'_>,
    sql: &str,
    parameters: &[&(dyn postgres::types::ToSql + Sync)],
) -> Result<Vec<(String, String)>, Error> {
    transaction
        .query(sql, parameters)
        .and_then(|rows| {
            rows.iter()
                .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                .collect()
        })
        .map_err(Error::call)
}

/// Executes a statement. The detail of the error names what depends on the object.
fn run(transaction: &mut Transaction<'_>, sql: &str) -> Result<(), Error> {
    transaction
        .batch_execute(sql)
        .map_err(|error| match error.as_db_error() {
            Some(server) if *server.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST => {
                Error::in_use(format!(
                    "{}; {}",
                    server.message(),
                    server.detail().unwrap_or_default()
                ))
            }
            _ => Error::call(error),
        })
}
