//! `session-admin install` upgrades a database of the npm module connect-pg 1.1.5, with pgTAP as the module requires.
//!
//! The module's installer always creates the role `nodepg`. So these tests run one at a time, and are skipped on a server that
//! has a role of that name.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::support::environment::set_tcp_login;
use crate::support::node::Modules;
use crate::support::server::{connect, superuser_config, value};
use crate::support::session_admin::Database;
use crate::support::skip::skip;
use postgres::Client;
use serde_json::{Value, json};

/// Odd ids. Each contains a text that is nowhere else in the database.
const LIVE: [&str; 5] = [
    "LiveId0plain0123456789abcdef",
    "LiveId1 quotes ' '' \" \\ \\' $1 %s {\"a\":1}",
    "LiveId2 tab\tline\nü€😀",
    "s:LiveId3.signature+/==",
    "LiveId4 without an expiry",
];
const EXPIRED: [&str; 2] = ["ExpiredId0", "ExpiredId1 long ago"];

/// A database of connect-pg 1.1.5 with sessions.
struct Original {
    database: Database,
    modules: Modules,
    /// The functions of the schema public before connect-pg was installed.
    functions: BTreeSet<String>,
    /// Holds the lock of the running test. Dropped last.
    _turn: Client,
}

impl Original {
    fn new() -> Option<Original> {
        let mut turn = connect(&superuser_config());
        turn.execute(
            "select pg_advisory_lock(hashtextextended('tests of connect-pg: the role nodepg', 0))",
            &[],
        )
        .unwrap();
        let has_role =
            "select count(*) > 0 from pg_roles where rolname in ('nodepg', 'nodepg_owner')";
        let has_pgtap = "select count(*) > 0 from pg_available_extensions where name = 'pgtap'";
        let modules = if value(&mut turn, has_role) {
            Err("this server has a role nodepg already".to_owned())
        } else if !value::<bool>(&mut turn, has_pgtap) {
            Err("this server has no pgTAP".to_owned())
        } else {
            Modules::install("npm", (18, 0))
        };
        let modules = match modules {
            Ok(modules) => modules,
            Err(reason) => {
                skip(&reason);
                return None;
            }
        };
        let database = Database::with_role("nodepg");
        let mut client = database.superuser();
        client
            .batch_execute(
                "create extension pgtap schema public;
                 -- Bystanders, some with names like the installer's.
                 create table public.bystander (session_id text, n integer);
                 insert into public.bystander values ('mine', 1);
                 create function public.bystander() returns integer language sql as 'select 1';
                 create function public.new_session_id(prefix text) returns text language sql as 'select $1';
                 create function public.failed_test() returns boolean language sql as 'select false';
                 create function public.test_web_of_our_own() returns setof text language sql as $$ select 'ok'::text $$;",
            )
            .unwrap();
        let functions = public_functions(&mut client);
        let installer = modules.path("node_modules/connect-pg/lib/session_install.sql");
        client
            .batch_execute(&fs::read_to_string(installer).unwrap())
            .unwrap();
        client
            .query("select * from public.correct_web()", &[])
            .unwrap();

        for (number, id) in LIVE.iter().enumerate() {
            let expiry = if number == 4 {
                "null"
            } else {
                "now() + interval '1 hour'"
            };
            client
                .execute(
                    &format!("select web.set_session_data($1, $2, {expiry})"),
                    &[id, &data(number).to_string()],
                )
                .unwrap();
        }
        // The module's trigger deletes expired sessions at each write, so they are inserted without triggers.
        for (id, expiry) in EXPIRED.iter().zip(["1 second", "1 year"]) {
            client
                .batch_execute("set session_replication_role = replica")
                .unwrap();
            client
                .execute(
                    &format!("insert into web.session (sess_id, sess_data, expiration) values ($1, '{{}}', now() - interval '{expiry}')"),
                    &[id],
                )
                .unwrap();
            client
                .batch_execute("set session_replication_role = origin")
                .unwrap();
        }
        client.batch_execute("analyze").unwrap();
        Some(Original {
            database,
            modules,
            functions,
            _turn: turn,
        })
    }

    /// Returns what the npm module loads, with the role and the password that its installer set.
    fn load(&self, ids: &[&str]) -> Value {
        let mut command = Command::new("node");
        set_tcp_login(&mut command, &self.database.name, "nodepg");
        command.arg("get-sessions.js").env("PGPASSWORD", "password");
        let found = self.modules.run(&mut command, &json!(ids).to_string());
        serde_json::from_str(&found).unwrap()
    }

    /// Fails unless an install refuses the additions, names them, and changes nothing.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], additions: &[&str]) {
        let before = self.database.snapshot();
        self.database
            .run(arguments)
            .expect(2)
            .says(additions)
            .says(&["--drop-additions", "nothing was changed"]);
        assert_eq!(self.database.snapshot(), before);
        self.loads_live_ones_only();
    }

    fn drops_additions(&self) {
        self.database
            .run(&["install", "--drop-additions"])
            .expect(0);
        self.loads_live_ones_only();
        self.database.expect_up_to_date();
    }

    #[track_caller]
    fn loads_live_ones_only(&self) {
        let all: Vec<Value> = (0..LIVE.len()).map(data).collect();
        assert_eq!(self.load(&LIVE), Value::Array(all));
        assert_eq!(self.load(&EXPIRED), json!([null, null]));
    }
}

fn data(number: usize) -> Value {
    json!({"views": number, "text": "'\"\\ ü€😀\u{0}", "cookie": {"path": "/"}})
}

fn public_functions(client: &mut Client) -> BTreeSet<String> {
    client
        .query(
            "select p.oid::regprocedure::text from pg_proc as p where p.pronamespace = 'public'::regnamespace",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect()
}

/// Returns the columns in which an id can be seen, as text or as bytes, in tables and in statistics.
fn columns_with(client: &mut Client, id: &str) -> Vec<String> {
    let columns = client
        .query(
            "select c.oid::regclass::text, quote_ident(a.attname)
            from pg_class as c
            join pg_attribute as a on a.attrelid = c.oid
            where c.relkind in ('r', 'm', 'p', 't')
                and (c.oid >= 16384 or c.relname in ('pg_statistic', 'pg_description', 'pg_largeobject'))
                and a.attnum > 0
                and not a.attisdropped",
            &[],
        )
        .unwrap();
    assert!(columns.len() > 20);
    let mut found = Vec::new();
    for row in columns {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        let sql = format!(
            "select exists (
                select
                from (select {column}::text as value from {table}) as t
                where strpos(value, $1) > 0
                    or strpos(value, encode(convert_to($1, 'UTF8'), 'hex')) > 0
                    or strpos(value, left($1, 9)) > 0
            )"
        );
        if client.query_one(&sql, &[&id]).unwrap().get(0) {
            found.push(format!("{table}.{column}"));
        }
    }
    found
}

#[test]
fn install_upgrades_connect_pg_in_place() {
    let Some(original) = Original::new() else {
        return;
    };
    let database = &original.database;
    let mut client = database.superuser();
    original.loads_live_ones_only();
    assert!(!columns_with(&mut client, LIVE[0]).is_empty());
    let password = database.stored_password();
    assert!(password.is_some());

    let before = database.snapshot();
    database
        .run(&["install", "--dry-run"])
        .expect(2)
        .says(&["requests wait", "--rehearse-upgrade"]);
    assert_eq!(database.snapshot(), before);
    database
        .run(&["install", "--dry-run", "--rehearse-upgrade"])
        .expect(0)
        .says(&["would be removed function"]);
    assert_eq!(database.snapshot(), before);
    original.loads_live_ones_only();

    let installed = database.run(&["install"]).expect(0).says(&[
        "live sessions of connect-pg 1.1.5 was nothing, is 5\n",
        "removed function public.new_session_id()",
    ]);
    for id in LIVE.iter().chain(&EXPIRED) {
        assert!(!installed.out.contains(id) && !installed.err.contains(id));
    }

    original.loads_live_ones_only();
    for id in LIVE.iter().chain(&EXPIRED) {
        assert_eq!(columns_with(&mut client, id), Vec::<String>::new(), "{id}");
    }
    let rows: i64 = value(&mut client, "select count(*) from web.session");
    assert_eq!(rows, 5);

    let mut functions = original.functions.clone();
    functions.extend(["correct_web()".into(), "correct_web(text,text)".into()]);
    let added: Vec<String> = public_functions(&mut client)
        .symmetric_difference(&functions)
        .cloned()
        .collect();
    assert_eq!(added, Vec::<String>::new());
    let tables: Vec<String> = client
        .query(
            "select c.oid::regclass::text
            from pg_class as c
            where c.relnamespace in ('public'::regnamespace, 'web'::regnamespace)
                and c.relkind = 'r'
            order by 1",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(
        tables,
        [
            "bystander",
            "correct_web_history",
            "web.prune_state",
            "web.session",
            "web.settings",
            "web.user_lock"
        ]
    );
    let kept: i32 = value(&mut client, "select n from public.bystander");
    assert_eq!(kept, 1);

    // The role and its password are unchanged, and check finds that it is the default password.
    assert_eq!(database.stored_password(), password);
    let check = database
        .run(&["check", "--format", "json"])
        .expect(1)
        .json();
    assert_eq!(check["drift"], json!([]));
    let findings: Vec<&Value> = check["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| &finding["finding"])
        .collect();
    assert!(
        findings.contains(&&json!("role_has_default_password")),
        "{check}"
    );

    // A second install changes nothing.
    let after = database.snapshot();
    let again = database
        .run(&["install", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(again["changes"], json!([]));
    assert_eq!(database.snapshot(), after);
    original.loads_live_ones_only();

    // An ended session stays ended.
    client
        .execute("select web.destroy_session($1)", &[&LIVE[1]])
        .unwrap();
    assert_eq!(original.load(&[LIVE[1]]), json!([null]));
}

#[test]
fn added_objects_are_listed_and_refused() {
    let Some(original) = Original::new() else {
        return;
    };
    let database = &original.database;
    let mut client = database.superuser();
    client
        .batch_execute(
            "alter table web.session add column \"My column\" integer, add constraint my_check check (sess_data <> 'x'), add unique (sess_id, sess_data);
             create index my_index on web.session (sess_data);
             create function public.my_trigger() returns trigger language plpgsql as 'begin return new; end';
             create trigger my_trigger before insert on web.session for each row execute function public.my_trigger();
             create view public.my_view as select count(*) from web.session;
             create table public.my_table (sess_id text references web.session);",
        )
        .unwrap();
    let additions = [
        "connect-pg 1.1.5 has additions",
        "column \"My column\"",
        "constraint my_check",
        "index my_index",
        "trigger my_trigger",
        "my_view",
        "my_table",
    ];
    original.refuses(&["install"], &additions);
    original.refuses(&["install", "--dry-run", "--rehearse-upgrade"], &additions);

    let before = database.snapshot();
    database
        .run(&[
            "install",
            "--drop-additions",
            "--dry-run",
            "--rehearse-upgrade",
        ])
        .expect(0);
    assert_eq!(database.snapshot(), before);
    original.drops_additions();
    let left: Vec<String> = client
        .query(
            "select c.relname::text from pg_class as c where c.relname like 'my%' order by 1",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    // The user's table stays, without its foreign key.
    assert_eq!(left, ["my_table"]);
}

#[test]
fn function_on_row_type_and_view_on_function_are_refused() {
    let Some(original) = Original::new() else {
        return;
    };
    let mut client = original.database.superuser();
    client
        .batch_execute(
            "create function public.my_function(s web.session) returns text language sql as 'select ''x''::text';
             create view public.my_view as select * from web.valid_sessions()",
        )
        .unwrap();
    original.refuses(&["install"], &["my_view", "my_function"]);
    original.drops_additions();
}
