-- load_session: reads a live session and slides its expiry, in one call that never waits.
begin;
\ir ../lib/store.sql
select plan(44);
set local role nodepg;

-- ---- A live session, or no row ----

select web.create_session(pg_temp.key('a'), '{"n":1}', p_user_id => 'alice') \g /dev/null
select results_eq(
    $$ select data, version, expires_at, user_id, server_time from web.load_session(pg_temp.key('a')) $$,
    $$ select '{"n":1}'::text, 1::bigint, s.expires_at, 'alice'::text, statement_timestamp() from pg_temp.stored('a') as s $$,
    'data, version, expiry, user and server time of a live session'
);
select results_eq(
    $$ select data, user_id from web.load_session(p_slide => false, p_key => pg_temp.key('a')) $$,
    $$ values ('{"n":1}'::text, 'alice'::text) $$,
    'it can be called by parameter names'
);
select is_empty($$ select * from web.load_session(pg_temp.key('unknown')) $$, 'no row for an unknown key');
select is_empty($$ select * from web.load_session(pg_temp.key('unknown'), false) $$, 'nor without a slide');
select is(pg_temp.rows(), 1::bigint, 'loading leaves no row behind');

select pg_temp.make('gone', '{}', 600) \g /dev/null
select pg_temp.pass('599 s') \g /dev/null
select isnt_empty($$ select * from web.load_session(pg_temp.key('gone'), false) $$, 'a session is live until its expiry');
select pg_temp.pass('1 s') \g /dev/null
select is_empty($$ select * from web.load_session(pg_temp.key('gone'), false) $$, 'and is gone from then on');
select is_empty($$ select * from web.load_session(pg_temp.key('gone'), true) $$, 'which a slide does not change');

select pg_temp.make('ended', '{}') \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null
select is_empty($$ select * from web.load_session(pg_temp.key('ended')) $$, 'no row for an ended session');
select is_empty($$ select * from web.load_session(pg_temp.key('ended'), false) $$, 'nor without a slide');
select is((select ended_at is not null and data is null from pg_temp.stored('ended')), true, 'whose tombstone stays');

select web.set_session_data('null', null, null) \g /dev/null
select results_eq(
    $$ select data from web.load_session(pg_temp.key('null')) $$,
    $$ values ('null'::text) $$,
    'null data, which the connect-pg interface may store, loads as the JSON null'
);

-- ---- The slide ----

select pg_temp.make('s', '{}', 1200, 100000) \g /dev/null
select pg_temp.pass('55 s') \g /dev/null
create temporary table passed as select pg_temp.place('s') as was, s.* from pg_temp.stored('s') as s;
select isnt_empty($$ select * from web.load_session(pg_temp.key('s')) $$, 'a session whose slide is not due loads');
select results_eq(
    $$ select pg_temp.place('s') as was, s.* from pg_temp.stored('s') as s $$,
    $$ select * from passed $$,
    'and nothing is written'
);
select pg_temp.pass('10 s') \g /dev/null
create temporary table due as select pg_temp.place('s') as was, s.* from pg_temp.stored('s') as s;
select isnt_empty($$ select * from web.load_session(pg_temp.key('s'), false) $$, 'a session whose slide is due loads without a slide');
select isnt_empty($$ select * from web.load_session(pg_temp.key('s'), null) $$, 'null means without, too');
select results_eq(
    $$ select pg_temp.place('s') as was, s.* from pg_temp.stored('s') as s $$,
    $$ select * from due $$,
    'and nothing is written'
);
select results_eq(
    $$ select expires_at from web.load_session(pg_temp.key('s')) $$,
    $$ values (statement_timestamp() + interval '1200 s') $$,
    'a due slide moves the expiry to the idle timeout from now'
);
select results_eq(
    $$ select expires_at - last_used_at, slide_at - last_used_at, last_used_at > created_at + interval '60 s' from pg_temp.stored('s') $$,
    $$ values (interval '1200 s', interval '60 s', true) $$,
    'it stores the expiry, when the next is due, and the last use'
);
select results_eq(
    $$ select version, created_at, absolute_expires_at, prune_after, idle_timeout_seconds, slide_interval_seconds, handle, data from pg_temp.stored('s') $$,
    $$ select version, created_at , absolute_expires_at , prune_after , idle_timeout_seconds, slide_interval_seconds, handle, data from due $$,
    'and nothing else: neither the version nor what is indexed'
);
select results_eq(
    $$ select s.slide_at > statement_timestamp() from pg_temp.stored('s') as s $$,
    $$ values (true) $$,
    'so the next request only reads'
);

-- Heap-only, and found by the primary key: counted by the server.
select pg_temp.pass('61 s') \g /dev/null
create temporary table counted as
select pg_temp.access('updated') as updated, pg_temp.access('hot') as hot;
select isnt_empty($$ select * from web.load_session(pg_temp.key('s')) $$, 'one more slide');
select results_eq(
    $$ select pg_temp.access('updated') - updated, pg_temp.access('hot') - hot from counted $$,
    $$ values (1::bigint, 1::bigint) $$,
    'is one update, and that is heap-only'
);

-- A session in use stays live, to the absolute timeout and no further.
select pg_temp.make('used', '{}', 100, 1000) \g /dev/null
select is(
    pg_temp.use('used', '80 s', 12),
    12::bigint,
    'used every 80 seconds, a session of 100 seconds is live for 960'
);
select results_eq(
    $$ select expires_at = absolute_expires_at, slide_at <= expires_at from pg_temp.stored('used') $$,
    $$ values (true, true) $$,
    'and its expiry is the absolute timeout by now'
);
select pg_temp.pass('45 s') \g /dev/null
select is_empty($$ select * from web.load_session(pg_temp.key('used')) $$, 'after which it is gone');

select pg_temp.make('unused', '{}', 100) \g /dev/null
select pg_temp.pass('101 s') \g /dev/null
select is_empty($$ select * from web.load_session(pg_temp.key('unused')) $$, 'unused session: no row after its idle timeout');

-- The shortest timeouts.
select is(pg_temp.make('1 s', '{}', 1), 'created', 'an idle timeout of one second');
select results_eq(
    $$ select expires_at from web.load_session(pg_temp.key('1 s')) $$,
    $$ values (statement_timestamp() + interval '1 s') $$,
    'slides with every request'
);
select is(pg_temp.make('2 s', '{}', 2), 'created', 'an idle timeout of two seconds');
select is((select slide_interval_seconds from pg_temp.stored('2 s')), 1, 'slides after one');

-- A clock that was set back, or an expiry that was set by hand.
select pg_temp.make('ahead', '{}', 1200) \g /dev/null
select pg_temp.as_owner($$ update web.session set expires_at = '2100-01-01', absolute_expires_at = '2101-01-01', slide_at = '2000-01-01' where key = sha256('ahead') $$) \g /dev/null
select results_eq(
    $$ select expires_at from web.load_session(pg_temp.key('ahead')) $$,
    $$ values (timestamptz '2100-01-01') $$,
    'a slide never shortens the life of a session'
);
select results_eq(
    $$ select slide_at > statement_timestamp(), slide_at <= expires_at from pg_temp.stored('ahead') $$,
    $$ values (true, true) $$,
    'and is not due again at once'
);

-- ---- In a read-only transaction ----

select pg_temp.make('read only', '{"n":7}', 1200) \g /dev/null
select pg_temp.pass('61 s') \g /dev/null
-- pg_prove has psql wrap every statement in a savepoint, whose release makes the transaction writable again.
\set ON_ERROR_ROLLBACK off
savepoint writing;
set transaction read only;
select data as read_only from web.load_session(pg_temp.key('read only')) \gset
select pg_temp.place('read only') as read_only_place \gset
rollback to writing;
\set ON_ERROR_ROLLBACK on
select is(:'read_only'::text, '{"n":7}', 'in a read-only transaction a session whose slide is due loads');
select is(:'read_only_place'::text, pg_temp.place('read only'), 'and the slide is left for later');

-- ---- The plan ----

set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq, pg_temp.access('key') as key;
select pg_temp.repeat(12, $$ select data, version, expires_at, user_id from web.load_session(pg_temp.key('read only')) $$) \g /dev/null
select results_eq(
    $$ select pg_temp.access('seq') - seq, pg_temp.access('key') - key >= 12 from scans $$,
    $$ values (0::bigint, true) $$,
    'load looks the key up in the primary key, with custom plans and the generic one'
);
set local enable_seqscan = on;

-- ---- Bad arguments ----

select throws_ok(
    format($$ select data, version, expires_at, user_id from web.load_session(%L, %s) $$, k.key, s.slide),
    '22023',
    'a session key has 32 bytes',
    format('a key of %s bytes is refused, slide %s', coalesce(octet_length(k.key)::text, 'null'), s.slide)
)
from (
    values (null::bytea), (''::bytea), (decode(repeat('ab', 31), 'hex')), (decode(repeat('ab', 33), 'hex'))
) as k (key)
cross join (values ('true'), ('false')) as s (slide);

select * from finish();
rollback;
