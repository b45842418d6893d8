-- touch_session: slides, and returns the expiry now in force.
begin;
\ir ../lib/store.sql
select plan(23);
set local role nodepg;

-- ---- A live session ----

select pg_temp.make('a', '{"n":1}', 1200, 100000) \g /dev/null
create temporary table created as select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s;
select is(
    web.touch_session(pg_temp.key('a')),
    (select expires_at from created),
    'before a slide is due, the expiry that is stored'
);
select results_eq(
    $$ select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s $$,
    $$ select * from created $$,
    'and nothing is written'
);
select pg_temp.pass('61 s') \g /dev/null
select is(
    web.touch_session(p_key => pg_temp.key('a')),
    statement_timestamp() + interval '1200 s',
    'a due slide moves the expiry to the idle timeout from now'
);
select results_eq(
    $$ select expires_at - last_used_at, slide_at - last_used_at, version, prune_after - created_at, data from pg_temp.stored('a') $$,
    $$ values (interval '1200 s', interval '60 s', 1::bigint, interval '1200 s', '{"n":1}'::text) $$,
    'expiry, next slide and last use are stored; version, prune_after and data stay'
);
select pg_temp.make('limit', '{}', 1200, 1300) \g /dev/null
select pg_temp.pass('1000 s') \g /dev/null
select is(
    web.touch_session(pg_temp.key('limit')),
    (select absolute_expires_at from pg_temp.stored('limit')),
    'no slide goes beyond the absolute timeout'
);

-- ---- No live session ----

select is(web.touch_session(pg_temp.key('unknown')), null, 'null for an unknown key');
select pg_temp.make('expired', '{}', 10) \g /dev/null
select pg_temp.make('ended') \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null
select pg_temp.pass('10 s') \g /dev/null
select is(web.touch_session(pg_temp.key('expired')), null, 'null for an expired session');
select is(web.touch_session(pg_temp.key('ended')), null, 'null for an ended session');
select results_eq(
    $$ select count(*) filter (where expires_at > statement_timestamp()), count(*) from (select * from pg_temp.stored('expired') union all select * from pg_temp.stored('ended') union all select * from pg_temp.stored('unknown')) as s $$,
    $$ values (0::bigint, 2::bigint) $$,
    'none of them is brought back, none is made'
);

-- ---- In a read-only transaction ----

select pg_temp.pass('61 s') \g /dev/null
select pg_temp.place('a') as place, expires_at from pg_temp.stored('a') \gset
\set ON_ERROR_ROLLBACK off
savepoint writing;
set transaction read only;
select web.touch_session(pg_temp.key('a')) as read_only \gset
rollback to writing;
\set ON_ERROR_ROLLBACK on
select is(:'read_only'::timestamptz, :'expires_at'::timestamptz, 'in a read-only transaction the expiry that is stored');
select is(pg_temp.place('a'), :'place', 'and the slide is left for later');

-- ---- Bad arguments ----

select throws_ok(
    format($$ select web.touch_session(%L) $$, k.key),
    '22023',
    'a session key has 32 bytes',
    format('a key of %s bytes is refused', coalesce(octet_length(k.key)::text, 'null'))
)
from (
    values (null::bytea), (''::bytea), (decode(repeat('ab', 31), 'hex')), (decode(repeat('ab', 33), 'hex'))
) as k (key);

-- ---- A lifetime ----

select pg_temp.make('life', '{}', 1200, 100000) \g /dev/null
select is(
    web.touch_session(pg_temp.key('life'), 7200),
    statement_timestamp() + interval '7200 s',
    'a new idle timeout is stored at once'
);
select is(
    web.touch_session(pg_temp.key('life'), p_expires_at => statement_timestamp() + interval '3 days'),
    statement_timestamp() + interval '3 days',
    'and so is an expiry at a point in time'
);
select is(
    web.touch_session(pg_temp.key('life'), p_absolute_timeout_seconds => 60),
    statement_timestamp() + interval '60 s',
    'and an absolute timeout'
);
select is(
    web.touch_session(pg_temp.key('life'), p_expires_at => statement_timestamp() - interval '1 s'),
    statement_timestamp() - interval '1 s',
    'an expiry in the past'
);
select is(web.touch_session(pg_temp.key('life'), 7200), null, 'ends the life of the session');
select throws_ok(
    format('select web.touch_session(pg_temp.key(%L), %s)', 'unknown', a.arguments),
    '22023',
    a.message,
    'refused: ' || a.arguments
)
from (
    values
    ('0', 'a timeout is at least one second'),
    ('34560001', 'a timeout of this store is at most 34560000 seconds'),
    ('60, p_expires_at => statement_timestamp()', 'a session has timeouts or an expiry at a point in time, not both')
) as a (arguments, message);

select * from finish();
rollback;
