//! A database for one test of the client, of the functions or of the example.

use std::env;
use std::fmt::Debug;

use connect_pg::{Session, SessionAttributes, Store, StoreBuilder, UpdateOutcome};
use postgres::Client;
use postgres::config::Host;
use serde::Serialize;
use tokio_postgres::Config;

use super::pgbouncer::PgBouncer;
use super::server::{connect, random, superuser_config, unique_name};
use super::store_template::StoreTemplate;
use super::wait::wait_until;

/// A database for one test, with a store. Dropping it drops the database. No other test uses its roles at the same time.
pub struct TestDatabase {
    admin: Config,
    pub name: String,
    pub schema: String,
    /// A test may change it: the next one gets another.
    pub role: String,
    pub password: String,
    /// In front of the stores, if `CONNECT_PG_TEST_POOLER` says so.
    pooler: Option<PgBouncer>,
    /// The stores prepare statements behind the pooler too.
    prepares: bool,
    /// What the store was copied from. Its roles are those of the copy. Dropped after the pooler, which uses them.
    _template: Option<StoreTemplate>,
}

impl TestDatabase {
    /// Creates a database in UTF8, with the store in the schema `web` and a runtime role that has a password.
    pub fn new() -> TestDatabase {
        TestDatabase::with("web", "UTF8")
    }

    pub fn with(schema: &str, encoding: &str) -> TestDatabase {
        let mut database = TestDatabase::copied(schema, encoding);
        database.start_pooler();
        database
    }

    /// Creates one whose stores are behind no pooler, for a test of what a pooler does not pass on: notifications, the password,
    /// the end of a connection, and which connection serves which thread.
    pub fn direct() -> TestDatabase {
        TestDatabase::copied("web", "UTF8")
    }

    fn copied(schema: &str, encoding: &str) -> TestDatabase {
        let admin = superuser_config();
        let connect_to = |database: Option<&str>| match database {
            Some(name) => connect(admin.clone().dbname(name)),
            None => connect(&admin),
        };
        let template = StoreTemplate::take(connect_to, schema, encoding);
        let (name, password) = (unique_name(), random());
        template.copy(&name, &password);
        TestDatabase {
            admin,
            role: template.name.clone(),
            name,
            schema: schema.to_owned(),
            password,
            _template: Some(template),
            pooler: None,
            prepares: false,
        }
    }

    fn start_pooler(&mut self) {
        self.pooler = env::var("CONNECT_PG_TEST_POOLER").ok().map(|mode| {
            let settings = ["default_pool_size = 20", &format!("pool_mode = {mode}")];
            match mode.as_str() {
                "transaction" | "session" => PgBouncer::start(self, &settings),
                "tracking" | "tracking-prepared" => {
                    PgBouncer::tracking_statements(self, &settings[..1])
                }
                other => panic!("CONNECT_PG_TEST_POOLER={other}"),
            }
            .unwrap()
        });
        self.prepares =
            env::var("CONNECT_PG_TEST_POOLER").is_ok_and(|mode| mode == "tracking-prepared");
    }

    /// Creates an empty database without the roles.
    pub fn without_store() -> TestDatabase {
        let admin = superuser_config();
        let name = unique_name();
        connect(&admin)
            .batch_execute(&format!("create database {name} template template0"))
            .unwrap();
        TestDatabase {
            admin,
            role: name.clone(),
            name,
            schema: "web".to_owned(),
            password: random(),
            _template: None,
            pooler: None,
            prepares: false,
        }
    }

    /// Connects as the superuser.
    pub fn superuser(&self) -> Client {
        connect(self.admin.clone().dbname(&self.name))
    }

    /// Gives `touch_session` another result type, so that statements that were prepared before are refused.
    pub fn change_type_of_touch(&self) {
        self.superuser()
            .batch_execute(
                "do $$
                 declare
                     v_source constant text := pg_get_functiondef('web.touch_session(bytea, integer, integer, timestamptz)'::regprocedure);
                     v_is_changed constant boolean := v_source like '%RETURNS timestamp without time zone%';
                 begin
                     drop function web.touch_session(bytea, integer, integer, timestamptz);
                     execute regexp_replace(v_source, 'RETURNS timestamp with(out)? time zone',
                         format('RETURNS timestamp with%s time zone', case when not v_is_changed then 'out' end));
                 end $$",
            )
            .unwrap();
    }

    /// Gives `touch_session` another body.
    pub fn replace_touch(&self, body: &str) {
        self.superuser()
            .batch_execute(&format!(
                "create or replace function web.touch_session(
                     p_key bytea,
                     p_idle_timeout_seconds integer default null,
                     p_absolute_timeout_seconds integer default null,
                     p_expires_at timestamptz default null
                 )
                 returns timestamptz language plpgsql as $$ begin {body} end; $$",
            ))
            .unwrap();
    }

    /// Returns how the runtime role connects.
    pub fn config(&self) -> Config {
        let mut config = self.admin.clone();
        config
            .dbname(&self.name)
            .user(&self.role)
            .password(&self.password);
        config
    }

    /// Connects as the runtime role.
    pub fn client(&self) -> Client {
        connect(&self.config())
    }

    /// Returns how the runtime role connects, as a connection string.
    pub fn url(&self) -> String {
        if let Some(pooler) = &self.pooler {
            return pooler.url(self);
        }
        let host = match &self.config().get_hosts()[0] {
            Host::Tcp(name) => name.clone(),
            Host::Unix(directory) => directory.display().to_string(),
        };
        let port = self.config().get_ports()[0];
        let TestDatabase {
            name,
            role,
            password,
            ..
        } = self;
        format!("host={host} port={port} dbname={name} user={role} password={password}")
    }

    pub fn builder(&self) -> StoreBuilder {
        let builder = Store::builder().database_url(&self.url());
        let builder = if self.prepares {
            builder.prepare_statements(true)
        } else {
            builder
        };
        with_groups(builder.schema(&self.schema))
    }

    /// Connects a store as the runtime role.
    pub fn store(&self) -> Store {
        self.builder().connect().unwrap()
    }

    /// Ends the runtime role's connections, as a restart of the server does.
    pub fn terminate_connections(&self) {
        let mut client = self.superuser();
        client
            .execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = $1",
                &[&self.role],
            )
            .unwrap();
    }

    /// Waits until so many connections of the runtime role wait for a lock.
    #[track_caller]
    pub fn wait_until_blocked(&self, connections: i64) {
        let mut client = self.superuser();
        wait_until("connections of the runtime role wait for a lock", || {
            self.count_connections(&mut client, "wait_event_type = 'Lock'") >= connections
        });
    }

    /// Waits until the runtime role has no connection left.
    #[track_caller]
    pub fn wait_until_disconnected(&self) {
        let mut client = self.superuser();
        wait_until("the runtime role has no connection", || {
            self.count_connections(&mut client, "true") == 0
        });
    }

    fn count_connections(&self, client: &mut Client, condition: &str) -> i64 {
        client
            .query_one(
                &format!(
                    "select count(*) from pg_stat_activity where usename = $1 and {condition}"
                ),
                &[&self.role],
            )
            .unwrap()
            .get(0)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        connect(&self.admin)
            .batch_execute(&format!("drop database {} with (force)", self.name))
            .unwrap();
    }
}

/// Sets which loads and saves travel in groups: those that wait, or as `CONNECT_PG_TEST_GROUPS` says, `all` or `none`.
pub fn with_groups<S>(builder: StoreBuilder<S>) -> StoreBuilder<S> {
    match env::var("CONNECT_PG_TEST_GROUPS").as_deref() {
        Ok("all") => builder.group_all_calls(),
        Ok("none") => builder.group_calls(false),
        Ok(other) => panic!("CONNECT_PG_TEST_GROUPS={other}"),
        Err(_) => builder,
    }
}

/// Creates a session with the defaults of the store.
pub fn create<T: Serialize>(store: &Store, data: T) -> Session<T> {
    store.create(data, &SessionAttributes::new()).unwrap()
}

/// Returns the value of an update that found a live session.
pub fn updated<V, E: Debug>(outcome: Result<UpdateOutcome<V>, E>) -> V {
    outcome.unwrap().updated().expect("a live session")
}
