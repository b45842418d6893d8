-- end_session: an ended session never comes back.
begin;
\ir ../lib/store.sql
select plan(28);
set local role nodepg;

-- ---- A live session ----

select web.create_session(pg_temp.key('a'), '{"n":1}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
create temporary table created as select * from pg_temp.stored('a');
create temporary table counted as select pg_temp.access('updated') as updated, pg_temp.access('hot') as hot;
select is(web.end_session(pg_temp.key('a')), true, 'true: a live session was ended');
select results_eq(
    $$ select pg_temp.access('updated') - updated from counted $$,
    $$ values (1::bigint) $$,
    'by one update'
);
select results_eq(
    $$ select expires_at, slide_at, version, data, client_address, user_agent, label, ended_at > created_at from pg_temp.stored('a') $$,
    $$ values ('-infinity'::timestamptz, '-infinity'::timestamptz, 2::bigint, null::text, null::inet, null::text, null::text, true) $$,
    'the row is emptied and stays as a tombstone'
);

-- ---- It has ended for every function ----

create temporary table tombstone as select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s;
select is(web.end_session(p_key => pg_temp.key('a')), false, 'false: it had been ended already');
select is_empty($$ select * from web.load_session(pg_temp.key('a')) $$, 'it does not load');
select is_empty($$ select * from web.get_session_data('a') $$, 'nor by the other interface');
select is(web.touch_session(pg_temp.key('a')), null, 'nor can it be touched');
select results_eq(
    $$ select outcome from web.save_session(pg_temp.key('a'), '{"late":1}') $$,
    $$ values ('gone'::text) $$,
    'a late save is told that it is gone'
);
select results_eq(
    $$ select outcome from web.save_session(pg_temp.key('a'), '{"late":1}', 2) $$,
    $$ values ('gone'::text) $$,
    'with the version of the tombstone too'
);
select lives_ok(
    format($$ select web.set_session_data('a', '{"late":1}', %s) $$, e.expire),
    format('a late set with expiry %s is no error', e.expire)
)
from (values ('null'), ($$ now() + interval '1 day' $$), ($$ 'infinity' $$), ($$ '-infinity' $$)) as e (expire);
select lives_ok($$ select web.destroy_session('a') $$, 'second end of the same id: no error');
select is(pg_temp.make('a', '{"late":1}'), 'exists', 'its key cannot be used for another session');
select results_eq(
    $$ select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s $$,
    $$ select * from tombstone $$,
    'and none of all these wrote to the tombstone'
);
select is(web.count_sessions(), 0, 'it does not count');

-- ---- A key that is unknown ----

select results_eq(
    $$ select e.ended, s.expires_at, s.slide_at, s.version, s.prune_after, s.ended_at, s.user_id, s.data
        from web.end_session(pg_temp.key('unknown')) as e (ended)
        left join lateral pg_temp.stored(case when e.ended is not null then 'unknown' end) as s on true $$,
    $$ values (false, '-infinity'::timestamptz, '-infinity'::timestamptz, 1::bigint, statement_timestamp() + interval '3600 s', statement_timestamp(), null::text, null::text) $$,
    'false: there was none. But it leaves a tombstone, due for pruning when that is over'
);
select web.set_session_data('unknown', '{"first":1}', null) \g /dev/null
select is_empty($$ select * from web.get_session_data('unknown') $$, 'so that a first save which comes late does not bring it up');
select is(web.end_session(pg_temp.key('unknown')), false, 'false again');

-- ---- An expired session ----

select web.create_session(pg_temp.key('expired'), '{"n":1}', 10, 10, 'bob', '192.0.2.1', 'curl', 'phone') \g /dev/null
select pg_temp.pass('10 s') \g /dev/null
create temporary table expired as select * from pg_temp.stored('expired');
select is(web.end_session(pg_temp.key('expired')), false, 'false: an expired session was not live');
select results_eq(
    $$ select expires_at, slide_at, version, data, client_address, user_agent, label, ended_at is not null from pg_temp.stored('expired') $$,
    $$ values ('-infinity'::timestamptz, '-infinity'::timestamptz, 1::bigint, null::text, null::inet, null::text, null::text, true) $$,
    'but it is a tombstone from now on, and emptied'
);
select web.set_session_data('expired', '{"late":1}', null) \g /dev/null
select is_empty($$ select * from web.get_session_data('expired') $$, 'which a set does not replace');

-- ---- Bad arguments ----

select throws_ok(
    format($$ select web.end_session(%L) $$, k.key),
    '22023',
    'a session key has 32 bytes',
    format('a key of %s bytes is refused', coalesce(octet_length(k.key)::text, 'null'))
)
from (
    values (null::bytea), (''::bytea), (decode(repeat('ab', 31), 'hex')), (decode(repeat('ab', 33), 'hex'))
) as k (key);

-- ---- The plan ----

select pg_temp.repeat(1, format($$ select pg_temp.make('many %s') $$, i)) from generate_series(1, 12) as i \g /dev/null
set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq, pg_temp.access('key') as key;
select web.end_session(pg_temp.key(format('many %s', i))) from generate_series(1, 12) as i \g /dev/null
select results_eq(
    $$ select pg_temp.access('seq') - seq, pg_temp.access('key') - key >= 12 from scans $$,
    $$ values (0::bigint, true) $$,
    'end looks the key up in the primary key, with custom plans and the generic one'
);

select * from finish();
rollback;
