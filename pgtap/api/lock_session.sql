-- lock_session: load a session and hold its row, waiting no longer than one is asked to.
begin;
\ir ../lib/store.sql
select plan(29);
set local role nodepg;

select web.create_session(pg_temp.key('a'), '{"n":1}', 1200, p_user_id => 'alice') \g /dev/null
create temporary table a as select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s;
select results_eq(
    $$ select data, version, expires_at, user_id, server_time from web.lock_session(pg_temp.key('a')) $$,
    $$ select '{"n":1}'::text, 1::bigint, expires_at, 'alice'::text, statement_timestamp() from a $$,
    'data, version, expiry, user and server time of a live session'
);
select results_eq($$ select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s $$, 'select * from a', 'nothing is written: the save that follows is the use');
select results_eq(
    $$ select outcome, version from web.save_session(pg_temp.key('a'), '{"n":2}', 1) $$,
    $$ values ('saved'::text, 2::bigint) $$,
    'the transaction with the lock saves'
);
select is((select data from web.lock_session(p_lock_timeout_milliseconds => 1, p_key => pg_temp.key('a'))), '{"n":2}', 'and may lock it again; by parameter names');
select web.set_session_data('null', null, null) \g /dev/null
select is((select data from web.lock_session(pg_temp.key('null'))), 'null', 'null data is the JSON null');

-- ---- None ----

select is_empty($$ select * from web.lock_session(pg_temp.key('unknown')) $$, 'no row for an unknown key');
select web.end_session(pg_temp.key('ended')) \g /dev/null
select is_empty($$ select * from web.lock_session(pg_temp.key('ended')) $$, 'nor for an ended session');
select pg_temp.make('past', '{}', 1) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
select is_empty($$ select * from web.lock_session(pg_temp.key('past')) $$, 'nor for an expired one');

-- ---- lock_timeout is the caller's ----

select is(current_setting('lock_timeout'), '0', 'lock_timeout is as before');
set local lock_timeout = '7s';
select web.lock_session(pg_temp.key('a'), 50) \g /dev/null
select is(current_setting('lock_timeout'), '7s', 'whatever it was');
select web.lock_session(pg_temp.key('unknown'), 50) \g /dev/null
select is(current_setting('lock_timeout'), '7s', 'without a session too');
select pg_temp.sqlstate_of($$ select web.lock_session(null) $$) \g /dev/null
select is(current_setting('lock_timeout'), '7s', 'and after an error');
select lives_ok($$ select web.lock_session(pg_temp.key('a'), 2147483647) $$, 'the longest wait there is');
set local lock_timeout = 0;

-- ---- Bad arguments ----

select throws_ok(
    format($$ select web.lock_session(%L) $$, k.key),
    '22023',
    'a session key has 32 bytes',
    format('a key of %s bytes is refused', coalesce(octet_length(k.key)::text, 'null'))
)
from (values (null::bytea), (''::bytea), (decode(repeat('ab', 31), 'hex')), (decode(repeat('ab', 33), 'hex'))) as k (key);
select throws_ok(
    format($$ select web.lock_session(pg_temp.key('a'), %s) $$, w),
    '22023',
    'the lock timeout is at least one millisecond',
    format('a wait of %s is refused', w)
)
from unnest(array['0', '-1', '-2147483648', 'null']) as w;

\set ON_ERROR_ROLLBACK off
savepoint writing;
set transaction read only;
select pg_temp.sqlstate_of($$ select web.lock_session(pg_temp.key('a')) $$) as read_only \gset
rollback to writing;
\set ON_ERROR_ROLLBACK on
select is(:'read_only'::text, '25006', 'a read-only transaction cannot lock');

-- ---- The plan ----

set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq;
select pg_temp.repeat(12, $$ select web.lock_session(pg_temp.key('a')) $$) \g /dev/null
select is(pg_temp.access('seq') - seq, 0::bigint, 'the key is looked up in the primary key, with custom plans and the generic one') from scans;
set local enable_seqscan = on;
reset role;

-- ---- Another transaction holds the lock ----

-- (A key of the tests with another session is none of the others.)
drop function pg_temp.key(text);
delete from web.session;
\ir ../lib/dblink.sql
\if :has_dblink
set local statement_timeout = '5s';
select pg_temp.other(format('select outcome from web.create_session(%L, %L, 1200)', pg_temp.key(k), '{"n":1}')) from unnest(array['held', 'saved', 'rotated', 'ended']) as k \g /dev/null
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select data from web.lock_session(%L)', pg_temp.key('held'))) \g /dev/null
set local role nodepg;
select throws_ok(
    $$ select data, version, expires_at, user_id from web.lock_session(pg_temp.key('held'), 50) $$,
    '55P03',
    null,
    'it waits so long and raises 55P03'
);
select is(current_setting('lock_timeout'), '0', 'lock_timeout of the caller is restored');
select results_eq(
    $$ select data from web.load_session(pg_temp.key('held')) $$,
    $$ values ('{"n":1}'::text) $$,
    'a load does not wait for it'
);
set local lock_timeout = '50ms';
select throws_ok(s, '55P03', null, format('it does: %s', s))
from unnest(array[
    $$ select web.save_session(pg_temp.key('held'), '{"n":9}') $$,
    $$ select web.end_session(pg_temp.key('held')) $$,
    $$ select web.rotate_session(pg_temp.key('held'), pg_temp.key('elsewhere')) $$
]) as s;
set local lock_timeout = 0;
reset role;
select pg_temp.other_does('rollback') \g /dev/null
select * from finish();
rollback;

begin;
\ir ../lib/dblink.sql
select pg_temp.clean_up(array['held', 'saved', 'rotated', 'ended']) \g /dev/null
\else
select skip('dblink is not there, or may not connect back: a session that another transaction holds is not tested', 7);
select * from finish();
\endif
rollback;
