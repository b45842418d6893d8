-- find_session: the live session with a handle, for support staff.
begin;
\ir ../lib/store.sql
\ir ../lib/plans.sql
select plan(11);

select web.create_session(pg_temp.key(k), '{"n":1}', 1200, 100000, u, '192.0.2.1', 'curl', 'phone') from (values ('a', 'alice'), ('v', null), ('r', 'rita'), ('e', 'eve')) as v (k, u) \g /dev/null
select web.create_session(pg_temp.key('past'), '{}', 1) \g /dev/null
create temporary table handles as select k as id, s.handle from unnest(array['a', 'v', 'r', 'e', 'past']) as k cross join lateral pg_temp.stored(k) as s;
grant select on handles to public;
select pg_temp.pass('1 s') \g /dev/null
set local role nodepg_owner;

select results_eq(
    $$ select f.* from handles as h cross join lateral web.find_session(h.handle) as f where h.id = 'a' $$,
    $$
        select handle, user_id, created_at, last_used_at, expires_at, client_address, user_agent, label
        from pg_temp.stored('a')
    $$,
    'live session: handle, user, times and device'
);
select is((select user_id from web.find_session(p_handle => (select handle from handles where id = 'v'))), null, 'session of a visitor: user is null; parameter name is p_handle');
select web.rotate_session(pg_temp.key('r'), pg_temp.key('r2'), 60) \g /dev/null
select is((select user_id from web.find_session((select handle from handles where id = 'r'))), 'rita', 'rotated session keeps its handle');
select is_empty($$ select web.find_session(s.handle) from pg_temp.stored('r') as s $$, 'handle of a tombstone: no row');
select web.end_session(pg_temp.key('e')) \g /dev/null
select is_empty($$ select web.find_session(h.handle) from handles as h where h.id = 'e' $$, 'ended session: no row');
select is_empty($$ select web.find_session(h.handle) from handles as h where h.id = 'past' $$, 'expired session: no row');
select is_empty(format('select * from web.find_session(%L)', h), format('handle %s: no row', coalesce(h::text, 'null'))) from unnest(array[null, '00000000-0000-0000-0000-000000000000'::uuid]) as h;
set local role nodepg;
select throws_ok('select * from web.find_session(gen_random_uuid())', '42501', null, 'runtime role is refused');

-- ---- The plan ----

reset role;
select pg_temp.fill(1000) \g /dev/null
select is(pg_temp.scans('web.find_session', 1), 'session_handle', 'session is found by the index of handles');
savepoint without_index;
drop index web.session_handle;
select pg_temp.scans('web.find_session', 1) as without_index \gset
rollback to without_index;
select is(:'without_index'::text, 'Seq Scan', 'without that index the previous test fails');

select * from finish();
rollback;
