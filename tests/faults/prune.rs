//! A prune that is interrupted in the middle of a batch.

use std::process::Child;

use postgres::Client;

use super::load::Report;
use super::stores::{DATABASE, server_with_store, url};
use super::table::add_row;
use crate::support::case::case;
use crate::support::fresh_server::FreshServer;
use crate::support::server::value;
use crate::support::session_admin::{bare_command, end, start};
use crate::support::skip::skip;
use crate::support::test_database::create;
use crate::support::wait::wait_until;
use connect_pg::Store;

const BATCH: i64 = 50;
/// The 30th row that a prune deletes waits for this lock.
const LOCK: i64 = 4711;

/// Makes 400 expired sessions, and a trigger that stops a prune in the middle of its first batch.
fn prepare(superuser: &mut Client) {
    superuser
        .batch_execute(&format!(
            "select web.create_session(sha256(convert_to('expired ' || n, 'UTF8')), '{{}}') from generate_series(1, 400) as n;
             update web.session set created_at = created_at - interval '2 hours', expires_at = now() - interval '1 hour',
                slide_at = now() - interval '1 hour', last_used_at = last_used_at - interval '2 hours',
                prune_after = now() - interval '1 hour';
             create sequence public.deleted;
             create function public.wait() returns trigger language plpgsql security definer as $$
             begin
                 if current_setting('application_name') = 'session-admin' and nextval('public.deleted') = 30 then
                     perform pg_advisory_xact_lock({LOCK});
                 end if;
                 return old;
             end; $$;
             create trigger wait before delete on web.session for each row execute function public.wait();
             select pg_advisory_lock({LOCK})"
        ))
        .unwrap();
}

fn expired(superuser: &mut Client) -> i64 {
    value(
        superuser,
        "select count(*) from web.session where expires_at <= now()",
    )
}

/// Starts a prune, and waits until it stands in the middle of a batch. Returns it with the server process that serves it.
fn blocked_prune(server: &FreshServer, superuser: &mut Client) -> (Child, i32) {
    superuser
        .batch_execute("alter sequence public.deleted restart")
        .unwrap();
    let mut command = bare_command(&["prune", "--batch", &BATCH.to_string()]);
    server.set_login(&mut command, DATABASE);
    let prune = start(command);
    let sql = "select pid from pg_locks where locktype = 'advisory' and not granted";
    wait_until("the prune waits", || {
        !superuser.query(sql, &[]).unwrap().is_empty()
    });
    (prune, value(superuser, sql))
}

fn wait_until_gone(superuser: &mut Client, process: i32) {
    wait_until("the process has ended", || {
        let sql = format!("select count(*) from pg_stat_activity where pid = {process}");
        value::<i64>(superuser, &sql) == 0
    });
}

#[test]
#[ignore = "bin/test faults"]
fn interrupted_prune_deletes_whole_batches_of_expired_sessions_only() {
    const LIVE: usize = 50;
    let mut server = match server_with_store(&[]) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let mut superuser = server.connect(DATABASE);
    prepare(&mut superuser);
    let store = Store::connect(&url(&[&server])).unwrap();
    let live: Vec<_> = (0..LIVE).map(|_| create(&store, 1)).collect();

    case("cancelled", || {
        let before = expired(&mut superuser);
        let (prune, process) = blocked_prune(&server, &mut superuser);
        superuser
            .execute("select pg_cancel_backend($1)", &[&process])
            .unwrap();
        end(prune).expect(2).says(&["57014"]);
        assert_eq!(expired(&mut superuser), before);
    });
    case("the client killed", || {
        let before = expired(&mut superuser);
        let (mut prune, process) = blocked_prune(&server, &mut superuser);
        prune.kill().unwrap();
        prune.wait().unwrap();
        superuser
            .batch_execute(&format!("select pg_advisory_unlock({LOCK})"))
            .unwrap();
        wait_until_gone(&mut superuser, process);
        // Its server process completes the batch, or notices first that the client is gone.
        let left = expired(&mut superuser);
        assert!(left == before || left == before - BATCH, "{left}");
        superuser
            .batch_execute(&format!("select pg_advisory_lock({LOCK})"))
            .unwrap();
    });
    case("the server killed", || {
        let before = expired(&mut superuser);
        let (prune, _) = blocked_prune(&server, &mut superuser);
        server.kill();
        end(prune).expect(2);
        server.start(&[]).unwrap();
        superuser = server.connect(DATABASE);
        assert_eq!(expired(&mut superuser), before);
        superuser
            .batch_execute(&format!("select pg_advisory_lock({LOCK})"))
            .unwrap();
    });
    case("its connection ended", || {
        let before = expired(&mut superuser);
        let (prune, process) = blocked_prune(&server, &mut superuser);
        superuser
            .execute("select pg_terminate_backend($1, 60000)", &[&process])
            .unwrap();
        // The driver returns the message of the server, or that the connection is closed.
        end(prune).expect(2).says(&["run it again"]);
        assert_eq!(expired(&mut superuser), before);
    });
    superuser
        .batch_execute(&format!("select pg_advisory_unlock({LOCK})"))
        .unwrap();
    server.session_admin(DATABASE, &["prune"]).expect(0);
    assert_eq!(expired(&mut superuser), 0);

    let mut report = Report::default();
    report.changes.insert("create", LIVE as u64);
    for session in &live {
        match store.load::<i32>(session.id()) {
            Ok(Some(_)) => {}
            Ok(None) => {
                report
                    .lost
                    .insert(session.id().as_cookie_value().to_owned());
            }
            Err(error) => report.failed.push(error.to_string()),
        }
    }
    let fault =
        "a prune cancelled, killed, cut off, and its server killed, in the middle of a batch";
    add_row(8, fault, 4, &report);
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    assert!(report.lost.is_empty(), "{:?}", report.lost);
}
