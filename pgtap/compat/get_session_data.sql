-- get_session_data: connect-pg interface; one row for a live session, else none.
begin;
\ir ../lib/store.sql
select plan(16);
set local role nodepg;

select web.set_session_data('a', '{"n":1}', statement_timestamp() + interval '1200 s') \g /dev/null
create temporary table stored as select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s;
select results_eq($$ select * from web.get_session_data('a') $$, $$ values ('{"n":1}'::text) $$, 'the data of a live session');
select results_eq($$ select web.get_session_data(sessid => 'a') $$, $$ values ('{"n":1}'::text) $$, 'its parameter has the name of the original');
select is_empty($$ select * from web.get_session_data('unknown') $$, 'no row for an unknown id');
select is_empty($$ select * from web.get_session_data(null) $$, 'nor for null');
select is_empty($$ select * from web.get_session_data('') $$, 'nor for the empty text');
select is_empty($$ select * from web.get_session_data('A') $$, 'ids are compared to the letter');
select is_empty(
    $$ select * from web.get_session_data(encode(sha256('a'), 'hex')) union all select * from web.get_session_data('\x' || encode(sha256('a'), 'hex')) $$,
    'key instead of the id: no row'
);

-- ---- No slide ----

select pg_temp.pass('600 s') \g /dev/null
select results_eq($$ select * from web.get_session_data('a') $$, $$ values ('{"n":1}'::text) $$, 'a session whose slide would be due');
select results_eq(
    $$ select expires_at, slide_at, last_used_at from pg_temp.stored('a') $$,
    $$ select expires_at - interval '600 s', slide_at - interval '600 s', last_used_at - interval '600 s' from stored $$,
    'is read, not slid: in this interface the next set does that'
);
select pg_temp.pass('599 s') \g /dev/null
select isnt_empty($$ select * from web.get_session_data('a') $$, 'it lives until its expiry');
select pg_temp.pass('1 s') \g /dev/null
select is_empty($$ select * from web.get_session_data('a') $$, 'and is gone from then on');
select is(pg_temp.rows(), 1::bigint, 'the row is the pruner''s');

-- ---- A read-only transaction ----

select web.set_session_data('b', '{"n":2}', null) \g /dev/null
\set ON_ERROR_ROLLBACK off
savepoint writing;
set transaction read only;
select g as read_only from web.get_session_data('b') as g \gset
rollback to writing;
\set ON_ERROR_ROLLBACK on
select is(:'read_only'::text, '{"n":2}', 'it works in a read-only transaction');

-- ---- Both interfaces ----

select pg_temp.make('native', '{"n":3}') \g /dev/null
select results_eq($$ select web.get_session_data('native') $$, $$ values ('{"n":3}'::text) $$, 'a session of the native interface');
prepare untyped as select * from web.get_session_data($1);
select results_eq($$ execute untyped('native') $$, $$ values ('{"n":3}'::text) $$, 'an untyped parameter resolves');

-- ---- The plan ----

set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq, pg_temp.access('key') as key;
select pg_temp.repeat(12, $$ select web.get_session_data('b') $$) \g /dev/null
select results_eq(
    $$ select pg_temp.access('seq') - seq, pg_temp.access('key') - key from scans $$,
    $$ values (0::bigint, 12::bigint) $$,
    'get is one look-up by the primary key, with custom plans and the generic one'
);

select * from finish();
rollback;
