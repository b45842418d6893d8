-- prune_sessions: delete what is no longer needed, reschedule what has been used, a bounded batch at a time.
begin;
\ir ../lib/store.sql
select plan(38);
set local role nodepg;

-- ---- Nothing to do ----

select results_eq(
    'select * from web.prune_sessions()',
    $$ values ('pruned'::text, 0, 0) $$,
    'an empty store: pruned, no row'
);
select pg_temp.make('live', '{}', 1200) \g /dev/null
select web.end_session(pg_temp.key('tombstone')) \g /dev/null
select results_eq(
    'select * from web.prune_sessions(p_max_rows => 1000)',
    $$ values ('pruned'::text, 0, 0) $$,
    'live sessions and new tombstones stay'
);
select is(pg_temp.rows(), 2::bigint, 'both of them');

-- ---- What is no longer needed ----

select pg_temp.pass('1200 s') \g /dev/null
select results_eq(
    'select * from web.prune_sessions()',
    $$ values ('pruned'::text, 1, 0) $$,
    'a session is removed once it has expired'
);
select is_empty($$ select * from pg_temp.stored('live') $$, 'that very one');
select pg_temp.pass('2395 s') \g /dev/null
select results_eq('select * from web.prune_sessions()', $$ values ('pruned'::text, 0, 0) $$, 'a tombstone is kept for an hour');
select pg_temp.pass('5 s') \g /dev/null
select results_eq('select * from web.prune_sessions()', $$ values ('pruned'::text, 1, 0) $$, 'and removed then');
select is(pg_temp.rows(), 0::bigint, 'nothing is left');

-- A session that was ended shortly before its expiry: its tombstone outlives it.
select pg_temp.make('ended late', '{}', 1200) \g /dev/null
select pg_temp.pass('1190 s') \g /dev/null
select web.end_session(pg_temp.key('ended late')) \g /dev/null
select pg_temp.pass('10 s') \g /dev/null
select results_eq('select * from web.prune_sessions()', $$ values ('pruned'::text, 0, 1) $$, 'a tombstone that is due too early is filed again');
select is(
    (select prune_after - ended_at from pg_temp.stored('ended late')),
    interval '3600 s',
    'for an hour after the session was ended'
);
select pg_temp.as_owner('update web.settings set tombstone_retention_seconds = 60') \g /dev/null
select pg_temp.pass('3590 s') \g /dev/null
select results_eq('select * from web.prune_sessions()', $$ values ('pruned'::text, 1, 0) $$, 'and removed after that');
select pg_temp.as_owner('update web.settings set tombstone_retention_seconds = default') \g /dev/null

-- An ended one with a later expiry is deleted after its retention too.
select pg_temp.make('ended early', '{}', 86400) \g /dev/null
select web.end_session(pg_temp.key('ended early')) \g /dev/null
select pg_temp.pass('3700 s') \g /dev/null
select results_eq('select * from web.prune_sessions()', $$ values ('pruned'::text, 1, 0) $$, 'a tombstone is deleted after its retention, whatever the expiry of the session was');

-- ---- What has been used ----

select pg_temp.make('used', '{}', 1200, 100000) \g /dev/null
select is(pg_temp.use('used', '1000 s', 2), 2::bigint, 'a session that is used beyond its first expiry');
select results_eq('select * from web.prune_sessions()', $$ values ('pruned'::text, 0, 1) $$, 'is filed again');
select results_eq(
    $$ select prune_after = expires_at, data, version from pg_temp.stored('used') $$,
    $$ values (true, '{}'::text, 1::bigint) $$,
    'under its present expiry, and not changed'
);
select results_eq('select * from web.prune_sessions()', $$ values ('pruned'::text, 0, 0) $$, 'once');
select web.set_session_data('used', '{"n":2}', statement_timestamp() + interval '9000 s') \g /dev/null
select pg_temp.pass('1200 s') \g /dev/null
select results_eq('select * from web.prune_sessions()', $$ values ('pruned'::text, 0, 1) $$, 'so is one whose expiry was set later');
select isnt_empty($$ select * from web.get_session_data('used') $$, 'it lives on');
select web.clear_sessions() \g /dev/null

-- ---- Batches ----

select pg_temp.make('batch ' || i, '{}', 100 + i) from generate_series(1, 10) as i \g /dev/null
select pg_temp.make('used batch ' || i, '{}', 500, 5000) from generate_series(1, 3) as i \g /dev/null
select pg_temp.pass('400 s') \g /dev/null
select web.load_session(pg_temp.key('used batch ' || i)) from generate_series(1, 3) as i \g /dev/null
select pg_temp.pass('200 s') \g /dev/null
select results_eq('select * from web.prune_sessions(4)', $$ values ('pruned'::text, 4, 0) $$, 'a batch has at most so many rows');
select results_eq(
    $$ select array_agg(i order by i) from generate_series(1, 10) as i where exists (select from pg_temp.stored('batch ' || i)) $$,
    $$ values (array[5, 6, 7, 8, 9, 10]) $$,
    'the oldest first'
);
select results_eq('select * from web.prune_sessions(4)', $$ values ('pruned'::text, 4, 0) $$, 'the next batch continues there');
select results_eq('select * from web.prune_sessions(4)', $$ values ('pruned'::text, 2, 2) $$, 'deleted and rescheduled rows count together');
select results_eq('select * from web.prune_sessions(4)', $$ values ('pruned'::text, 0, 1) $$, 'fewer than were asked for: nothing is left');
select results_eq('select * from web.prune_sessions(4)', $$ values ('pruned'::text, 0, 0) $$, 'which is so');
select is(pg_temp.rows(), 3::bigint, 'the live sessions are there');
select web.clear_sessions() \g /dev/null

-- As many as a batch has, to the row: one more call shows that nothing is left.
select pg_temp.make('four ' || i, '{}', 100) from generate_series(1, 4) as i \g /dev/null
select pg_temp.pass('100 s') \g /dev/null
select results_eq('select * from web.prune_sessions(4)', $$ values ('pruned'::text, 4, 0) $$, 'a full batch, all with the same time');
select results_eq('select * from web.prune_sessions(4)', $$ values ('pruned'::text, 0, 0) $$, 'and then an empty one');

-- Many rows of one prune_after do not keep a batch from moving on.
select pg_temp.make('same ' || i, '{}', 100) from generate_series(1, 7) as i \g /dev/null
select pg_temp.pass('100 s') \g /dev/null
select is(
    (select array_agg(p.deleted) from generate_series(1, 4) as i cross join lateral web.prune_sessions(2 + i * 0) as p),
    array[2, 2, 2, 1],
    'seven rows of one time go by twos'
);

-- The next prune finds what became due before the point where an unfinished prune continues.
select pg_temp.make('first ' || i, '{}', 100 + i) from generate_series(1, 4) as i \g /dev/null
select pg_temp.pass('200 s') \g /dev/null
select results_eq('select * from web.prune_sessions(4)', $$ values ('pruned'::text, 4, 0) $$, 'an unfinished prune');
select pg_temp.make('behind', '{}', 1) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
select pg_temp.as_owner($$ update web.session set prune_after = '2000-01-01' where key = sha256('behind') $$) \g /dev/null
select web.prune_sessions(4) \g /dev/null
select results_eq('select * from web.prune_sessions(4)', $$ values ('pruned'::text, 1, 0) $$, 'the one after the last batch begins at the beginning');

-- ---- The state of pruning ----

reset role;
select web.prune_sessions() \g /dev/null
select results_eq(
    $$ select resume_from, statement_timestamp() - last_pruned_at between interval '0 s' and interval '1 minute' from web.prune_state $$,
    $$ values ('-infinity'::timestamptz, true) $$,
    'the time of the last prune is kept'
);

-- ---- Bad arguments ----

set local role nodepg;
select throws_ok(
    format('select web.prune_sessions(%s)', n.rows),
    '22023',
    'a batch has at least one row',
    format('%s rows are refused', n.rows)
)
from (values ('0'), ('-1'), ('-2147483648'), ('null')) as n (rows);
select pg_temp.make('x ' || i, '{}', 1) from generate_series(1, 3) as i \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
select results_eq('select * from web.prune_sessions(2147483647)', $$ values ('pruned'::text, 3, 0) $$, 'the largest integer is taken');

-- ---- The plan ----

set local enable_seqscan = off;
set local enable_bitmapscan = off;
discard plans;
select pg_temp.make('plan ' || i, '{}', 1) from generate_series(1, 30) as i \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
create temporary table scans as select pg_temp.access('seq') as seq, pg_temp.access('prune_after') as prune_after;
select is(pg_temp.repeat(12, 'select web.prune_sessions(3)'), 12::bigint, 'twelve prunes of three rows');
select results_eq(
    $$ select pg_temp.access('seq') - seq, pg_temp.access('prune_after') - prune_after from scans $$,
    $$ values (0::bigint, 12::bigint) $$,
    'find what is due by the index, with custom plans and the generic one'
);

select * from finish();
rollback;
