//! A store moves to another server: by dump and restore, by `pg_upgrade`, and by logical replication. The servers are of the test
//! alone, because their roles move too.

use std::path::PathBuf;
use std::process::{Command, Output};

use postgres::Client;

use crate::support::copied_server::debian_programs;
use crate::support::fresh_server::FreshServer;
use crate::support::server::value;
use crate::support::skip::skip;
use crate::support::wait::wait_until;

const DATABASE: &str = "shop";

/// Returns the value, or reports why the test cannot run here.
fn or_skip<T>(result: Result<T, String>) -> Option<T> {
    result.map_err(|reason| skip(&reason)).ok()
}

fn data(client: &mut Client, id: &str) -> Option<String> {
    let row = client
        .query_opt("select web.get_session_data($1)", &[&id])
        .unwrap();
    row.map(|row| row.get(0))
}

/// Ids under which nothing may load: ended, expired, and replaced by a rotation and by a login.
const NOT_LIVE: [&str; 4] = ["ended", "expired", "before rotation", "before login"];

/// Creates a database with a store: live sessions, some of a user, and sessions that are no longer live.
fn fill(server: &mut FreshServer) -> Client {
    server
        .connect("postgres")
        .batch_execute(&format!("create database {DATABASE}"))
        .unwrap();
    server.session_admin(DATABASE, &["install"]).expect(0);
    server
        .session_admin(DATABASE, &["rotate-password"])
        .expect(0);
    server
        .session_admin(DATABASE, &["configure", "idle_timeout_seconds=3600"])
        .expect(0);
    let mut client = server.connect(DATABASE);
    client
        .batch_execute(
            "select web.set_session_data('live', '{\"views\":1}', null);
             select web.set_session_data('ended', '{}', null);
             select web.end_session(sha256('ended'));
             select web.set_session_data('before rotation', '{\"views\":2}', null);
             select web.rotate_session(sha256('before rotation'), sha256('after rotation'));
             select web.set_session_data('before login', '{\"views\":3}', null);
             select web.login_session(sha256('before login'), sha256('after login'), 'ada', p_label => 'phone');
             select web.create_session(sha256('another device'), '{}', p_user_id => 'ada');
             select web.set_session_data('expired', '{}', null);
             update web.session set expires_at = created_at where key = sha256('expired')",
        )
        .unwrap();
    server.session_admin(DATABASE, &["check"]).expect(0);
    client
}

/// Fails the test unless the store of [`fill`] works here as it did there.
#[track_caller]
fn assert_moved(server: &mut FreshServer) {
    let mut client = server.connect(DATABASE);
    for (id, views) in [("live", 1), ("after rotation", 2), ("after login", 3)] {
        let expected = format!("{{\"views\":{views}}}");
        assert_eq!(data(&mut client, id).unwrap(), expected, "{id}");
    }
    for id in NOT_LIVE {
        assert_eq!(data(&mut client, id), None, "{id}");
        let sql = "select outcome from web.save_session(sha256($1::text::bytea), '{}')";
        let saved: String = client.query_one(sql, &[&id]).unwrap().get(0);
        assert_eq!(saved, "gone", "{id}");
    }
    let devices: i64 = value(&mut client, "select count(*) from web.user_sessions('ada')");
    assert_eq!(devices, 2);
    let timeout: i32 = value(&mut client, "select idle_timeout_seconds from web.settings");
    assert_eq!(timeout, 3600);
    let is_scram: bool = value(
        &mut client,
        "select rolpassword like 'SCRAM-%' from pg_authid where rolname = 'nodepg'",
    );
    assert!(is_scram);
}

/// A dump has no privileges on row types, and role settings only with `--create`. An install repairs both.
#[track_caller]
fn assert_install_repairs(server: &FreshServer) {
    server
        .session_admin(DATABASE, &["check"])
        .expect(1)
        .says(&["drift privilege USAGE on type session to PUBLIC should not be there"])
        .hides("is missing")
        .hides("warning");
    server.session_admin(DATABASE, &["install"]).expect(0);
    server.session_admin(DATABASE, &["check"]).expect(0);
}

/// Returns a program that connects to a server: that of the server's version, or else that on PATH.
fn client_program(server: &FreshServer, name: &str) -> Command {
    let own: PathBuf = server.programs.join(name);
    let mut command = Command::new(if own.exists() { own } else { name.into() });
    server.set_login(&mut command, "postgres");
    command
}

fn output(command: &mut Command) -> Result<Output, String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

/// Returns the major version of a program, or the reason why there is none.
fn version(command: &mut Command) -> Result<u32, String> {
    let output = output(command.arg("--version"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(|c: char| !c.is_ascii_digit())
        .find_map(|number| number.parse().ok())
        .ok_or(text)
}

/// Returns the major version of a server.
fn server_version(server: &mut FreshServer) -> u32 {
    let sql = "select current_setting('server_version_num')::integer / 10000";
    value::<i32>(&mut server.connect("postgres"), sql).unsigned_abs()
}

/// Moves the roles and the database by dump and restore, as docs/operations.md says. Skips if there is no `pg_dump` for the servers.
fn move_by_dump(old: &mut FreshServer, new: &mut FreshServer) -> Result<(), String> {
    fill(old);
    let old_version = server_version(old);
    let mut dump_version = 0;
    for program in ["pg_dump", "pg_dumpall", "pg_restore", "psql"] {
        let of_old = version(&mut client_program(old, program))?;
        if program.starts_with("pg_dump") && of_old < old_version {
            return Err(format!(
                "{program} of version {of_old} cannot read a server of version {old_version}"
            ));
        }
        dump_version = dump_version.max(of_old);
    }
    let roles = output(client_program(old, "pg_dumpall").arg("--roles-only")).unwrap();
    let roles_file = new.directory.join("roles.sql");
    std::fs::write(&roles_file, roles.stdout).unwrap();
    let dump = new.directory.join("dump");
    output(
        client_program(old, "pg_dump")
            .args(["--format=custom", DATABASE, "--file"])
            .arg(&dump),
    )
    .unwrap();
    // The superuser exists, so psql reports one error and goes on.
    output(
        client_program(new, "psql")
            .args(["--no-psqlrc", "--quiet", "--file"])
            .arg(&roles_file),
    )
    .unwrap();
    // pg_dump writes a `create database` for servers of its own version and later.
    let creates = dump_version <= server_version(new);
    let restore = &mut client_program(new, "pg_restore");
    let restore = if creates {
        restore.args(["--create", "--dbname=postgres"])
    } else {
        new.connect("postgres")
            .batch_execute(&format!("create database {DATABASE}"))
            .unwrap();
        restore.arg(format!("--dbname={DATABASE}"))
    };
    // pg_restore of an older version sets a parameter that a newer server may not know. It reports that and goes on.
    let restored = restore.arg(&dump).output().unwrap();
    let errors = String::from_utf8_lossy(&restored.stderr).into_owned();
    assert!(restored.status.success(), "{errors}");
    assert_moved(new);
    if creates {
        assert_install_repairs(new);
    } else {
        new.session_admin(DATABASE, &["install"]).expect(0);
        new.session_admin(DATABASE, &["check"]).expect(0);
    }
    assert_moved(new);
    Ok(())
}

#[test]
fn dump_restores_into_fresh_cluster() {
    let Some((mut old, mut new)) =
        or_skip(FreshServer::new(&[]).and_then(|old| Ok((old, FreshServer::new(&[])?))))
    else {
        return;
    };
    or_skip(move_by_dump(&mut old, &mut new));
}

#[test]
fn dump_of_version_14_restores_into_18() {
    let Some((mut old, mut new)) = or_skip(
        FreshServer::of_version(14).and_then(|old| Ok((old, FreshServer::of_version(18)?))),
    ) else {
        return;
    };
    or_skip(move_by_dump(&mut old, &mut new));
}

/// Returns every column of every session.
fn sessions(client: &mut Client) -> String {
    value(
        client,
        "select coalesce(jsonb_agg(to_jsonb(s) order by s.key), '[]')::text from web.session as s",
    )
}

/// Returns the directory of the programs of a version, `pg_upgrade` and its like among them: the installed ones, or those of the
/// suite of Debian that has this version. Those of the npm registry lack them.
fn programs_with_pg_upgrade(version: u32) -> Result<PathBuf, String> {
    let installed = PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"));
    if installed.join("pg_upgrade").exists() {
        return Ok(installed);
    }
    let suite = match version {
        15 => "bookworm",
        17 => "trixie",
        18 => "forky",
        _ => return Err(format!("no suite of Debian has PostgreSQL {version}")),
    };
    debian_programs(suite, version)
}

/// Upgrades a server by `pg_upgrade`, with these options, and fails the test unless the store is as it was.
fn upgrade(old: u32, new: u32, options: &[&str]) -> Result<(), String> {
    // With checksums, the default of 18, only a server that has them can be upgraded.
    let checksums = (new >= 18).then_some("--no-data-checksums");
    let mut old = FreshServer::of_programs(&programs_with_pg_upgrade(old)?, None)?;
    let mut new = FreshServer::of_programs(&programs_with_pg_upgrade(new)?, checksums)?;
    let before = sessions(&mut fill(&mut old));
    old.stop();
    new.stop();
    let upgraded = new
        .own_program("pg_upgrade")
        .args(options)
        .arg("--old-bindir")
        .arg(&old.programs)
        .arg("--new-bindir")
        .arg(&new.programs)
        .arg("--old-datadir")
        .arg(old.data())
        .arg("--new-datadir")
        .arg(new.data())
        .arg("--socketdir")
        .arg(&new.directory)
        .arg("--username=postgres")
        .output()
        .unwrap();
    assert!(
        upgraded.status.success(),
        "{}{}",
        String::from_utf8_lossy(&upgraded.stdout),
        String::from_utf8_lossy(&upgraded.stderr)
    );
    new.start(&[]).unwrap();
    assert_eq!(sessions(&mut new.connect(DATABASE)), before);
    assert_moved(&mut new);
    assert_install_repairs(&new);
    assert_moved(&mut new);
    Ok(())
}

#[test]
fn pg_upgrade_of_15_to_17_keeps_store() {
    or_skip(upgrade(15, 17, &["--copy"]));
}

#[test]
fn pg_upgrade_of_15_to_17_by_links_keeps_store() {
    or_skip(upgrade(15, 17, &["--link"]));
}

#[test]
fn pg_upgrade_of_15_to_18_keeps_store() {
    or_skip(upgrade(15, 18, &["--copy"]));
}

#[test]
fn pg_upgrade_of_17_to_18_by_links_keeps_store() {
    or_skip(upgrade(17, 18, &["--link"]));
}

#[test]
fn logical_replication_moves_sessions() {
    let Some((mut old, mut new)) = or_skip(
        FreshServer::new(&["wal_level=logical"]).and_then(|old| Ok((old, FreshServer::new(&[])?))),
    ) else {
        return;
    };
    let mut publisher = fill(&mut old);
    new.connect("postgres")
        .batch_execute(&format!("create database {DATABASE}"))
        .unwrap();
    new.session_admin(DATABASE, &["install"]).expect(0);
    new.session_admin(DATABASE, &["rotate-password"]).expect(0);
    new.session_admin(DATABASE, &["configure", "idle_timeout_seconds=3600"])
        .expect(0);
    let mut subscriber = new.connect(DATABASE);

    publisher
        .batch_execute("create publication moving for table web.session")
        .unwrap();
    old.session_admin(DATABASE, &["check"])
        .expect(1)
        .says(&["warning", "publication moving"]);
    subscriber
        .batch_execute(&format!(
            "create subscription moving connection '{}' publication moving",
            old.connection_string(DATABASE)
        ))
        .unwrap();
    // Meanwhile sessions are created, saved, rotated, ended and deleted.
    publisher
        .batch_execute(
            "select web.set_session_data('new', '{\"views\":1}', null);
             select web.save_session(sha256('new'), '{\"views\":2}');
             select web.set_session_data('before', '{}', null);
             select web.rotate_session(sha256('before'), sha256('after'));
             select web.set_session_data('ended later', '{}', null);
             select web.end_session(sha256('ended later'));
             select web.set_session_data('deleted', '{}', null);
             delete from web.session where key = sha256('deleted')",
        )
        .unwrap();
    let expected = sessions(&mut publisher);
    wait_until("the new server has every change", || {
        sessions(&mut subscriber) == expected
    });
    subscriber
        .batch_execute("drop subscription moving")
        .unwrap();
    assert_moved(&mut new);
    assert_eq!(data(&mut subscriber, "new").unwrap(), "{\"views\":2}");
    assert!(data(&mut subscriber, "after").is_some());
    for id in ["before", "ended later", "deleted"] {
        assert_eq!(data(&mut subscriber, id), None, "{id}");
    }
    new.session_admin(DATABASE, &["check"]).expect(0);
}
