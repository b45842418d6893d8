//! The runtime role can run any SQL, and must not find the key of a session even so.

use crate::support::test_database::TestDatabase;
use connect_pg::SessionAttributes;

/// Searches the greatest key by bisection: the statistics count the rows that a call of `create_session` read.
const BISECTION: &str = r"
do $$
declare
    k bytea := decode(repeat('00', 32), 'hex');
    t bytea;
    base bigint;
    n bigint;
begin
    for b in 0..256 loop
        t := case when b = 0 then decode(repeat('ff', 32), 'hex') else set_bit(k, ((b - 1) / 8) * 8 + 7 - ((b - 1) % 8), 1) end;
        n := (select idx_tup_fetch from pg_stat_xact_user_tables where schemaname = 'web' and relname = 'session');
        begin
            perform web.create_session(t, '{}');
            raise exception 'undo';
        exception
            when raise_exception then null;
        end;
        n := (select idx_tup_fetch from pg_stat_xact_user_tables where schemaname = 'web' and relname = 'session') - n;
        if b = 0 then
            base := n;
        elsif n > base then
            k := t;
        end if;
    end loop;
    for i in reverse 31..0 loop
        if get_byte(k, i) = 255 then
            k := set_byte(k, i, 0);
        else
            k := set_byte(k, i, get_byte(k, i) + 1);
            exit;
        end if;
    end loop;
    if exists (select from web.load_session(k, false)) then
        raise exception 'stolen';
    end if;
end
$$";

#[test]
fn statistics_reveal_no_key() {
    let database = TestDatabase::new();
    let store = database.store();
    for number in 0..200 {
        store.create(number, &SessionAttributes::new()).unwrap();
    }
    database.client().batch_execute(BISECTION).unwrap();
}

// `pg_locks` shows which index pages a serializable transaction read, and a page begins at a key.
#[test]
fn serializable_transaction_reads_no_index() {
    let database = TestDatabase::new();
    let session = database
        .store()
        .create(1, &SessionAttributes::new().user_id("ada"))
        .unwrap();
    let mut client = database.client();
    client
        .batch_execute("set default_transaction_isolation = serializable")
        .unwrap();
    let key = "sha256('x')";
    for call in [
        format!("select web.create_session({key}, '{{}}')"),
        format!("select web.create_session({key}, '{{}}', p_user_id => 'ada')"),
        format!("select * from web.load_session({key})"),
        format!("select web.load_session_value({key})"),
        format!("select * from web.load_session({key}, false)"),
        format!("select web.save_session({key}, '{{}}')"),
        format!("select web.load_sessions(array[{key}])"),
        format!("select web.load_sessions(array[{key}], false)"),
        format!("select web.save_sessions(array[{key}], array['{{}}'])"),
        format!("select web.touch_session({key})"),
        format!("select web.end_session({key})"),
        format!("select web.rotate_session({key}, sha256('y'))"),
        format!("select web.login_session({key}, sha256('y'), 'ada')"),
        format!("select web.logout_session({key}, sha256('y'))"),
        format!("select web.lock_session({key})"),
        format!("select web.session_info({key})"),
        "select web.user_sessions('ada')".to_owned(),
        "select web.end_user_session('ada', gen_random_uuid())".to_owned(),
        "select web.end_user_sessions('ada')".to_owned(),
        "select web.set_session_data('x', '{}', null)".to_owned(),
        "select web.get_session_data('x')".to_owned(),
        "select web.destroy_session('x')".to_owned(),
    ] {
        let mut transaction = client.transaction().unwrap();
        let mut attempt = transaction.transaction().unwrap();
        let error = attempt.batch_execute(&call).unwrap_err();
        assert_eq!(error.code().unwrap().code(), "25000", "{call}");
        attempt.rollback().unwrap();
        let locks: i64 = transaction
            .query_one(
                "select count(*) from pg_locks as l join pg_class as c on c.oid = l.relation
                where l.mode = 'SIReadLock' and l.pid = pg_backend_pid() and c.relname like 'session%' and c.relname <> 'session'",
                &[],
            )
            .unwrap()
            .get(0);
        assert_eq!(locks, 0, "{call}");
    }
    drop(session);
}
