-- save_session_slow: what save_session leaves to it. What callers see of it: save_session.sql.
begin;
\ir ../lib/store.sql
select plan(10);
set local role nodepg_owner;

select pg_temp.make('a', '{"n":1}', 1200, 100000) \g /dev/null
select results_eq(
    $$ select outcome, version from web.save_session_slow(pg_temp.key('a'), '{"n":2}', 1) $$,
    $$ values ('saved'::text, 2::bigint) $$,
    'a session whose slide is not due is saved as well'
);
select pg_temp.pass('61 s') \g /dev/null
select results_eq(
    $$ select outcome, version, expires_at from web.save_session_slow(pg_temp.key('a'), '{"n":3}', null) $$,
    $$ values ('saved'::text, 3::bigint, statement_timestamp() + interval '1200 s') $$,
    'where it is due it is written too'
);
select results_eq(
    $$ select outcome, version from web.save_session_slow(pg_temp.key('a'), '{"n":4}', 2) $$,
    $$ values ('conflict'::text, 3::bigint) $$,
    'another version: conflict'
);
select results_eq(
    $$ select outcome, version from web.save_session_slow(pg_temp.key('a'), '{"n":3}', 2) $$,
    $$ values ('same'::text, 3::bigint) $$,
    'but equal data: same'
);
select results_eq(
    $$ select outcome, version, expires_at from web.save_session_slow(pg_temp.key('unknown'), '{}', null) $$,
    $$ values ('gone'::text, null::bigint, null::timestamptz) $$,
    'an unknown key: gone'
);
select throws_ok(
    format('select web.save_session_slow(%L, %L, null)', k, '{}'),
    '22023',
    'a session key has 32 bytes',
    format('a key of %s bytes is refused', coalesce(octet_length(k)::text, 'null'))
)
from unnest(array[null, ''::bytea, decode(repeat('ab', 33), 'hex')]) as k;
select throws_ok($$ select web.save_session_slow(pg_temp.key('a'), null, null) $$, '22004', 'session data must not be null', 'so is null');
select throws_ok(
    format('select web.save_session_slow(pg_temp.key(%L), repeat(%L, 1048577), null)', 'a', 'x'),
    '54000',
    'session data has 1048577 bytes; the limit of this store is 1048576',
    'and more than max_data_bytes'
);

select * from finish();
rollback;
