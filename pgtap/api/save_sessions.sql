-- save_sessions: the fast path of save_session for many keys. What it returns is what save_session would have done.
begin;
\ir ../lib/store.sql
\ir ../lib/plans.sql
select plan(43);
-- Every row, and its place: another one means that it was written.
create function pg_temp.everything()
returns setof text
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.ctid::text || s::text from web.session as s order by s.key;
$$;
set local role nodepg;

-- ---- Saved ----

select web.create_session(pg_temp.key('a'), '{"n":1}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
select web.create_session(pg_temp.key('b'), '{"n":1}', 1200, 100000) \g /dev/null
select web.create_session(pg_temp.key('other'), '{"secret":1}', 1200, 100000) \g /dev/null
create temporary table created as select 1::bigint as ordinality, a.* from pg_temp.stored('a') as a union all select 3, b.* from pg_temp.stored('b') as b;
create temporary table other as select pg_temp.place('other') as place, s.* from pg_temp.stored('other') as s;
select set_eq(
    $$ select ordinality, version, expires_at, server_time from web.save_sessions(array[pg_temp.key('a'), pg_temp.key('unknown'), pg_temp.key('b')], array['{"n":2}', '{}', '{"m":2}'], array[1, 1, 1]) $$,
    $$ select ordinality, 2::bigint, expires_at, statement_timestamp() from created $$,
    'a row for each session that was saved: its position, the next version, and the expiry'
);
select results_eq(
    $$ select data, version from pg_temp.stored('a') union all select data, version from pg_temp.stored('b') $$,
    $$ values ('{"n":2}'::text, 2::bigint), ('{"m":2}', 2) $$,
    'each has the data of its position'
);
select results_eq(
    $$ select created_at, expires_at, slide_at, last_used_at, absolute_expires_at, prune_after, ended_at, idle_timeout_seconds, slide_interval_seconds, handle, user_id, client_address, user_agent, label from pg_temp.stored('a') $$,
    $$ select created_at, expires_at, slide_at, last_used_at, absolute_expires_at, prune_after, ended_at, idle_timeout_seconds, slide_interval_seconds, handle, user_id, client_address, user_agent, label from created where ordinality = 1 $$,
    'and nothing else is changed'
);
select results_eq(
    $$ select pg_temp.place('other') as place, s.* from pg_temp.stored('other') as s $$,
    'select * from other',
    'nor another session'
);
select results_eq(
    $$ select ordinality, version from web.save_sessions(array[pg_temp.key('a'), pg_temp.key('b')], array['{"n":3}', '{"m":3}'], array[null, 2]) order by 1 $$,
    $$ values (1::bigint, 3::bigint), (2, 3) $$,
    'a null version is none'
);
select results_eq(
    $$ select ordinality, version from web.save_sessions(p_data => array['{"n":4}'], p_keys => array[pg_temp.key('a')]) $$,
    $$ values (1::bigint, 4::bigint) $$,
    'without versions, and by parameter names'
);
create temporary table counted as select pg_temp.access('updated') as updated, pg_temp.access('hot') as hot;
select pg_temp.repeat(5, $$ select * from web.save_sessions(array[pg_temp.key('a'), pg_temp.key('b')], array[random()::text, random()::text]) $$) \g /dev/null
-- Where a page is full, a row moves to another one, and that update is not heap-only.
select results_eq(
    $$ select pg_temp.access('updated') - updated, pg_temp.access('hot') > hot from counted $$,
    $$ values (10::bigint, true) $$,
    'a save is one update, and that heap-only'
);
select web.save_sessions(array[pg_temp.key('a'), pg_temp.key('b')], array['{"n":9}', '{"m":8}']) \g /dev/null

-- ---- Equal keys ----

select results_eq(
    $$ select ordinality, version from web.save_sessions(array[pg_temp.key('b'), pg_temp.key('a'), pg_temp.key('b'), pg_temp.key('b')], array['first', '{"n":11}', 'second', 'third']) order by 1 $$,
    $$ values (1::bigint, 10::bigint), (2, 11) $$,
    'of equal keys only the first is saved'
);
select results_eq(
    $$ select data, version from pg_temp.stored('b') $$,
    $$ values ('first'::text, 10::bigint) $$,
    'with its data, and its version counts once'
);
select is_empty(
    $$ select * from web.save_sessions(array[pg_temp.key('b'), pg_temp.key('b')], array['one', 'two'], array[9, 10]) $$,
    'when the first has another version, the second is not saved in its place'
);

-- ---- What is left to save_session ----

select pg_temp.make('expired', '{"n":1}', 10) \g /dev/null
select pg_temp.make('ended', '{"n":1}') \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null
select pg_temp.make('rotated', '{"n":1}') \g /dev/null
select outcome from web.rotate_session(pg_temp.key('rotated'), pg_temp.key('successor'), 60) \g /dev/null
select pg_temp.pass('10 s') \g /dev/null
select pg_temp.make('due', '{"n":1}') \g /dev/null
select pg_temp.as_owner($$ update web.session set slide_at = statement_timestamp() where key = sha256('due') $$) \g /dev/null
select web.set_session_data('null', null, null) \g /dev/null
select pg_temp.make('full') \g /dev/null
create temporary table before as select pg_temp.everything() as row;
select is_empty(
    format($$ select * from web.save_sessions(array[%s], array[%s], array[%s]) $$, c.key, c.data, c.version),
    format('%s: not saved', c.what)
)
from (
    values
    ('an unknown key', 'sha256(''unknown'')', $$ '{}' $$, 'null::bigint'),
    ('an expired session', 'sha256(''expired'')', $$ '{}' $$, 'null::bigint'),
    ('an ended session', 'sha256(''ended'')', $$ '{}' $$, 'null::bigint'),
    ('the old key of a rotation', 'sha256(''rotated'')', $$ '{}' $$, 'null::bigint'),
    ('a session whose slide is due', 'sha256(''due'')', $$ '{}' $$, '1'),
    ('null data in the store', 'sha256(''null'')', $$ '{}' $$, '1'),
    ('an older version', 'sha256(''a'')', $$ '{}' $$, '10'),
    ('a newer version', 'sha256(''a'')', $$ '{}' $$, '12'),
    ('equal data', 'sha256(''a'')', $$ '{"n":11}' $$, '11'),
    ('null data', 'sha256(''a'')', 'null', '11'),
    ('data over 8 KiB', 'sha256(''full'')', 'repeat(''x'', 8193)', '1'),
    ('8 KiB of characters, but not of bytes', 'sha256(''full'')', 'repeat(''x'', 8191) || ''é''', '1'),
    ('a null key', 'null::bytea', $$ '{}' $$, 'null::bigint'),
    ('a short key', $$ 'short'::bytea $$, $$ '{}' $$, 'null::bigint')
) as c (what, key, data, version);
select is_empty($$ select * from web.save_sessions('{}', '{}') $$, 'empty arrays: nothing to save');
select is_empty($$ select * from web.save_sessions(null, null, null) $$, 'null arrays likewise');
select results_eq('select pg_temp.everything()', 'select row from before', 'none of this has written a row');
select results_eq(
    $$ select ordinality from web.save_sessions(array[null, pg_temp.key('a'), 'short', pg_temp.key('due'), pg_temp.key('b')], array['{}', '{"n":12}', '{}', '{}', '{"m":11}'], array[null, 11, 1, 1, 10]) order by 1 $$,
    $$ values (2::bigint), (5) $$,
    'and it keeps no other session of the call from being saved'
);
select results_eq(
    $$ select ordinality, version from web.save_sessions(array[pg_temp.key('full')], array[repeat('x', 8192)], array[1]) $$,
    $$ values (1::bigint, 2::bigint) $$,
    '8 KiB are saved'
);

-- ---- Idle timeouts ----

select pg_temp.make('idle ' || i, 'old', 3600) from generate_series(1, 3) as i \g /dev/null
select results_eq(
    $$ select ordinality, version from web.save_sessions(array(select pg_temp.key('idle ' || i) from generate_series(1, 3) as i), array['1', '2', '3'], null, array[3600, null, 3601]) order by ordinality $$,
    $$ values (1::bigint, 2::bigint), (2, 2) $$,
    'the idle timeout that a session has is no new lifetime; another one is left to save_session'
);
select throws_ok(
    $$ select * from web.save_sessions(array[pg_temp.key('idle 1')], array['{}'], null, array[3600, 3600]) $$,
    '22023',
    'the arrays of save_sessions must have the same length',
    'refused: timeouts of another number'
);

-- ---- Arrays of different lengths ----

select throws_ok(
    format('select * from web.save_sessions(%s)', a.arrays),
    '22023',
    'the arrays of save_sessions must have the same length',
    'refused: ' || a.arrays
)
from (
    values
    ($$ array[pg_temp.key('a'), pg_temp.key('b')], array['{}', '{}'], array[7] $$),
    ($$ array[pg_temp.key('a')], array['{}'], array[7, 6] $$),
    ($$ array[pg_temp.key('a')], array['{}'], '{}' $$),
    ($$ array[pg_temp.key('a'), pg_temp.key('b')], array['{}'] $$),
    ($$ array[pg_temp.key('a')], array['{}', '{}'] $$)
) as a (arrays);
select results_eq(
    $$ select data from pg_temp.stored('a') union all select data from pg_temp.stored('b') $$,
    $$ values ('{"n":12}'::text), ('{"m":11}') $$,
    'and nothing is saved: a missing version does not mean any version'
);

-- ---- In a read-only transaction ----

-- pg_prove has psql wrap every statement in a savepoint, whose release makes the transaction writable again.
\set ON_ERROR_ROLLBACK off
savepoint writing;
set transaction read only;
select pg_temp.sqlstate_of($$ select * from web.save_sessions(array[pg_temp.key('a')], array['{}']) $$) as read_only \gset
rollback to writing;
\set ON_ERROR_ROLLBACK on
select is(:'read_only'::text, '25006', 'a read-only transaction refuses it');

-- ---- Many ----

select pg_temp.make('many ' || i, 'old') from generate_series(1, 64) as i \g /dev/null
select results_eq(
    $$ select count(*), min(ordinality), max(ordinality), min(version), max(version) from web.save_sessions(array(select pg_temp.key('many ' || i) from generate_series(1, 64) as i), array(select i::text from generate_series(1, 64) as i), array_fill(1::bigint, array[64])) $$,
    $$ values (64::bigint, 1::bigint, 64::bigint, 2::bigint, 2::bigint) $$,
    '64 sessions'
);
select is(
    (select bool_and((select s.data from pg_temp.stored('many ' || i) as s) = i::text) from generate_series(1, 64) as i),
    true,
    'each has its own data'
);
select is(
    (select count(*) from web.save_sessions(array(select pg_temp.key('many ' || i) from generate_series(1, 10000) as i), array(select 'new' from generate_series(1, 10000)))),
    64::bigint,
    '10,000 keys'
);

-- ---- The plan ----

-- Its lock also keeps autovacuum from renewing the statistics: autovacuum does not see the rows of this transaction.
analyze web.session;
set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq, pg_temp.rows_read() as rows;
select pg_temp.repeat(12, $$ select * from web.save_sessions(array[pg_temp.key('many 1'), pg_temp.key('many 2')], array[random()::text, random()::text]) $$) \g /dev/null
select results_eq(
    $$ select pg_temp.access('seq') - seq, pg_temp.rows_read() - rows from scans $$,
    $$ values (0::bigint, 24::bigint) $$,
    'the keys are looked up in the primary key, and no other row is read'
);

-- ---- A parameter with a collation of the caller's ----

reset role;
select exists (select from pg_collation as c where c.collprovider = 'i') as has_icu \gset
\if :has_icu
create collation public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
select pg_temp.make('collated', '{"n":"A"}') \g /dev/null
select results_eq(
    $$ select ordinality, version from web.save_sessions(array[pg_temp.key('collated')], array['{"n":"a"}'] collate public.any_case, array[1]) $$,
    $$ values (1::bigint, 2::bigint) $$,
    'data is equal only if each byte is'
);
\else
select skip('this server has no ICU: no collation for which different texts are equal', 1);
\endif

select * from finish();
rollback;
