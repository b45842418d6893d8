-- save_session: update only. The outcome is a column: saved, same, conflict or gone.
begin;
\ir ../lib/store.sql
select plan(70);
set local role nodepg;

-- ---- saved ----

select web.create_session(pg_temp.key('a'), '{"n":1}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
create temporary table created as select * from pg_temp.stored('a');
select results_eq(
    $$ select outcome, version, expires_at, server_time from web.save_session(pg_temp.key('a'), '{"n":2}', 1) $$,
    $$ select 'saved'::text, 2::bigint, expires_at, statement_timestamp() from created $$,
    'with the version that is stored: saved, and the next version; no slide is due'
);
select results_eq(
    $$ select data, version, expires_at - last_used_at, slide_at - last_used_at from pg_temp.stored('a') $$,
    $$ values ('{"n":2}'::text, 2::bigint, interval '1200 s', interval '60 s') $$,
    'the data and the version are stored'
);
select results_eq(
    $$ select created_at, absolute_expires_at, prune_after, ended_at, idle_timeout_seconds, slide_interval_seconds, handle, user_id, client_address, user_agent, label from pg_temp.stored('a') $$,
    $$ select created_at, absolute_expires_at, prune_after, ended_at, idle_timeout_seconds, slide_interval_seconds, handle, user_id, client_address, user_agent, label from created $$,
    'and nothing else is changed'
);
select results_eq(
    $$ select outcome, version from web.save_session(pg_temp.key('a'), '{"n":3}') $$,
    $$ values ('saved'::text, 3::bigint) $$,
    'without a version: saved'
);
select results_eq(
    $$ select outcome, version from web.save_session(p_expected_version => null, p_data => '{"n":4}', p_key => pg_temp.key('a')) $$,
    $$ values ('saved'::text, 4::bigint) $$,
    'a null version is none, and parameters can be named'
);
select results_eq(
    $$ select data, version, user_id from web.load_session(pg_temp.key('a')) $$,
    $$ values ('{"n":4}'::text, 4::bigint, 'alice'::text) $$,
    'what was saved is what loads'
);
create temporary table counted as select pg_temp.access('updated') as updated, pg_temp.access('hot') as hot;
select web.save_session(pg_temp.key('a'), '{"n":5}') \g /dev/null
select results_eq(
    $$ select pg_temp.access('updated') - updated, pg_temp.access('hot') - hot from counted $$,
    $$ values (1::bigint, 1::bigint) $$,
    'a save is one update, and that heap-only'
);

-- ---- conflict ----

create temporary table before as select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s;
select results_eq(
    format($$ select outcome, version, expires_at from web.save_session(pg_temp.key('a'), '{"mine":1}', %s) $$, v.version),
    $$ select 'conflict'::text, 5::bigint, expires_at from pg_temp.stored('a') $$,
    format('version %s is not the stored one: conflict, with the version that is', v.version)
)
from (values (4), (6), (0), (-1), (9223372036854775807), (-9223372036854775808)) as v (version);
select results_eq(
    $$ select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s $$,
    $$ select * from before $$,
    'and nothing was changed, the expiry included'
);

-- ---- Data equal to what is stored ----

select results_eq(
    format($$ select outcome, version from web.save_session(pg_temp.key('a'), '{"n":5}', %s) $$, v.version),
    format($$ values (%L::text, 5::bigint) $$, v.outcome),
    format('equal data with version %s: %s, and the version stays', v.version, v.outcome)
)
from (values ('null', 'saved'), ('5', 'saved'), ('4', 'same'), ('99', 'same')) as v (version, outcome);
select results_eq(
    $$ select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s $$,
    $$ select * from before $$,
    'nothing is written while no slide is due'
);
select pg_temp.pass('61 s') \g /dev/null
select results_eq(
    $$ select outcome, version, expires_at from web.save_session(pg_temp.key('a'), '{"n":5}', 4) $$,
    $$ values ('same'::text, 5::bigint, statement_timestamp() + interval '1200 s') $$,
    'a slide that is due is written, and its expiry returned'
);
select results_eq(
    $$ select outcome, version from web.save_session(pg_temp.key('a'), '{"n": 5}') $$,
    $$ values ('saved'::text, 6::bigint) $$,
    'equal is equal to the byte: one more space is other data'
);

-- ---- gone ----

select pg_temp.make('expired', '{}', 10) \g /dev/null
select pg_temp.make('ended') \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null
select pg_temp.pass('10 s') \g /dev/null
create temporary table dead as select * from pg_temp.stored('expired') union all select * from pg_temp.stored('ended');
select results_eq(
    format($$ select outcome, version, expires_at, server_time from web.save_session(pg_temp.key(%L), %L, %s) $$, k.id, d.data, v.version),
    $$ values ('gone'::text, null::bigint, null::timestamptz, statement_timestamp()) $$,
    format('%s, version %s, data %s: gone', k.id, v.version, d.data)
)
from (values ('unknown'), ('expired'), ('ended')) as k (id)
cross join (values ('null'), ('1'), ('2')) as v (version)
cross join (values ('{}'), ('{"late":1}')) as d (data);
select results_eq(
    $$ select * from pg_temp.stored('expired') union all select * from pg_temp.stored('ended') $$,
    $$ select * from dead $$,
    'a late save changes nothing of a session that is not live'
);
select is(pg_temp.rows(), 3::bigint, 'and makes no new one');

-- ---- The expiry ----

select pg_temp.make('limit', '{"n":1}', 1200, 1300) \g /dev/null
select pg_temp.pass('1000 s') \g /dev/null
select results_eq(
    $$ select s.outcome, s.expires_at - t.created_at, t.slide_at <= t.expires_at
        from web.save_session(pg_temp.key('limit'), '{"n":2}') as s, pg_temp.stored('limit') as t $$,
    $$ values ('saved'::text, interval '1300 s', true) $$,
    'a save slides to the absolute timeout and no further'
);
select pg_temp.pass('300 s') \g /dev/null
select results_eq(
    $$ select outcome from web.save_session(pg_temp.key('limit'), '{"n":3}') $$,
    $$ values ('gone'::text) $$,
    'after which the session is gone'
);
select pg_temp.make('ahead', '{}', 1200) \g /dev/null
select pg_temp.as_owner($$ update web.session set expires_at = '2100-01-01', absolute_expires_at = '2101-01-01' where key = sha256('ahead') $$) \g /dev/null
select results_eq(
    $$ select outcome, expires_at from web.save_session(pg_temp.key('ahead'), '{"n":2}') $$,
    $$ values ('saved'::text, timestamptz '2100-01-01') $$,
    'a save never shortens the life of a session'
);
select pg_temp.make('1 s', '{}', 1) \g /dev/null
select results_eq(
    $$ select outcome, expires_at from web.save_session(pg_temp.key('1 s'), '{"n":2}') $$,
    $$ values ('saved'::text, statement_timestamp() + interval '1 s') $$,
    'the shortest timeout slides too'
);

-- ---- Sessions of the connect-pg interface ----

select web.set_session_data('x', null, null) \g /dev/null
select results_eq(
    $$ select outcome, version from web.save_session(pg_temp.key('x'), '{"n":1}', 1) $$,
    $$ values ('saved'::text, 2::bigint) $$,
    'null data is replaced like any other'
);
select results_eq($$ select web.get_session_data('x') $$, $$ values ('{"n":1}'::text) $$, 'and read by either interface');

-- ---- Bad arguments ----

select throws_ok(
    format($$ select web.save_session(%L, '{}') $$, k.key),
    '22023',
    'a session key has 32 bytes',
    format('a key of %s bytes is refused', coalesce(octet_length(k.key)::text, 'null'))
)
from (
    values (null::bytea), (''::bytea), (decode(repeat('ab', 31), 'hex')), (decode(repeat('ab', 33), 'hex'))
) as k (key);
select throws_ok(
    $$ select web.save_session(pg_temp.key('a'), null, 6) $$,
    '22004',
    'session data must not be null',
    'null data is refused'
);
select pg_temp.make('full') \g /dev/null
create temporary table full_up as select pg_temp.place('full') as place, s.* from pg_temp.stored('full') as s;
select throws_ok(
    $$ select web.save_session(pg_temp.key('full'), repeat('x', 1048577)) $$,
    '54000',
    'session data has 1048577 bytes; the limit of this store is 1048576',
    'data over the limit is refused, and the message shows none of it'
);
select results_eq(
    $$ select pg_temp.place('full') as place, s.* from pg_temp.stored('full') as s $$,
    $$ select * from full_up $$,
    'and the stored session is untouched'
);
select results_eq(
    $$ select outcome, version from web.save_session(pg_temp.key('full'), repeat('x', 1048576)) $$,
    $$ values ('saved'::text, 2::bigint) $$,
    '1 MiB is saved'
);

-- ---- The plan ----

set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq, pg_temp.access('key') as key;
select pg_temp.repeat(12, $$ select outcome, version, expires_at from web.save_session(pg_temp.key('full'), random()::text) $$) \g /dev/null
select results_eq(
    $$ select pg_temp.access('seq') - seq, pg_temp.access('key') - key >= 12 from scans $$,
    $$ values (0::bigint, true) $$,
    'save looks the key up in the primary key, with custom plans and the generic one'
);

-- ---- A parameter with a collation of the caller's ----

reset role;
select exists (select from pg_collation as c where c.collprovider = 'i') as has_icu \gset
\if :has_icu
create collation public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
select web.create_session(pg_temp.key('collated'), '{"n":"A"}', 1200, 100000) \g /dev/null
select results_eq(
    $$ select outcome, version from web.save_session(pg_temp.key('collated'), '{"n":"a"}' collate public.any_case, 1) $$,
    $$ values ('saved'::text, 2::bigint) $$,
    'data is equal only if each byte is'
);
select pg_temp.pass('61 s') \g /dev/null
select results_eq(
    $$ select outcome, version from web.save_session(pg_temp.key('collated'), '{"n":"A"}' collate public.any_case, 2) $$,
    $$ values ('saved'::text, 3::bigint) $$,
    'where a slide is due, too'
);
\else
select skip('this server has no ICU: no collation for which different texts are equal', 2);
\endif

-- ---- A lifetime ----

select pg_temp.make('life', '{"n":1}', 3600, 2592000) \g /dev/null
select results_eq(
    $$ select outcome, version, expires_at from web.save_session(pg_temp.key('life'), '{"n":2}', 1, 1728000) $$,
    $$ values ('saved'::text, 2::bigint, statement_timestamp() + interval '1728000 s') $$,
    'a new idle timeout is stored with the data'
);
select pg_temp.pass('500 s') \g /dev/null
select results_eq(
    $$ select outcome, version, expires_at from web.save_session(pg_temp.key('life'), '{"n":3}', 2, 1728000) $$,
    $$ select 'saved'::text, 3::bigint, expires_at from pg_temp.stored('life') $$,
    'again: the data is written, and no slide'
);
select is((select expires_at - last_used_at from pg_temp.stored('life')), interval '1728000 s', 'before it is due');
create temporary table life as select pg_temp.place('life') as place, s.* from pg_temp.stored('life') as s;
select results_eq(
    $$ select outcome, version from web.save_session(pg_temp.key('life'), '{"n":3}', 3, 1728000) $$,
    $$ values ('saved'::text, 3::bigint) $$,
    'the same data and the same timeout'
);
select results_eq(
    $$ select outcome, version from web.save_session(pg_temp.key('life'), '{"n":4}', 2, 60) $$,
    $$ values ('conflict'::text, 3::bigint) $$,
    'or a conflict'
);
select results_eq(
    $$ select pg_temp.place('life') as place, s.* from pg_temp.stored('life') as s $$,
    $$ select * from life $$,
    'write nothing'
);
select results_eq(
    $$ select outcome, version, expires_at from web.save_session(pg_temp.key('life'), '{"n":3}', 3, 60) $$,
    $$ values ('saved'::text, 3::bigint, statement_timestamp() + interval '60 s') $$,
    'another timeout with the same data is written, under the same version'
);
select results_eq(
    $$ select outcome, version, expires_at from web.save_session(pg_temp.key('life'), '{"n":4}', p_expires_at => statement_timestamp() - interval '1 s') $$,
    $$ values ('saved'::text, 4::bigint, statement_timestamp() - interval '1 s') $$,
    'an expiry in the past is stored with the data'
);
select is((select outcome from web.save_session(pg_temp.key('life'), '{"n":5}', null, 3600)), 'gone', 'and the session has expired');
select is((select outcome from web.save_session(pg_temp.key('unknown'), '{}', null, 3600, 7200)), 'gone', 'an unknown key with a lifetime: gone');
select throws_ok(
    $$ select web.save_session(pg_temp.key('a'), '{"not":"stored"}', null, 34560001) $$,
    '22023',
    'a timeout of this store is at most 34560000 seconds',
    'a timeout over max_timeout_seconds is an error'
);
select isnt((select data from pg_temp.stored('a')), '{"not":"stored"}', 'and stores nothing');

select * from finish();
rollback;
