-- load_sessions: the fast path of load_session for many keys. What it returns is what load_session would have returned.
begin;
\ir ../lib/store.sql
\ir ../lib/plans.sql
select plan(30);
set local role nodepg;

-- ---- Live sessions, or no row ----

select web.create_session(pg_temp.key('a'), '{"n":1}', p_user_id => 'alice') \g /dev/null
select web.create_session(pg_temp.key('b'), '{"n":2}') \g /dev/null
select web.create_session(pg_temp.key('other'), '{"secret":1}', p_user_id => 'mallory') \g /dev/null
select results_eq(
    $$ select key, data, version, expires_at, user_id, server_time from web.load_sessions(array[pg_temp.key('a')]) $$,
    $$ select pg_temp.key('a'), '{"n":1}'::text, 1::bigint, s.expires_at, 'alice'::text, statement_timestamp() from pg_temp.stored('a') as s $$,
    'key, data, version, expiry, user and server time of a live session'
);
select set_eq(
    $$ select key, data, user_id from web.load_sessions(p_slide => false, p_keys => array[pg_temp.key('a'), pg_temp.key('unknown'), pg_temp.key('b')]) $$,
    $$ values (pg_temp.key('a'), '{"n":1}'::text, 'alice'::text), (pg_temp.key('b'), '{"n":2}', null) $$,
    'many keys: a row for each that is live, and no row of another session'
);
select results_eq(
    $$ select l.data from web.load_sessions(array[pg_temp.key('a'), pg_temp.key('a'), pg_temp.key('a')]) as l $$,
    $$ values ('{"n":1}'::text) $$,
    'equal keys: one row'
);
select is_empty(format('select * from web.load_sessions(%s)', k.keys), 'no row for ' || k.keys)
from (
    values
    ('null'), ($$ '{}' $$), ('array[null::bytea]'), ($$ array[''::bytea] $$), ($$ array['\xab'::bytea] $$),
    ($$ array[pg_temp.key('unknown')] $$), ($$ array[pg_temp.key('a') || '\x00'] $$), ($$ array[substr(pg_temp.key('a'), 1, 31)] $$)
) as k (keys);
select set_eq(
    $$ select data from web.load_sessions(array[null, pg_temp.key('a'), '\xab', pg_temp.key('b')]) $$,
    $$ values ('{"n":1}'::text), ('{"n":2}') $$,
    'a null key and a short one do not keep the others from being found'
);
select set_eq(
    $$ select data from web.load_sessions(array[array[pg_temp.key('a')], array[pg_temp.key('b')]]) $$,
    $$ values ('{"n":1}'::text), ('{"n":2}') $$,
    'an array of two dimensions is read element by element'
);
select is(pg_temp.rows(), 3::bigint, 'loading leaves no row behind');

-- ---- What is left to load_session ----

select pg_temp.make('expired', '{}', 600) \g /dev/null
select pg_temp.pass('600 s') \g /dev/null
select pg_temp.make('ended', '{}') \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null
select pg_temp.make('rotated', '{"n":3}') \g /dev/null
select outcome from web.rotate_session(pg_temp.key('rotated'), pg_temp.key('successor'), 60) \g /dev/null
select is_empty(
    format($$ select * from web.load_sessions(array[pg_temp.key(%L)], %s) $$, k.id, s.slide),
    format('%s, slide %s: no row', k.id, s.slide)
)
from (values ('expired'), ('ended'), ('rotated')) as k (id)
cross join (values ('true'), ('false')) as s (slide);
select results_eq(
    $$ select data from web.load_session(pg_temp.key('rotated')) $$,
    $$ select data from web.load_sessions(array[pg_temp.key('successor')]) $$,
    'load_session follows a rotation to the session that the new key loads'
);

select pg_temp.make('due', '{"n":4}', 1200, 100000) \g /dev/null
select pg_temp.make('fresh', '{"n":5}', 86400, 100000) \g /dev/null
select pg_temp.pass('61 s') \g /dev/null
create temporary table due as select pg_temp.place('due') as place, s.* from pg_temp.stored('due') as s;
select results_eq(
    $$ select data from web.load_sessions(array[pg_temp.key('due'), pg_temp.key('fresh')]) $$,
    $$ values ('{"n":5}'::text) $$,
    'a session whose slide is due is not returned'
);
select set_eq(
    format($$ select data, expires_at from web.load_sessions(array[pg_temp.key('due'), pg_temp.key('fresh')], %s) $$, s.slide),
    $$ select s.data, s.expires_at from pg_temp.stored('due') as s union all select s.data, s.expires_at from pg_temp.stored('fresh') as s $$,
    format('with slide %s it is', s.slide)
)
from (values ('false'), ('null')) as s (slide);
select results_eq(
    $$ select pg_temp.place('due') as place, s.* from pg_temp.stored('due') as s $$,
    'select * from due',
    'and nothing is written'
);

select web.set_session_data('null', null, null) \g /dev/null
select results_eq(
    $$ select data from web.load_sessions(array[pg_temp.key('null')]) $$,
    $$ values ('null'::text) $$,
    'null data loads as the JSON null'
);

-- ---- In a read-only transaction ----

-- pg_prove has psql wrap every statement in a savepoint, whose release makes the transaction writable again.
\set ON_ERROR_ROLLBACK off
savepoint writing;
set transaction read only;
select string_agg(data, ' ' order by data) as read_only from web.load_sessions(array[pg_temp.key('due'), pg_temp.key('fresh')]) \gset
rollback to writing;
\set ON_ERROR_ROLLBACK on
select is(:'read_only'::text, '{"n":5}', 'it reads in a read-only transaction');

-- ---- Many ----

select pg_temp.make('many ' || i, i::text) from generate_series(1, 64) as i \g /dev/null
select results_eq(
    $$ select count(*), count(distinct l.key), bool_and(l.key = pg_temp.key('many ' || l.data)) from web.load_sessions(array(select pg_temp.key('many ' || i) from generate_series(1, 64) as i)) as l $$,
    $$ values (64::bigint, 64::bigint, true) $$,
    '64 keys: each row has the data of its key'
);
select results_eq(
    $$ select count(*), bool_and(l.key = pg_temp.key('many ' || l.data)) from web.load_sessions(array(select pg_temp.key('many ' || i) from generate_series(1, 10000) as i)) as l $$,
    $$ values (64::bigint, true) $$,
    '10,000 keys'
);

-- ---- The plan ----

-- Its lock also keeps autovacuum from renewing the statistics: autovacuum does not see the rows of this transaction.
analyze web.session;
set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq, pg_temp.rows_read() as rows;
select pg_temp.repeat(12, $$ select * from web.load_sessions(array[pg_temp.key('many 1'), pg_temp.key('many 2')]) $$) \g /dev/null
select results_eq(
    $$ select pg_temp.access('seq') - seq, pg_temp.rows_read() - rows from scans $$,
    $$ values (0::bigint, 24::bigint) $$,
    'the keys are looked up in the primary key, and no other row is read'
);
set local enable_seqscan = on;

select * from finish();
rollback;
