-- resolve_key: the live session that a key means, by way of rotations.
begin;
\ir ../lib/store.sql
\ir ../lib/plans.sql
select plan(16);
set local role nodepg_owner;

create function pg_temp.handle(id text)
returns uuid
language sql
as $$
    select s.handle from pg_temp.stored(id) as s;
$$;
select pg_temp.make('a', '{}', 1200, 100000) \g /dev/null
create temporary table session as select pg_temp.handle('a') as handle;
select is(web.resolve_key(pg_temp.key('a'), g), handle, format('key of a live session, within grace %s: its handle', g)) from session cross join unnest(array[true, false]) as g;
select is(web.resolve_key(k, g), null, format('no session, within grace %s: null', g)) from (values (pg_temp.key('unknown')), (null)) as v (k) cross join unnest(array[true, false]) as g;
select web.rotate_session(pg_temp.key('a'), pg_temp.key('b'), 30), web.rotate_session(pg_temp.key('b'), pg_temp.key('c'), 60) \g /dev/null
select web.rotate_session(pg_temp.key('c'), pg_temp.key('d'), 60) \g /dev/null
select is(web.resolve_key(pg_temp.key(k), true), handle, format('key %s after three rotations, within grace: the same handle', k)) from session cross join unnest(array['a', 'd']) as k;
select pg_temp.pass('40 s') \g /dev/null
select is(web.resolve_key(pg_temp.key('a'), true), null, 'first grace is over: null within grace');
select is(web.resolve_key(pg_temp.key('b'), true), handle, 'second grace lasts') from session;
select is(web.resolve_key(pg_temp.key('a'), false), handle, 'without regard to grace: the handle') from session;
select web.end_session(pg_temp.key('d')) \g /dev/null
select is(web.resolve_key(pg_temp.key(k), false), null, format('key %s of the ended session: null', k)) from unnest(array['a', 'b', 'd']) as k;
select pg_temp.make('past', '{}', 1) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
select is(web.resolve_key(pg_temp.key('past'), false), null, 'expired session: null');

-- ---- The plan ----

reset role;
select pg_temp.fill(1000) \g /dev/null
select is(pg_temp.rows_read($$ select web.resolve_key(sha256('filled 1'), false) $$), 1::bigint, 'a key is read by its index');

select * from finish();
rollback;
