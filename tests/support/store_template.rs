//! Stores that are installed once and copied for each test. `adapters/test-database` compiles this file too.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use connect_pg::postgres::Client;

/// A database with a store that no test changes, and its two roles. Until it is dropped, no other test uses these.
///
/// The server of `bin/with-pg` keeps it for the next test. From any other server it is removed.
pub struct StoreTemplate {
    /// Holds the lock on the name. The threads of a test share the template.
    client: Mutex<Client>,
    /// The name of the database and of the runtime role.
    pub name: String,
}

/// What a test could change of the roles, except the password. $1 is the runtime role.
const STATE_OF_ROLES: &str = "
    with r as (select * from pg_authid where rolname in ($1::text, $1::text || '_owner'))
    select concat_ws(' ',
        (select string_agg((to_jsonb(r) - 'rolpassword')::text, ' ' order by r.oid) from r),
        (select string_agg(s::text, ' ' order by s::text) from pg_db_role_setting as s join r on r.oid = s.setrole where s.setdatabase = 0),
        (select string_agg(m::text, ' ' order by m::text) from pg_auth_members as m where exists (select from r where r.oid in (m.roleid, m.member))),
        (select string_agg(d::text, ' ' order by d::text) from pg_shdepend as d join r on r.oid = d.refobjid
            where d.dbid = 0 and d.refclassid = 'pg_authid'::regclass)
    )";

impl StoreTemplate {
    /// Takes one that no other test uses. Makes it if there is none, or if a test has changed its roles.
    ///
    /// `connect` connects as the superuser, to a database or to that of the environment.
    pub fn take(
        connect: impl Fn(Option<&str>) -> Client,
        schema: &str,
        encoding: &str,
    ) -> StoreTemplate {
        let releases: Vec<String> = releases()
            .iter()
            .map(|file| fs::read_to_string(file).unwrap())
            .collect();
        let mut client = connect(None);
        // The lock belongs to the database of the connection.
        client
            .batch_execute("set idle_session_timeout = 0")
            .unwrap();
        let home: String = client
            .query_one("select current_database()::text", &[])
            .unwrap()
            .get(0);
        let mut hasher = DefaultHasher::new();
        (schema, encoding, &releases, home).hash(&mut hasher);
        let kind = hasher.finish();
        let name = (0..1000)
            .map(|number| format!("connect_pg_test_template_{kind:016x}_{number}"))
            .find(|name| {
                let lock = "select pg_try_advisory_lock(hashtextextended($1, 0))";
                client.query_one(lock, &[name]).unwrap().get(0)
            })
            .unwrap();
        let template = StoreTemplate {
            client: Mutex::new(client),
            name,
        };
        let state = template.state_of_roles();
        if template.recorded_state() != Some(state) {
            template.remove();
            template.make(connect, schema, encoding, &releases);
        }
        template
    }

    /// Creates a database with a copy of the store, and gives the runtime role this password.
    pub fn copy(&self, database: &str, password: &str) {
        let name = &self.name;
        let mut client = self.client();
        let create = format!("create database {database} template {name}");
        client.batch_execute(&create).unwrap();
        // A copy lacks the settings of roles in its original.
        client
            .batch_execute(&format!(
                "do $$
                 declare
                     v_setting record;
                 begin
                     for v_setting in
                         select s.setrole::regrole as role, split_part(c.setting, '=', 1) as name, substr(c.setting, strpos(c.setting, '=') + 1) as value
                         from pg_db_role_setting as s
                         cross join unnest(s.setconfig) as c (setting)
                         where s.setdatabase = (select d.oid from pg_database as d where d.datname = '{name}')
                     loop
                         execute format('alter role %s in database {database} set %I = %L', v_setting.role, v_setting.name, v_setting.value);
                     end loop;
                 end $$;
                 alter role {name} password '{password}'"
            ))
            .unwrap();
    }

    fn make(
        &self,
        connect: impl Fn(Option<&str>) -> Client,
        schema: &str,
        encoding: &str,
        releases: &[String],
    ) {
        let name = &self.name;
        self.execute(&format!(
                "create database {name} template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'"
            ));
        let mut store = connect(Some(name));
        for release in releases {
            store.batch_execute(release).unwrap();
        }
        let install = "select from public.correct_web($1, $2)";
        store.query(install, &[&schema, name]).unwrap();
        drop(store);
        // Only what is complete has the comment.
        let state = self.state_of_roles();
        self.execute(&format!(
            "alter database {name} allow_connections false; comment on database {name} is $state${state}$state$",
            name = self.name
        ));
    }

    /// Drops the database and its roles, and what a killed test has left of them.
    fn remove(&self) {
        let name = &self.name;
        let mut client = self.client();
        let databases = client
            .query(
                "select d.datname::text from pg_database as d where d.datname = $1::text
                 or d.oid in (select s.dbid from pg_shdepend as s join pg_authid as r on r.oid = s.refobjid
                     where s.refclassid = 'pg_authid'::regclass and r.rolname in ($1::text, $1::text || '_owner'))",
                &[name],
            )
            .unwrap();
        let drop_databases = databases
            .iter()
            .map(|row| row.get(0))
            .map(|database: &str| format!("drop database {database} with (force)"));
        let drop_roles = ["", "_owner"].map(|suffix| format!("drop role if exists {name}{suffix}"));
        for statement in drop_databases.chain(drop_roles) {
            client.batch_execute(&statement).unwrap();
        }
    }

    fn client(&self) -> MutexGuard<'_, Client> {
        self.client.lock().unwrap()
    }

    fn execute(&self, sql: &str) {
        self.client().batch_execute(sql).unwrap();
    }

    fn state_of_roles(&self) -> String {
        let mut client = self.client();
        let row = client.query_one(STATE_OF_ROLES, &[&self.name]);
        row.unwrap().get(0)
    }

    /// Returns the state of the roles at the end of `make`.
    fn recorded_state(&self) -> Option<String> {
        let sql = "select shobj_description(oid, 'pg_database') from pg_database where datname = $1::text";
        let row = self.client().query_opt(sql, &[&self.name]).unwrap();
        row.and_then(|row| row.get(0))
    }
}

impl Drop for StoreTemplate {
    fn drop(&mut self) {
        let throw_away = env::var_os("WITH_PG_SOCKETS");
        if throw_away.is_none() || throw_away != env::var_os("PGHOST") {
            self.remove();
        }
        // The end of the connection would release it too, but only after the test.
        self.execute("select pg_advisory_unlock_all()");
    }
}

fn releases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("sql/released"))
        .find(|folder| folder.is_dir())
        .unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    files
}
