//! An install that is interrupted at every command: the database has everything or nothing of it.

use connect_pg::install::{InstallOptions, check, install};
use postgres::NoTls;

use super::table::{add_line, times};
use crate::support::proxy::Proxy;
use crate::support::server::{superuser_config, value};
use crate::support::session_admin::{Database, INSTALLER_PASSWORD};

/// Ends the caller's process or call at the command of this number.
const INTERRUPT: &str = "
    create sequence public.commands;
    create table public.interrupt (at bigint, ends boolean);
    insert into public.interrupt values (0, false);
    create function public.interrupt() returns event_trigger language plpgsql security definer as $$
    declare
        v_number bigint := nextval('public.commands');
    begin
        perform case when i.ends then pg_terminate_backend(pg_backend_pid()) else pg_cancel_backend(pg_backend_pid()) end
        from public.interrupt as i
        where i.at = v_number;
    end $$;
    create event trigger interrupt on ddl_command_end execute function public.interrupt()";

// The short form leaves out most of the numbers.
#[test]
#[ignore = "bin/test faults"]
fn install_interrupted_at_each_command_changes_nothing() {
    let database = Database::new();
    let options = InstallOptions::default().role(&database.role).unwrap();
    let mut superuser = database.superuser();
    superuser.batch_execute(INTERRUPT).unwrap();
    let before = database.snapshot();
    let step = times(40, 1);
    let mut points = 0;
    for (ends, code) in [(false, "57014"), (true, "57P01")] {
        let mut at: i64 = 1;
        loop {
            let prepare = format!(
                "alter sequence public.commands restart; update public.interrupt set at = {at}, ends = {ends}"
            );
            // Without it, this change is a command too.
            superuser
                .batch_execute(&format!(
                    "alter event trigger interrupt disable; {prepare}; alter event trigger interrupt enable"
                ))
                .unwrap();
            let mut client = database.superuser();
            let Err(error) = install(&mut client, &options) else {
                break;
            };
            // The driver may notice that the connection is closed before it reads the message.
            let is_closed = ends && error.code().is_none() && error.is_unavailable();
            assert!(is_closed || error.code() == Some(code), "{at}: {error}");
            assert_eq!(database.snapshot(), before, "{at}");
            points += 1;
            at += i64::try_from(step).unwrap();
        }
        // The install that was not interrupted is complete.
        let commands: i64 = value(&mut superuser, "select last_value from public.commands");
        assert!(commands > 100 && at > commands, "{commands} commands");
        assert!(check(&mut superuser, &options).unwrap().changes.is_empty());
        superuser
            .batch_execute("alter event trigger interrupt disable")
            .unwrap();
        database
            .run(&["uninstall", "--yes", "--drop-roles"])
            .expect(0);
    }
    let what = "cancelled, or its connection ended, at a DDL command";
    add_line(
        "install",
        1,
        &[what.to_owned(), points.to_string(), "0".to_owned()],
    );
}

// The reply of a commit is lost too. Then everything is there.
#[test]
#[ignore = "bin/test faults"]
fn install_cut_off_at_each_reply_is_complete_or_changes_nothing() {
    let mut database = Database::new();
    let installer = database.installer();
    let mut superuser = database.superuser();
    let options = InstallOptions::default().role(&database.role).unwrap();
    let proxy = Proxy::to_server(&superuser_config());
    let config = proxy.login(&database.name, &installer, INSTALLER_PASSWORD);
    let before = database.snapshot();
    let mut was_complete = false;
    let mut replies = 0;
    loop {
        let mut client = postgres::Config::from(config.clone())
            .connect(NoTls)
            .unwrap();
        proxy.lose_reply_after(replies);
        let result = install(&mut client, &options);
        proxy.lose_reply_after(usize::MAX);
        drop(client);
        // The server process may still be at work.
        super::stores::wait_until_disconnected(&mut superuser, &installer);
        let report = check(&mut superuser, &options);
        let is_complete = report.is_ok_and(|report| report.changes.is_empty());
        // After the first complete one, the others find nothing to do.
        assert!(is_complete || !was_complete, "{replies} replies");
        if !is_complete {
            assert_eq!(database.snapshot(), before, "{replies} replies");
        }
        was_complete = is_complete;
        if result.is_ok() {
            assert!(is_complete);
            break;
        }
        replies += 1;
    }
    add_line(
        "install",
        2,
        &[
            "its connection cut instead of a reply".to_owned(),
            replies.to_string(),
            "0".to_owned(),
        ],
    );
    assert!(replies > 5, "{replies} replies");
    superuser
        .batch_execute(&format!(
            "alter database {} owner to current_user",
            database.name
        ))
        .unwrap();
}
