//! The runtime role may run any SQL and change every setting that its context allows. Nothing that the server then prints,
//! returns or counts may hold a secret of a session that the caller did not name: key, handle, user id or data.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use postgres::{Client, NoTls, SimpleQueryMessage};
use sha2::{Digest, Sha256};

use crate::support::test_database::TestDatabase;

/// Other visitors' sessions: live, expired and ended, some of them of the user whom the calls name.
const SESSIONS: &str = "
    select web.create_session(sha256('live 1'), 'stranger data', p_user_id => 'ada'),
        web.create_session(sha256('live 2'), 'stranger data', p_user_id => 'ada'),
        web.create_session(sha256('live 3'), 'stranger data', p_user_id => 'stranger user'),
        web.create_session(sha256('expired 1'), 'stranger data', p_user_id => 'stranger user'),
        web.create_session(sha256('expired 2'), 'stranger data', p_user_id => 'ada'),
        web.create_session(sha256('ended 1'), 'stranger data', p_user_id => 'stranger user'),
        web.create_session(sha256('rotated 1'), 'stranger data', p_user_id => 'stranger user'),
        web.create_session(sha256('rotated 2'), 'stranger data', p_user_id => 'stranger user'),
        web.create_session(sha256('own'), 'own data', p_user_id => 'own user');
    select web.end_session(sha256('ended 1')),
        web.rotate_session(sha256('rotated 1'), sha256('successor 1'), 60),
        web.login_session(sha256('rotated 2'), sha256('successor 2'), 'stranger user');
    update web.session
    set expires_at = '-infinity', slide_at = '-infinity', prune_after = now() - interval '1 day'
    where key in (sha256('expired 1'), sha256('expired 2'));
    update web.session
    set ended_at = now() - interval '1 day', prune_after = now() - interval '1 day'
    where key = sha256('ended 1');
    update web.session set handle = substr(sha256(key)::text, 3, 32)::uuid;
    update web.session set slide_at = '-infinity' where key in (sha256('live 1'), sha256('successor 1'), sha256('own'))";

/// Returns the secrets of those sessions, by their names.
fn secrets() -> BTreeMap<String, Vec<u8>> {
    let keys = [
        "live 1",
        "live 2",
        "live 3",
        "expired 1",
        "expired 2",
        "ended 1",
        "successor 1",
        "successor 2",
    ];
    keys.iter()
        .map(|id| (format!("the key of {id}"), Sha256::digest(id).to_vec()))
        .chain(
            // user_sessions shows the handles of the user whom the calls name.
            [
                "live 3",
                "expired 1",
                "ended 1",
                "successor 1",
                "successor 2",
            ]
            .iter()
            .map(|id| {
                (
                    format!("the handle of {id}"),
                    Sha256::digest(Sha256::digest(id))[..16].to_vec(),
                )
            }),
        )
        .chain([
            ("a user id".to_owned(), b"stranger user".to_vec()),
            ("session data".to_owned(), b"stranger data".to_vec()),
        ])
        .collect()
}

/// Every public function, with arguments that make it meet rows of others: `rotated 1` and `rotated 2` are old keys of theirs.
const CALLS: &[&str] = &[
    "select web.create_session(sha256('new'), '{}')",
    "select web.create_session(sha256('new'), '{}', p_user_id => 'ada', p_max_sessions => 1)",
    "select web.create_session(sha256('own'), '{}')",
    "select web.create_session(sha256(convert_to('new ' || n, 'UTF8')), '{}') from generate_series(1, 16) as n",
    "select web.load_session(sha256('missing'))",
    "select web.load_session_value(sha256('missing'))",
    "select octet_length(data) from web.load_session(sha256('rotated 1'))",
    "select web.load_session(sha256('own'))",
    "select web.save_session(sha256('own'), '{}')",
    "select web.save_session(sha256('rotated 1'), '{}')",
    "select web.load_sessions(array[sha256('own'), sha256('rotated 1'), sha256('missing')])",
    "select web.load_sessions(array[sha256('own'), sha256('rotated 1')], false)",
    "select web.save_sessions(array[sha256('own'), sha256('rotated 1'), sha256('missing')], array['1', '2', '3'])",
    "select web.save_sessions(array[sha256('rotated 2'), sha256('own'), sha256('own')], array['1', '2', '3'], array[1, 1, 2])",
    "select web.touch_session(sha256('own'))",
    "select web.touch_session(sha256('rotated 1'))",
    "select web.lock_session(sha256('own'))",
    "select web.lock_session(sha256('rotated 1'))",
    "select web.end_session(sha256('rotated 1'))",
    "select web.end_session(sha256('rotated 2'))",
    "select web.end_session(sha256('missing'))",
    "select web.rotate_session(sha256('own'), sha256('new'), 60)",
    "select web.rotate_session(sha256('rotated 1'), sha256('new'))",
    "select web.login_session(sha256('own'), sha256('new'), 'ada', p_max_sessions => 1)",
    "select web.login_session(sha256('rotated 2'), sha256('new'), 'ada')",
    "select web.logout_session(sha256('own'), sha256('new'))",
    "select web.logout_session(sha256('rotated 2'), sha256('new'))",
    "select state from web.session_info(sha256('rotated 1'))",
    "select handle from web.user_sessions('ada')",
    "select web.end_user_session('ada', handle) from web.user_sessions('ada')",
    "select web.end_user_sessions('ada')",
    "select web.end_user_sessions('ada', sha256('own'))",
    "select web.end_user_sessions('ada', sha256('rotated 1'))",
    "select web.prune_sessions()",
    "select web.prune_sessions(1)",
    "select web.notify_channel()",
    "select web.set_session_data('new', '{}', null)",
    "select web.set_session_data('own', '{}', now() - interval '1 day')",
    "select web.get_session_data('own')",
    "select web.get_session_data('rotated 1') is null",
    "select web.destroy_session('rotated 1')",
    "select web.count_sessions()",
    "select web.clear_sessions()",
];

/// The settings that make a server print most. Each further setting is tried in addition. PostgreSQL 14 has not all of them.
const PRINT_MOST: &str = "
    set client_min_messages = 'debug5';
    set debug_print_parse = on;
    set debug_print_rewritten = on;
    set debug_print_plan = on;
    set debug_pretty_print = off;
    set plan_cache_mode = 'force_custom_plan';
    set log_parameter_max_length_on_error = -1;
    set trace_notify = on;
    set trace_sort = on;
    select set_config(s.name, 'none', false) from pg_settings as s where s.name = 'stats_fetch_consistency'";

/// Returns the forms in which a server prints bytes, without white space: text, hexadecimal, octal escapes, lists of signed
/// and of unsigned bytes (in node trees), and base64 (in XML).
fn forms(secret: &[u8]) -> Vec<String> {
    use base64::Engine as _;

    let list = |byte: &dyn Fn(&u8) -> String| secret.iter().map(byte).collect::<Vec<_>>();
    let mut forms = vec![
        list(&|byte| format!("{byte:02x}")).concat(),
        list(&|byte| {
            if (0x20..0x7f).contains(byte) && *byte != b'\\' {
                char::from(*byte).to_string()
            } else {
                format!("\\{byte:03o}")
            }
        })
        .concat(),
        list(&|byte| byte.cast_signed().to_string()).concat(),
        list(&|byte| byte.to_string()).concat(),
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret),
    ];
    if let Ok(text) = std::str::from_utf8(secret) {
        forms.push(text.to_owned());
    }
    forms.iter().map(|form| normalized(form)).collect()
}

/// Removes white space: the server breaks the lines of a node tree anywhere, within a number too.
fn normalized(text: &str) -> String {
    text.split_whitespace().collect()
}

struct Attacker {
    client: Client,
    notices: Arc<Mutex<String>>,
    secrets: Vec<(String, Vec<String>)>,
}

impl Attacker {
    fn new(database: &TestDatabase) -> Attacker {
        let notices = Arc::new(Mutex::new(String::new()));
        let mut config = postgres::Config::from(database.config());
        config.notice_callback({
            let notices = Arc::clone(&notices);
            move |notice| {
                let mut notices = notices.lock().unwrap();
                let _ = writeln!(
                    notices,
                    "{} {} {} {}",
                    notice.message(),
                    notice.detail().unwrap_or_default(),
                    notice.hint().unwrap_or_default(),
                    notice.where_().unwrap_or_default()
                );
            }
        });
        Attacker {
            client: config.connect(NoTls).unwrap(),
            notices,
            secrets: secrets()
                .into_iter()
                .map(|(name, secret)| (name, forms(&secret)))
                .collect(),
        }
    }

    /// Runs a call and rolls it back. Returns all that the server printed and returned.
    fn run(&mut self, settings: &str, call: &str) -> String {
        self.notices.lock().unwrap().clear();
        let mut output = String::new();
        let result = self
            .client
            .simple_query(&format!("begin; {settings}; {call}; rollback"));
        match result {
            Ok(messages) => {
                for message in messages {
                    if let SimpleQueryMessage::Row(row) = message {
                        for column in 0..row.len() {
                            let _ = writeln!(output, "{}", row.get(column).unwrap_or_default());
                        }
                    }
                }
            }
            Err(error) => {
                if let Some(error) = error.as_db_error() {
                    let _ = writeln!(output, "{error:?}");
                }
                let _ = self.client.simple_query("rollback");
            }
        }
        output + &self.notices.lock().unwrap()
    }

    /// Returns the names of the secrets that a text contains.
    fn found(&self, text: &str) -> Vec<&str> {
        let text = normalized(text);
        self.secrets
            .iter()
            .filter(|(_, forms)| forms.iter().any(|form| text.contains(form.as_str())))
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

/// Statements that set each setting of the context `user` to values that differ from its default, in groups: each group has
/// one value of several settings.
fn settings(client: &mut Client) -> Vec<Vec<String>> {
    let statements: Vec<(i64, String)> =
    client
        .query(
            "select
                row_number() over (partition by s.name order by v.value) as round,
                format('set local %I = %L', s.name, v.value)
            from pg_settings as s
            cross join lateral (
                select case s.setting when 'on' then 'off' else 'on' end as value where s.vartype = 'bool'
                union all
                select e.value from unnest(s.enumvals) as e (value) where e.value <> s.setting
                union all
                select s.min_val where s.vartype in ('integer', 'real') and s.min_val <> s.setting
                union all
                select s.max_val where s.vartype in ('integer', 'real') and s.max_val <> s.setting
            ) as v
            where s.context = 'user'
                -- these end the call, or the messages, too early
                and s.name not in ('client_min_messages', 'statement_timeout', 'transaction_timeout', 'exit_on_error',
                    'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_isolation', 'temp_buffers')
            order by 1, s.name",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    statements
        .chunk_by(|a, b| a.0 == b.0)
        .flat_map(|round| round.chunks(12))
        .map(|group| {
            group
                .iter()
                .map(|(_, statement)| statement.clone())
                .collect()
        })
        .collect()
}

/// Returns true if the secret is a key that the call passes, so that its output may show it.
fn is_key_in(secret: &str, call: &str) -> bool {
    secret
        .strip_prefix("the key of ")
        .is_some_and(|id| call.contains(&format!("sha256('{id}')")))
}

#[test]
fn settings_of_the_runtime_role_disclose_no_other_session() {
    let database = TestDatabase::new();
    database.superuser().batch_execute(SESSIONS).unwrap();
    let mut attacker = Attacker::new(&database);
    attacker.client.batch_execute(PRINT_MOST).unwrap();

    // The server prints plans, and this test finds the secrets in them. Otherwise nothing below could fail.
    let plan = attacker.run(
        "select",
        "select sha256('live 1') = sha256(random()::text::bytea)",
    );
    assert!(
        attacker.found(&plan).contains(&"the key of live 1"),
        "{plan}"
    );

    let mut disclosed = BTreeMap::new();
    // The settings of PL/pgSQL are known once it is loaded.
    attacker.run("select", "select web.notify_channel()");
    let groups = settings(&mut attacker.client);
    assert!(groups.len() > 10, "{}", groups.len());
    let mut search = |attacker: &mut Attacker, settings: &str| {
        let mut failed = 0;
        for call in CALLS {
            if disclosed.contains_key(call) {
                continue;
            }
            let output = attacker.run(settings, call);
            failed += u32::from(output.contains("DbError"));
            let found: Vec<&str> = attacker
                .found(&output)
                .into_iter()
                .filter(|secret| !is_key_in(secret, call))
                .collect();
            let found = found.join(", ");
            if !found.is_empty() {
                disclosed.insert(*call, format!("{found} (with {settings})"));
            }
        }
        failed
    };
    let always_failing = search(&mut attacker, "select");
    // Trees before planning do not depend on other settings.
    attacker
        .client
        .batch_execute("set debug_print_parse = off; set debug_print_rewritten = off")
        .unwrap();
    for group in groups {
        // A setting with which calls fail would hide what the others of its group do.
        if search(&mut attacker, &group.join("; ")) > always_failing {
            for setting in group {
                search(&mut attacker, &setting);
            }
        }
    }
    assert!(disclosed.is_empty(), "{disclosed:#?}");
}

#[test]
fn statistics_views_disclose_no_other_session() {
    let database = TestDatabase::new();
    database.superuser().batch_execute(SESSIONS).unwrap();
    let mut attacker = Attacker::new(&database);
    for call in CALLS {
        attacker.run("select", call);
    }
    database.superuser().batch_execute("analyze").unwrap();
    let views: Vec<String> = attacker
        .client
        .query(
            "select format('select v::text from %I.%I as v', n.nspname, c.relname)
            from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname in ('pg_catalog', 'information_schema')
                and c.relkind in ('v', 'r')
                and has_table_privilege(c.oid, 'select')",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(views.len() > 100, "{}", views.len());
    // pg_stat_activity shows the caller its own last statement.
    attacker
        .client
        .simple_query("select 'forget the last statement'")
        .unwrap();
    for view in views {
        let output = attacker.run("select", &view);
        let found = attacker.found(&output);
        assert!(found.is_empty(), "{view}: {found:?}");
    }
}
