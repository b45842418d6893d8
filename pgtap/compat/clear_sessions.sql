-- clear_sessions: connect-pg interface; remove all.
begin;
\ir ../lib/store.sql
select plan(6);
set local role nodepg;

select results_eq($$ select pg_typeof(web.clear_sessions())::text $$, $$ values ('void'::text) $$, 'it returns nothing, and none there is no error');
select pg_temp.make('a') \g /dev/null
select web.set_session_data('b', '{}', null) \g /dev/null
select web.set_session_data('past', '{}', '-infinity') \g /dev/null
select web.destroy_session('ended') \g /dev/null
select is(pg_temp.rows(), 4::bigint, 'live and expired sessions, and a tombstone');
select lives_ok('select web.clear_sessions()', 'all are removed');
select is(pg_temp.rows(), 0::bigint, 'tombstones too');
select web.set_session_data('ended', '{"again":1}', null) \g /dev/null
select results_eq(
    $$ select web.get_session_data('ended') $$,
    $$ values ('{"again":1}'::text) $$,
    'so that the same ids can be used again right afterwards'
);

-- Writers wait outside, or two of them could wait for each other's rows in different orders.
select results_eq(
    $$
        select l.mode
        from pg_locks as l
        where l.relation = 'web.session'::regclass
            and l.pid = pg_backend_pid()
            and l.mode in ('ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    $$,
    $$ values ('ExclusiveLock'::text) $$,
    'writers are kept out, readers are not'
);

select * from finish();
rollback;
