-- tombstone_session: a live session becomes a tombstone.
begin;
\ir ../lib/store.sql
select plan(10);
set local role nodepg_owner;

select web.create_session(pg_temp.key('a'), '{"n":1}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
create temporary table before as select * from pg_temp.stored('a');
create temporary table counted as select pg_temp.access('updated') as updated, pg_temp.access('hot') as hot;
select is(web.tombstone_session((select handle from pg_temp.stored('a')), 'evicted'), true, 'live session: true');
select results_eq(
    $$ select pg_temp.access('updated') - updated, pg_temp.access('hot') - hot from counted $$,
    $$ values (1::bigint, 1::bigint) $$,
    'one update, heap-only'
);
select results_eq(
    $$ select s.expires_at, s.slide_at, s.version, s.ended_reason, s.ended_at >= b.created_at, s.data, s.client_address, s.user_agent, s.label from pg_temp.stored('a') as s cross join before as b $$,
    $$ values ('-infinity'::timestamptz, '-infinity'::timestamptz, 2::bigint, 'evicted'::text, true, null::text, null::inet, null::text, null::text) $$,
    'row is erased and keeps the reason'
);
select results_eq(
    $$ select key, handle, user_id, created_at, absolute_expires_at, prune_after, successor, grace_until from pg_temp.stored('a') $$,
    $$ select key, handle, user_id, created_at, absolute_expires_at, prune_after, successor, grace_until from before $$,
    'no indexed column is touched'
);
create temporary table tombstone as select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s;
select is(web.tombstone_session((select handle from pg_temp.stored('a')), 'logout'), false, 'ended session: false');
select results_eq($$ select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s $$, 'select * from tombstone', 'the first reason stays');
select is(web.tombstone_session(gen_random_uuid(), 'logout'), false, 'unknown handle: false');
select is(web.tombstone_session(null, 'logout'), false, 'handle null: false');
select pg_temp.make('past', '{}', 1) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
select is(web.tombstone_session((select handle from pg_temp.stored('past')), 'logout'), false, 'expired session: false');
select is(pg_temp.rows(), 2::bigint, 'none of these leaves a row');

select * from finish();
rollback;
