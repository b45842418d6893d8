-- tombstone_sessions: live sessions become tombstones.
begin;
\ir ../lib/store.sql
select plan(13);
set local role nodepg_owner;

select web.create_session(pg_temp.key('a'), '{"n":1}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
create temporary table before as select * from pg_temp.stored('a');
create temporary table counted as select pg_temp.access('updated') as updated, pg_temp.access('hot') as hot;
select is(web.tombstone_sessions(array[(select handle from pg_temp.stored('a'))], 'evicted'), 1::bigint, 'live session: 1');
select results_eq(
    $$ select pg_temp.access('updated') - updated from counted $$,
    $$ values (1::bigint) $$,
    'one update'
);
select results_eq(
    $$ select s.expires_at, s.slide_at, s.version, s.ended_reason, s.ended_at >= b.created_at, s.data, s.client_address, s.user_agent, s.label from pg_temp.stored('a') as s cross join before as b $$,
    $$ values ('-infinity'::timestamptz, '-infinity'::timestamptz, 2::bigint, 'evicted'::text, true, null::text, null::inet, null::text, null::text) $$,
    'row is erased and keeps the reason'
);
select results_eq(
    $$ select key, handle, user_id, created_at, absolute_expires_at, prune_after, successor, grace_until from pg_temp.stored('a') $$,
    $$ select key, handle, user_id, created_at, absolute_expires_at, prune_after, successor, grace_until from before $$,
    'key, handle, user and times stay'
);
create temporary table tombstone as select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s;
select is(web.tombstone_sessions(array[(select handle from pg_temp.stored('a'))], 'logout'), 0::bigint, 'ended session: 0');
select results_eq($$ select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s $$, 'select * from tombstone', 'the first reason stays');
select is(web.tombstone_sessions(array[gen_random_uuid()], 'logout'), 0::bigint, 'unknown handle: 0');
select is(web.tombstone_sessions(null, 'logout'), 0::bigint, 'no handle: 0');
select is(web.tombstone_sessions(array[null::uuid], 'logout'), 0::bigint, 'handle null: 0');
select pg_temp.make('past', '{}', 1) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
select is(web.tombstone_sessions(array[(select handle from pg_temp.stored('past'))], 'logout'), 0::bigint, 'expired session: 0');
select is(pg_temp.rows(), 2::bigint, 'none of these leaves a row');

select pg_temp.make('long', '{}', 86400) \g /dev/null
select pg_temp.make('other', '{}', 86400) \g /dev/null
select is(
    web.tombstone_sessions((select array_agg(s.handle) from unnest(array['long', 'other', 'past']) as k cross join lateral pg_temp.stored(k) as s), 'revoked'),
    2::bigint,
    'several handles: the number of live sessions'
);
select results_eq(
    $$ select s.ended_reason, s.prune_after - s.ended_at from unnest(array['long', 'other']) as k cross join lateral pg_temp.stored(k) as s $$,
    $$ values ('revoked'::text, interval '3600 s'), ('revoked', interval '3600 s') $$,
    'each is pruned when its retention is over, not at its later expiry'
);

select * from finish();
rollback;
