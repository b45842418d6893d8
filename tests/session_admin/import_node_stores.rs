//! `session-admin import` from the stores of Node. The npm modules themselves create and fill the tables
//! (`tests/fixtures/npm_import/`), as a role whose time zone is neither that of the database nor UTC.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::environment::set_tcp_login;
use crate::support::node::Modules;
use crate::support::server::{quoted, random, value};
use crate::support::session_admin::{Database, Run, end, start};
use crate::support::skip::skip;
use crate::support::wait::wait_until;
use postgres::Client;
use serde_json::{Value, json};

/// A database with a store and the tables of another store.
struct Stores {
    database: Database,
    modules: Modules,
    role: String,
    /// The npm module, and its options.
    name: &'static str,
    options: Value,
    /// The prefix that the framework puts before an id.
    prefix: &'static str,
}

impl Stores {
    fn new(name: &'static str, options: Value) -> Option<Stores> {
        let modules = match Modules::install("npm_import", (18, 0)) {
            Ok(modules) => modules,
            Err(missing) => {
                skip(&missing);
                return None;
            }
        };
        let mut database = Database::installed();
        let role = database.own_role("login password 'store'");
        database
            .superuser()
            .batch_execute(&format!(
                "grant create on database {0} to {role};
                 grant create on schema public to {role};
                 alter database {0} set timezone = 'America/New_York';
                 alter role {role} in database {0} set timezone = 'Asia/Tokyo'",
                database.name
            ))
            .unwrap();
        let prefix = if name.starts_with("koa") {
            "koa:sess:"
        } else {
            ""
        };
        Some(Stores {
            database,
            modules,
            role,
            name,
            options,
            prefix,
        })
    }

    fn node(&self, verb: &str, input: &Value) -> String {
        let mut command = Command::new("node");
        set_tcp_login(&mut command, &self.database.name, &self.role);
        command
            .args(["sessions.js", verb, self.name, &self.options.to_string()])
            // The time zone of Node must make no difference.
            .env("TZ", "Australia/Adelaide")
            .env("PGPASSWORD", "store");
        self.modules.run(&mut command, &input.to_string())
    }

    fn set(&self, sessions: &[(String, Value)]) {
        self.node("set", &json!(sessions));
    }

    /// Fails unless both stores return the same for these ids, and so many of them are live.
    #[track_caller]
    fn both_find_the_same(&self, database: &Database, ids: &[String], live: usize) {
        let theirs: Value = serde_json::from_str(&self.node("get", &json!(ids))).unwrap();
        let mut client = database.superuser();
        let ours: Vec<Value> = ids
            .iter()
            .map(|id| load(&mut client, &format!("{}{id}", self.prefix)))
            .collect();
        assert_eq!(theirs, Value::Array(ours.clone()));
        assert_eq!(ours.iter().filter(|data| !data.is_null()).count(), live);
    }

    fn import(&self, more: &[&str]) -> Run {
        let arguments = [&["import", "--from", self.name], more].concat();
        self.database.run(&arguments)
    }
}

fn load(client: &mut Client, id: &str) -> Value {
    client
        .query_opt("select * from web.get_session_data($1)", &[&id])
        .unwrap()
        .map_or(Value::Null, |row| serde_json::from_str(row.get(0)).unwrap())
}

#[track_caller]
fn counts(run: &Run) -> [i64; 4] {
    let json = run.json();
    ["imported", "existing", "expired", "unreadable"].map(|name| json[name].as_i64().unwrap())
}

/// Returns the time in so many seconds, in milliseconds since the epoch.
fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap() + seconds * 1000
}

/// Returns 25 live sessions, some with odd ids, and two expired sessions.
fn sessions() -> Vec<(String, Value)> {
    let mut sessions: Vec<(String, Value)> = (0..22)
        .map(|n| (format!("Secret{n:02}"), 7200 + n))
        .chain([
            ("Secret' \"; \\ $1 %s {}".to_owned(), 60_000),
            ("Secret ü€😀 tab\t".to_owned(), 600_000),
            ("Secret-_.~/+=".to_owned(), 1200),
            ("Secret expired".to_owned(), -3600),
            ("Secret expired long ago".to_owned(), -36_000_000),
        ])
        .map(|(id, seconds)| {
            let data = json!({
                "cookie": {"expires": in_seconds(seconds), "originalMaxAge": 5_400_000, "httpOnly": true, "path": "/"},
                "text": format!("'\"\\ ü€😀 {id}"),
                "deep": [[1.5, null, {"": true}]],
            });
            (id, data)
        })
        .collect();
    sessions.sort_by(|one, other| other.0.cmp(&one.0));
    sessions
}

fn ids(sessions: &[(String, Value)]) -> Vec<String> {
    sessions.iter().map(|(id, _)| id.clone()).collect()
}

/// Counts the imported sessions that have exactly this expiry. `expiry` is an expression of the row `t` of the other store's table.
fn with_expiry(database: &Database, table: &str, id: &str, expiry: &str) -> i64 {
    database
        .superuser()
        .query_one(
            &format!(
                "select count(*)
                from {table} as t
                join web.session as s on s.key = sha256(convert_to(t.{id}, 'UTF8'))
                where s.expires_at = {expiry}"
            ),
            &[],
        )
        .unwrap()
        .get(0)
}

/// Imports the sessions of a store twice, after a dry run.
fn assert_imports(stores: &Stores, zone: &Value) {
    let (database, sessions) = (&stores.database, sessions());
    stores.set(&sessions);
    let dry = stores.import(&["--dry-run", "--format=json"]).expect(0);
    assert_eq!(counts(&dry), [25, 0, 2, 0]);
    assert_eq!(dry.json()["expiry_time_zone"], *zone);
    let empty: i64 = value(
        &mut database.superuser(),
        "select count(*) from web.session",
    );
    assert_eq!(empty, 0);

    let done = stores
        .import(&["--batch=10", "--format=json"])
        .expect(0)
        .hides("Secret");
    assert_eq!(counts(&done), [25, 0, 2, 0]);
    stores.both_find_the_same(database, &ids(&sessions), 25);
    // The data is unchanged, and the idle timeout is that of the cookie.
    let (data, idle): (String, i32) = {
        let row = database
            .superuser()
            .query_one(
                "select data, idle_timeout_seconds from web.session where key = sha256(convert_to($1, 'UTF8'))",
                &[&format!("{}Secret00", stores.prefix)],
            )
            .unwrap();
        (row.get(0), row.get(1))
    };
    assert!(data.starts_with(r#"{"cookie":{"expires":""#), "{data}");
    assert_eq!(idle, 5400);

    // A second import, after a logout in this store and a new session in the other.
    let mut client = database.superuser();
    client
        .execute(
            "select web.destroy_session($1)",
            &[&format!("{}Secret05", stores.prefix)],
        )
        .unwrap();
    let new = (
        "Secret new".to_owned(),
        json!({"cookie": {"expires": in_seconds(900)}}),
    );
    stores.set(std::slice::from_ref(&new));
    let again = stores.import(&[]).expect(0).hides("Secret");
    assert!(
        again
            .out
            .starts_with("1 imported, 25 already present, 2 expired, 0 unreadable\n"),
        "{again}"
    );
    assert_eq!(
        load(&mut client, &format!("{}Secret05", stores.prefix)),
        Value::Null
    );
    stores.both_find_the_same(database, &[new.0], 1);
}

#[test]
fn connect_pg_simple_sessions_are_imported() {
    let Some(stores) = Stores::new("connect-pg-simple", json!({})) else {
        return;
    };
    assert_imports(&stores, &json!("Asia/Tokyo"));
    let database = &stores.database;
    // The expiry of the cookie, in whole seconds as the store rounds it.
    let exact =
        "to_timestamp(ceil(extract(epoch from (t.sess #>> '{cookie,expires}')::timestamptz)))";
    assert_eq!(
        with_expiry(database, "public.session", "sid", exact),
        25,
        "of 26, one of which was ended"
    );

    // From another server, by a role that can only read, and with a given time zone.
    let new = Database::installed();
    let url = format!(
        "dbname={} user={} password=store",
        database.name, stores.role
    );
    let from_url = |zone: &[&str]| {
        let arguments = [
            &[
                "import",
                "--from",
                "connect-pg-simple",
                "--source-url",
                &url,
                "--format=json",
            ],
            zone,
        ]
        .concat();
        new.run(&arguments)
    };
    let dry = from_url(&["--dry-run", "--expiry-time-zone", "utc"]).expect(0);
    // In UTC they expire nine hours later than in Tokyo.
    assert_eq!(counts(&dry), [27, 0, 1, 0]);
    assert_eq!(dry.json()["expiry_time_zone"], "UTC");
    from_url(&["--expiry-time-zone", "Mars/Olympus"])
        .expect(2)
        .says(&["there is no time zone \"Mars/Olympus\""]);
    let done = from_url(&[]).expect(0);
    assert_eq!(counts(&done), [26, 0, 2, 0]);
    assert_eq!(done.json()["expiry_time_zone"], "Asia/Tokyo");
    stores.both_find_the_same(&new, &ids(&sessions()[..3]), 3);

    // Without a time zone of the owner, that of the database applies.
    database
        .superuser()
        .batch_execute(&format!(
            "alter role {} in database {} reset timezone",
            stores.role, database.name
        ))
        .unwrap();
    let dry = from_url(&["--dry-run"]).expect(0);
    assert_eq!(dry.json()["expiry_time_zone"], "America/New_York");

    // A role without privileges gets a hint.
    let unprivileged = format!("dbname={} user={} password=store", database.name, new.role);
    new.superuser()
        .batch_execute(&format!(
            "alter role {} password 'store'",
            quoted(&new.role)
        ))
        .unwrap();
    new.run(&[
        "import",
        "--from",
        "connect-pg-simple",
        "--source-url",
        &unprivileged,
    ])
    .expect(2)
    .says(&["Hint: grant select on the table"])
    .hides("Secret");
}

#[test]
fn express_pg_session_with_own_columns_is_imported() {
    // The module writes the expiry to the column "expire", whatever its options are.
    let options = json!({
        "schemaName": "Own Schema",
        "tableName": "Own.Table",
        "columns": {"session_id": "ident", "session_data": "body", "expire": "expire"},
    });
    let Some(stores) = Stores::new("express-pg-session", options) else {
        return;
    };
    let database = &stores.database;
    let mut client = database.superuser();
    // The module ships no table; its README shows one. This one has no primary key, as some have not.
    client
        .batch_execute(&format!(
            "create schema \"Own Schema\" authorization {0};
             create table \"Own Schema\".\"Own.Table\" (ident varchar(100), body jsonb, expire timestamp);
             alter table \"Own Schema\".\"Own.Table\" owner to {0}",
            stores.role
        ))
        .unwrap();
    let mut sessions = sessions();
    for (_, data) in &mut sessions {
        // The module uses maxAge, and stores no expired session.
        data["cookie"]["maxAge"] = json!(7_200_000);
    }
    stores.set(&sessions);
    client
        .batch_execute(
            r#"update "Own Schema"."Own.Table" set expire = expire - interval '5 hours' where ident like '%expired%';
               insert into "Own Schema"."Own.Table"
               select ident, '{"older": true}', expire - interval '10 minutes' from "Own Schema"."Own.Table";
               insert into "Own Schema"."Own.Table" values
               (null, '{"Secret": 1}', '2100-01-01'), ('Secret no data', null, '2100-01-01'),
               ('Secret no expiry', '{}', null), ('Secret for ever', '{}', 'infinity'), ('Secret never', '{}', '-infinity')"#,
        )
        .unwrap();
    let options = [
        "--table",
        r#""Own Schema"."Own.Table""#,
        "--id-column=ident",
        "--data-column=body",
    ];
    let refused = |options: &[&str], says: &[&str]| {
        stores.import(options).expect(2).says(says);
    };
    refused(&[], &["there is no table public.session", "--table"]);
    refused(
        &["--table", r#""Own.Table""#],
        &[r#"is it Own Schema."Own.Table"?"#],
    );
    refused(
        &options[..3],
        &[
            "no column sess; it has body, expire, ident",
            "--data-column",
        ],
    );
    refused(
        &[&options[..], &["--expiry-column=body"]].concat(),
        &["type jsonb, which is not a type of expiries"],
    );
    client
        .batch_execute(r#"alter table "Own Schema"."Own.Table" rename expire to "Ends; ""At""""#)
        .unwrap();
    let options = [&options[..], &["--expiry-column", "Ends; \"At\""]].concat();
    let done = stores
        .import(&[&options[..], &["--batch=7", "--format=json"]].concat())
        .expect(1)
        .hides("Secret");
    let [imported, existing, expired, unreadable] = counts(&done);
    // Of two rows with one id, the one that expires later counts. The other exists already, or has expired.
    assert_eq!((imported, unreadable), (26, 3));
    assert_eq!(existing + expired, 30, "{done}");
    assert_eq!(
        done.json()["reasons"],
        json!({"no data": 1, "no expiry": 1, "no id": 1})
    );
    assert!(
        done.json()["unreadable_sessions"]
            .as_array()
            .unwrap()
            .iter()
            .any(|session| session["position"].as_str().unwrap().contains("ctid (")),
        "{done}"
    );
    client
        .batch_execute(
            r#"alter table "Own Schema"."Own.Table" rename "Ends; ""At""" to expire;
               delete from "Own Schema"."Own.Table" where body ? 'older'"#,
        )
        .unwrap();
    stores.both_find_the_same(database, &ids(&sessions), 25);
    assert_eq!(
        with_expiry(
            database,
            r#""Own Schema"."Own.Table""#,
            "ident",
            "t.expire at time zone 'Asia/Tokyo'"
        ),
        25
    );
}

#[test]
fn timestamptz_expiries_need_no_time_zone() {
    let database = Database::installed();
    let mut client = database.superuser();
    client
        .batch_execute(
            "create table public.session (sid uuid primary key, sess text, expire timestamptz);
             insert into public.session values (gen_random_uuid(), '{}', now() + interval '1 hour')",
        )
        .unwrap();
    let import = ["import", "--from", "express-pg-session"];
    database
        .run(&[&import[..], &["--expiry-time-zone=UTC"]].concat())
        .expect(2)
        .says(&["need no time zone: they have the type timestamp with time zone"]);
    database
        .run(&import)
        .expect(0)
        .says(&["1 imported"])
        .hides("no time zone");
    assert_eq!(
        with_expiry(&database, "public.session", "sid::text", "t.expire"),
        1
    );
}

#[test]
fn koa_pg_session_sessions_are_imported() {
    let Some(stores) = Stores::new("koa-pg-session", json!({})) else {
        return;
    };
    let database = &stores.database;
    // The module returns expired sessions until its next cleanup. They are not imported.
    let sessions = sessions();
    stores.set(&sessions);
    let live: Vec<_> = sessions
        .iter()
        .filter(|(id, _)| !id.contains("expired"))
        .cloned()
        .collect();
    database
        .superuser()
        .batch_execute(
            "insert into public.session values ('koa:sess:Secret null', '2100-01-01', null)",
        )
        .unwrap();
    let done = stores
        .import(&["--format=json", "--batch=4"])
        .expect(1)
        .hides("Secret");
    assert_eq!(counts(&done), [25, 0, 2, 1]);
    assert_eq!(done.json()["expiry_time_zone"], "Asia/Tokyo");
    assert_eq!(done.json()["reasons"], json!({"no data": 1}));
    stores.both_find_the_same(database, &ids(&live), 25);
    let exact = "t.expiry at time zone 'Asia/Tokyo'";
    assert_eq!(with_expiry(database, "public.session", "id", exact), 25);

    // For an application that uses no prefix.
    stores
        .import(&["--strip-prefix", "koa:sess:"])
        .expect(1)
        .says(&["25 imported, 0 already present, 2 expired, 1 unreadable (no data: 1)"]);
    assert!(load(&mut database.superuser(), &live[0].0).is_object());
}

#[test]
fn koa_generic_session_sequelize_sessions_are_imported() {
    // Otherwise the module deletes expired sessions at random, at one of 10,000 requests.
    let options = json!({"gcFrequency": 0});
    let Some(stores) = Stores::new("koa-generic-session-sequelize", options) else {
        return;
    };
    // The module gives an expired session no lifetime, so it is not live.
    assert_imports(&stores, &Value::Null);
    let database = &stores.database;
    assert_eq!(
        with_expiry(
            database,
            "public.\"Sessions\"",
            "id",
            "to_timestamp(t.expires)"
        ),
        25
    );
    database
        .superuser()
        .batch_execute(
            r#"insert into public."Sessions" values
               ('Secret bad', '{"Secret"', 4102444800), ('Secret null', null, 4102444800), ('Secret timeless', '{}', null),
               ('Secret milliseconds', '{}', 4102444800000), ('Secret most', '{}', 9223372036854775807),
               ('Secret least', '{}', -9223372036854775808)"#,
        )
        .unwrap();
    let done = stores.import(&["--format=json"]).expect(1).hides("Secret");
    assert_eq!(counts(&done), [2, 26, 3, 3]);
    assert_eq!(
        done.json()["reasons"],
        json!({"no data": 1, "no expiry": 1, "the data is not JSON": 1})
    );
}

// A second run continues an import that was interrupted.
#[test]
fn interrupted_import_continues() {
    let database = Database::installed();
    let mut client = database.superuser();
    client
        .batch_execute(
            "create table public.session (sid varchar primary key, sess json not null, expire timestamp(6) not null);
             insert into public.session
             select 'Secret' || n, '{}', now() + interval '1 day' from generate_series(1, 3000) as n",
        )
        .unwrap();
    let arguments = [
        "import",
        "--from",
        "connect-pg-simple",
        "--batch=1",
        "--format=json",
    ];
    let child = start(database.command(&arguments));
    wait_until("the import has written sessions", || {
        value(&mut client, "select count(*) > 2 from web.session")
    });
    let signal = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(signal.success());
    let run = end(child).hides("Secret");
    let [imported, ..] = counts(&run);
    let rows: i64 = value(&mut client, "select count(*) from web.session");
    assert_eq!(imported, rows);
    if imported < 3000 {
        assert_eq!(
            (run.code, run.json()["outcome"].as_str()),
            (Some(1), Some("interrupted"))
        );
    }
    let rest = database
        .run(&["import", "--from", "connect-pg-simple", "--format=json"])
        .expect(0);
    assert_eq!(counts(&rest), [3000 - imported, imported, 0, 0]);
}

// A server that logs every statement with its parameters logs neither ids nor data of an import. Only a superuser may turn off
// parameters, so for another user it logs data. It never logs an id.
#[test]
fn import_logs_neither_ids_nor_data() {
    let mut database = Database::installed();
    let other = database.own_role("login password 'other'");
    let mut client = database.superuser();
    let log: Option<String> = value(&mut client, "select pg_current_logfile()");
    let log = log.expect(
        "NOT TESTED: this server's log cannot be read through SQL (logging_collector is off); use bin/with-pg",
    );
    for user in [None, Some(&*other)] {
        let marker = random();
        client
            .batch_execute(&format!(
                "drop table if exists public.session;
                 create table public.session (sid varchar primary key, sess json, expire timestamp(6));
                 insert into public.session
                 select substr('{marker}', 1, 8) || substr('{marker}', 9) || 'id' || n,
                     json_build_object('a', substr('{marker}', 1, 8) || substr('{marker}', 9) || 'data'),
                     now() + interval '1 day'
                 from generate_series(1, 50) as n;
                 grant select on public.session to {other};
                 grant {1}_owner to {other};
                 alter database {0} set log_statement = 'all';
                 alter database {0} set log_min_duration_statement = 0",
                database.name, database.role
            ))
            .unwrap();
        let environment: Vec<(&str, &str)> = user
            .map(|user| [("PGUSER", user), ("PGPASSWORD", "other")])
            .into_iter()
            .flatten()
            .collect();
        let import = ["import", "--from", "connect-pg-simple", "--batch=7"];
        let run = database.run_with(&environment, &import).expect(0);
        assert!(run.err.contains("50 imported") || run.out.contains("50 imported"));
        let warns = run.err.contains("may log the data of the sessions");
        assert_eq!(warns, user.is_some(), "{run}");
        let logged: String = client
            .query_one("select pg_read_file($1)", &[&log])
            .unwrap()
            .get(0);
        // The statement is logged, without the values.
        assert!(logged.contains("import_sessions"));
        let mut hex = |text: &str| -> String {
            let sql = "select encode(convert_to($1, 'UTF8'), 'hex')";
            client.query_one(sql, &[&text]).unwrap().get(0)
        };
        let (id, data) = (format!("{marker}id"), format!("{marker}data"));
        assert!(!logged.contains(&id) && !logged.contains(&hex(&id)));
        let has_data = logged.contains(&data) || logged.contains(&hex(&data));
        assert_eq!(has_data, user.is_some());
    }
}
