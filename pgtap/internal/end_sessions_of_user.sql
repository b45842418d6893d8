-- end_sessions_of_user: the sessions of a user but one, each found by an index.
begin;
\ir ../lib/store.sql
\ir ../lib/plans.sql
select plan(8);
set local role nodepg_owner;

select web.create_session(pg_temp.key(k), '{}', p_user_id => 'alice') from unnest(array['a1', 'a2', 'a3']) as k \g /dev/null
select is(web.end_sessions_of_user('alice', (select handle from pg_temp.stored('a2'))), 2, 'all but one: 2');
select results_eq(
    $$ select k, s.ended_reason from unnest(array['a1', 'a2', 'a3']) as k cross join lateral pg_temp.stored(k) as s $$,
    $$ values ('a1', 'revoked'), ('a2', null), ('a3', 'revoked') $$,
    'the session with the handle is live'
);
select is(web.end_sessions_of_user('alice', null), 1, 'null excepts no session');
select is(web.end_sessions_of_user(null, null), 0, 'user null: 0');

-- ---- The plan ----

reset role;
select pg_temp.fill(1000) \g /dev/null
select is(pg_temp.scans('web.end_sessions_of_user', 2), 'session_user_id', '1,000 sessions: those of the user are found by their index');
select pg_temp.fill(20000) \g /dev/null
select pg_temp.fill_for('many devices', 2000) \g /dev/null
select is(pg_temp.scans('web.end_sessions_of_user', 2), 'session_user_id', '20,000 sessions, 2,000 of one user: likewise');
select cmp_ok(pg_temp.rows_read($$ select web.end_user_sessions('user 7') $$), '=', 20::bigint, 'end_user_sessions reads the ten rows of its user, once to find and once to end each');
savepoint without_index;
drop index web.session_user_id;
select pg_temp.scans('web.end_sessions_of_user', 2) as without_index \gset
rollback to without_index;
select is(:'without_index'::text, 'Seq Scan', 'without that index the test fails');

select * from finish();
rollback;
