//! `session-admin configure`

use crate::support::session_admin::Database;
use serde_json::{Value, json};

fn setting(database: &Database, name: &str) -> Value {
    let run = database.run(&["configure", "--format", "json"]).expect(0);
    let settings = run.json()["settings"].clone();
    settings
        .as_array()
        .unwrap()
        .iter()
        .find(|setting| setting["name"] == name)
        .unwrap()
        .clone()
}

#[test]
fn configure_lists_each_setting_of_catalog() {
    let database = Database::installed();
    let run = database.run(&["configure"]).expect(0);
    let rows = database
        .superuser()
        .query(
            "select a.attname::text, col_description(a.attrelid, a.attnum)
            from pg_attribute as a
            where a.attrelid = 'web.settings'::regclass
                and a.attnum > 0
                and not a.attisdropped
                and a.attname not in ('only_row', 'lock_seed')",
            &[],
        )
        .unwrap();
    assert!(rows.len() >= 10);
    for row in rows {
        let (name, meaning): (&str, &str) = (row.get(0), row.get(1));
        assert!(
            run.out.contains(&format!("{name} = ")) && run.out.contains(meaning),
            "{name} in\n{run}"
        );
    }
    assert!(!run.out.contains("only_row"), "{run}");
    assert_eq!(
        setting(&database, "idle_timeout_seconds"),
        json!({
            "name": "idle_timeout_seconds",
            "type": "integer",
            "value": 86400,
            "default": 86400,
            "allowed": "a whole number, at least 1, at most 2147483647, max_timeout_seconds >= idle_timeout_seconds",
            "meaning": "The idle timeout of a session that asks for none, in seconds. One day by default.",
        })
    );
    assert_eq!(setting(&database, "reject_over_limit")["value"], false);
    assert_eq!(setting(&database, "notify_channel")["default"], Value::Null);
}

#[test]
fn configure_changes_all_given_settings() {
    let database = Database::installed();
    database
        .run(&["configure", "--dry-run", "idle_timeout_seconds=1800"])
        .expect(0)
        .says(&[
            "would be changed idle_timeout_seconds: was 86400, is 1800",
            "Nothing was changed.",
        ]);
    assert_eq!(setting(&database, "idle_timeout_seconds")["value"], 86400);

    let run = database
        .run(&[
            "configure",
            "idle_timeout_seconds=1800",
            "notify_channel=web ends; \"é\"",
            "reject_over_limit=On",
            "max_sessions_per_user=5",
            "--format=json",
        ])
        .expect(0);
    let mut changed: Vec<String> = run.json()["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["name"].as_str().unwrap().to_owned())
        .collect();
    changed.sort();
    assert_eq!(
        changed,
        [
            "idle_timeout_seconds",
            "max_sessions_per_user",
            "notify_channel",
            "reject_over_limit"
        ]
    );
    assert_eq!(setting(&database, "idle_timeout_seconds")["value"], 1800);
    assert_eq!(
        setting(&database, "notify_channel")["value"],
        "web ends; \"é\""
    );
    assert_eq!(setting(&database, "reject_over_limit")["value"], true);
    database
        .run(&["configure"])
        .expect(0)
        .says(&["idle_timeout_seconds = 1800\n", "default 86400"]);

    database
        .run(&["configure", "notify_channel=", "reject_over_limit=no"])
        .expect(0)
        .says(&["changed notify_channel: was web ends; \"é\", is nothing"]);
    assert_eq!(setting(&database, "notify_channel")["value"], Value::Null);
    database
        .run(&["configure", "notify_channel="])
        .expect(0)
        .says(&["Nothing to change"]);

    // An install keeps the settings.
    database.run(&["check"]).expect(1).hides("drift");
    assert_eq!(setting(&database, "idle_timeout_seconds")["value"], 1800);
}

#[test]
fn configure_refuses_invalid_setting_and_changes_nothing() {
    let database = Database::installed();
    for (given, says) in [
        (
            "idle_timeout_seconds=0",
            "idle_timeout_seconds is a whole number, at least 1, at most 2147483647",
        ),
        ("idle_timeout_seconds=2147483648", "at most 2147483647"),
        ("idle_timeout_seconds=1e3", "at least 1"),
        ("idle_timeout_seconds=", "at least 1"),
        (
            "max_data_bytes=8191",
            "max_data_bytes is a whole number, at least 8192",
        ),
        ("tombstone_retention_seconds=59", "at least 60"),
        (
            "slide_percent=51",
            "slide_percent is a whole number, at least 0, at most 50",
        ),
        (
            "slide_max_seconds=10",
            "slide_max_seconds >= slide_min_seconds",
        ),
        ("reject_over_limit=maybe", "true or false"),
        ("max_sessions_per_user=-1", "at least 0"),
        (
            &*format!("notify_channel={}", "x".repeat(64)),
            "at most 63 bytes",
        ),
    ] {
        database
            .run(&["configure", "absolute_timeout_seconds=1000", given])
            .expect(2)
            .says(&["nothing was changed\nHint:", says])
            .hides("violates");
    }
    database
        .run(&["configure", "idle_secs=5"])
        .expect(2)
        .says(&[
            "there is no setting \"idle_secs\"",
            "is idle_timeout_seconds meant?",
            "notify_channel",
        ]);
    database
        .run(&["configure", "only_row=false"])
        .expect(2)
        .says(&[
            "there is no setting",
            "the settings are idle_timeout_seconds, ",
        ])
        .hides("meant?");
    database
        .run(&[
            "configure",
            "idle_timeout_seconds=1",
            "idle_timeout_seconds=2",
        ])
        .expect(2)
        .says(&["given twice"]);
    database
        .run(&["configure", "idle_timeout_seconds"])
        .expect(2)
        .says(&["NAME=VALUE"]);
    assert_eq!(
        setting(&database, "absolute_timeout_seconds")["value"],
        2_592_000
    );

    database
        .superuser()
        .batch_execute("delete from web.settings")
        .unwrap();
    for arguments in [&["configure"][..], &["configure", "idle_timeout_seconds=5"]] {
        database
            .run(arguments)
            .expect(2)
            .says(&["session-admin install"]);
    }
}
