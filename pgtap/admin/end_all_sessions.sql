-- end_all_sessions: every live session ends and leaves a tombstone, so that no save brings it back.
begin;
\ir ../lib/store.sql
select plan(12);

select web.create_session(pg_temp.key('a'), '{"n":1}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
select web.set_session_data('b', '{"n":2}', null) \g /dev/null
select pg_temp.make('c', '{}', 1200) \g /dev/null
select web.rotate_session(pg_temp.key('c'), pg_temp.key('d'), 60) \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null
select pg_temp.make('past', '{}', 1) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
create temporary table not_live as select pg_temp.place(k) as place, s.* from unnest(array['c', 'ended', 'past']) as k cross join lateral pg_temp.stored(k) as s;
set local role nodepg_owner;
select is(web.end_all_sessions(), 3::bigint, 'how many live sessions there were');
reset role;
select is(web.count_sessions(), 0, 'no session is live');
select is(pg_temp.rows(), 6::bigint, 'and every row is there');
select results_eq(
    $$ select expires_at, slide_at, version, data, client_address, user_agent, label, user_id, ended_reason, ended_at is not null from pg_temp.stored('a') $$,
    $$ values ('-infinity'::timestamptz, '-infinity'::timestamptz, 2::bigint, null::text, null::inet, null::text, null::text, 'alice'::text, 'revoked'::text, true) $$,
    'as a tombstone with the reason'
);
select results_eq(
    $$ select pg_temp.place(k) as place, s.* from unnest(array['c', 'ended', 'past']) as k cross join lateral pg_temp.stored(k) as s $$,
    'select * from not_live',
    'sessions that were not live are not touched'
);
set local role nodepg;
select web.set_session_data('b', '{"late":1}', null), web.save_session(pg_temp.key('a'), '{"late":1}') \g /dev/null
select is(web.count_sessions(), 0, 'late saves: no session is live');
select is_empty($$ select * from web.load_session(pg_temp.key('c')) $$, 'nor does an old key in its grace');
select is(pg_temp.make('new'), 'created', 'new session afterwards: created');
select throws_ok('select web.end_all_sessions()', '42501', null, 'the runtime role may not call it');
set local role nodepg_owner;
select is(web.end_all_sessions(), 1::bigint, 'the next call ends that one');
select is(web.end_all_sessions(), 0::bigint, '0: there was none');
select is(
    (select string_agg(l.mode, ' ') from pg_locks as l where l.relation = 'web.session'::regclass and l.pid = pg_backend_pid() and l.mode = 'ExclusiveLock'),
    'ExclusiveLock',
    'its lock excludes writers and no readers'
);

select * from finish();
rollback;
