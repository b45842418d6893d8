-- end_session_by_handle: ends a session of any user by its handle, for support staff.
begin;
\ir ../lib/store.sql
\ir ../lib/plans.sql
select plan(12);

select web.create_session(pg_temp.key(k), '{"n":1}', 1200, 100000, u, '192.0.2.1', 'curl', 'phone') from (values ('a', 'alice'), ('v', null), ('r', 'rita')) as v (k, u) \g /dev/null
create temporary table handles as select k as id, s.handle from unnest(array['a', 'v', 'r']) as k cross join lateral pg_temp.stored(k) as s;
grant select on handles to public;
set local role nodepg_owner;
select is(web.end_session_by_handle((select handle from handles where id = 'a')), true, 'true: a live session was ended');
select results_eq(
    $$ select ended_reason, data, client_address, user_agent, label, user_id from pg_temp.stored('a') $$,
    $$ values ('revoked'::text, null::text, null::inet, null::text, null::text, 'alice'::text) $$,
    'it is a tombstone with the reason'
);
select is(web.end_session_by_handle((select handle from handles where id = 'a')), false, 'false: it had been ended already');
select is(web.end_session_by_handle(p_handle => (select handle from handles where id = 'v')), true, 'a visitor''s as well; by parameter name');
select web.rotate_session(pg_temp.key('r'), pg_temp.key('r2'), 60) \g /dev/null
select is(web.end_session_by_handle((select handle from pg_temp.stored('r'))), false, 'handle of the tombstone of an old key: false');
select is(web.end_session_by_handle((select handle from handles where id = 'r')), true, 'a rotated session keeps its handle');
select is(web.end_session_by_handle(h), false, format('false: the handle %s', coalesce(h::text, 'null'))) from unnest(array[null, '00000000-0000-0000-0000-000000000000'::uuid]) as h;
select pg_temp.make('past', '{}', 1) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
select is(web.end_session_by_handle((select handle from pg_temp.stored('past'))), false, 'false: an expired session');
select is(web.count_sessions(), 0, 'nothing lives');
set local role nodepg;
select throws_ok('select web.end_session_by_handle(gen_random_uuid())', '42501', null, 'the runtime role may not call it: it has no user to ask for');
reset role;

select pg_temp.fill(1000) \g /dev/null
select is(pg_temp.rows_read($$ select web.end_session_by_handle((select handle from pg_temp.stored('filled 1'))) $$), 2::bigint, 'the session is found by an index') ;

select * from finish();
rollback;
