-- session_info: the facts of a session, and for one that is not live the reason.
begin;
\ir ../lib/store.sql
select plan(19);
set local role nodepg;

select web.create_session(pg_temp.key('a'), '{"secret":1}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
select pg_temp.pass('65 s') \g /dev/null
create temporary table a as select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s;
select results_eq(
    $$ select * from web.session_info(p_key => pg_temp.key('a')) $$,
    $$ select 'live'::text, null::text, handle, user_id, created_at, last_used_at, expires_at, absolute_expires_at, client_address, user_agent, label from a $$,
    'live: all that is known of the session but its data'
);
select results_eq($$ select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s $$, 'select * from a', 'it slides nothing, though that is due');
select results_eq(
    $$ select i.*::text from web.session_info(pg_temp.key('unknown')) as i $$,
    $$ values ('(missing,,,,,,,,,,)'::text) $$,
    'missing: never there; one row, and nothing else in it'
);
select is(pg_temp.rows(), 1::bigint, 'asking leaves no row');

select pg_temp.make('x', '{}', 100) \g /dev/null
select pg_temp.pass('99 s') \g /dev/null
select is((select state from web.session_info(pg_temp.key('x'))), 'live', 'live until the expiry');
select pg_temp.pass('1 s') \g /dev/null
select results_eq(
    $$ select i.state, i.reason, i.expires_at = s.expires_at, i.handle = s.handle from web.session_info(pg_temp.key('x')) as i cross join lateral pg_temp.stored('x') as s $$,
    $$ values ('expired'::text, null::text, true, true) $$,
    'expired from then on'
);
select web.set_session_data('past', '{}', '-infinity') \g /dev/null
select results_eq(
    $$ select state, expires_at from web.session_info(pg_temp.key('past')) $$,
    $$ values ('expired'::text, null::timestamptz) $$,
    'so is what was set with an expiry before all times; it has none'
);
select web.prune_sessions() \g /dev/null
select is((select state from web.session_info(pg_temp.key('x'))), 'missing', 'missing: pruned since');

-- ---- Ended, and why ----

select web.end_session(pg_temp.key('a')) \g /dev/null
select web.end_session(pg_temp.key('never seen')) \g /dev/null
select web.create_session(pg_temp.key(k), '{}', p_user_id => 'bob') from unnest(array['b1', 'b2', 'b3']) as k \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
select web.create_session(pg_temp.key('b4'), '{}', p_user_id => 'bob', p_max_sessions => 3) \g /dev/null
select web.rotate_session(pg_temp.key('b4'), pg_temp.key('b5'), 60) \g /dev/null
select web.end_user_sessions('bob', pg_temp.key('b5')) \g /dev/null
select results_eq(
    format('select state, reason, expires_at from web.session_info(pg_temp.key(%L))', k),
    format($$ values (%L::text, %L::text, null::timestamptz) $$, 'ended', reason),
    format('ended, %s: %s', reason, what)
)
from (
    values
    ('a', 'logout', 'end_session'), ('never seen', 'logout', 'end_session with a key that was not there'),
    ('b4', 'rotated', 'the key of before a rotation, in its grace too')
) as v (k, reason, what);
select results_eq(
    $$ select i.reason, count(*) from unnest(array['b1', 'b2', 'b3']) as k cross join lateral web.session_info(pg_temp.key(k)) as i group by 1 order by 1 $$,
    $$ values ('evicted'::text, 1::bigint), ('revoked', 2) $$,
    'evicted, over the limit; revoked, with "log out everywhere else"'
);
select is((select state from web.session_info(pg_temp.key('b5'))), 'live', '(the one that was excepted is live)');
select results_eq(
    $$ select user_id, created_at is not null, last_used_at is not null, client_address, user_agent, label from web.session_info(pg_temp.key('a')) $$,
    $$ values ('alice'::text, true, true, null::inet, null::text, null::text) $$,
    'of an ended one the user is known until it is pruned; address, user agent and label are gone'
);

-- ---- Bad arguments ----

select throws_ok(
    format($$ select web.session_info(%L) $$, k.key),
    '22023',
    'a session key has 32 bytes',
    format('a key of %s bytes is refused', coalesce(octet_length(k.key)::text, 'null'))
)
from (values (null::bytea), (''::bytea), (decode(repeat('ab', 31), 'hex')), (decode(repeat('ab', 33), 'hex'))) as k (key);

-- A read-only transaction may ask.
\set ON_ERROR_ROLLBACK off
savepoint writing;
set transaction read only;
select state as read_only from web.session_info(pg_temp.key('b5')) \gset
rollback to writing;
\set ON_ERROR_ROLLBACK on
select is(:'read_only'::text, 'live', 'a read-only transaction may ask');

select * from finish();
rollback;
