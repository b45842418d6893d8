-- load_session_slow: what load_session leaves to it. What callers see of it: load_session.sql and rotate_session.sql.
begin;
\ir ../lib/store.sql
select plan(12);
set local role nodepg_owner;

select pg_temp.make('a', '{"n":1}', 1200, 100000) \g /dev/null
select results_eq(
    format('select data from web.load_session_slow(pg_temp.key(%L), %s)', 'a', s),
    $$ values ('{"n":1}'::text) $$,
    format('a session whose slide is not due loads as well, slide %s', s)
)
from unnest(array['true', 'false', 'null']) as s;
select pg_temp.pass('61 s') \g /dev/null
select pg_temp.place('a') as place \gset
select isnt_empty($$ select * from web.load_session_slow(pg_temp.key('a'), false) $$, 'without a slide');
select is(pg_temp.place('a'), :'place', 'nothing is written');
select results_eq(
    $$ select expires_at from web.load_session_slow(pg_temp.key('a'), true) $$,
    $$ values (statement_timestamp() + interval '1200 s') $$,
    'with one the expiry moves'
);
select web.rotate_session(pg_temp.key('a'), pg_temp.key('b'), 10) \g /dev/null
select is((select data from web.load_session_slow(pg_temp.key('a'), true)), '{"n":1}', 'an old key in its grace loads the session');
select pg_temp.pass('10 s') \g /dev/null
select is_empty($$ select * from web.load_session_slow(pg_temp.key('a'), true) $$, 'and after it none');
select is_empty($$ select * from web.load_session_slow(pg_temp.key('unknown'), true) $$, 'nor does an unknown key');
select throws_ok(
    format('select web.load_session_slow(%L, false)', k),
    '22023',
    'a session key has 32 bytes',
    format('a key of %s bytes is refused', coalesce(octet_length(k)::text, 'null'))
)
from unnest(array[null, ''::bytea, decode(repeat('ab', 33), 'hex')]) as k;

select * from finish();
rollback;
