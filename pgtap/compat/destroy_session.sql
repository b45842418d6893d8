-- destroy_session: connect-pg interface; ends a session by the id itself.
begin;
\ir ../lib/store.sql
select plan(15);
set local role nodepg;

select web.set_session_data('a', '{"n":1}', null) \g /dev/null
select results_eq(
    $$ select pg_typeof(web.destroy_session('a'))::text $$,
    $$ values ('void'::text) $$,
    'it returns nothing'
);
select is_empty($$ select * from web.get_session_data('a') $$, 'the session is gone');
select results_eq(
    $$ select expires_at, data, ended_at is not null from pg_temp.stored('a') $$,
    $$ values ('-infinity'::timestamptz, null::text, true) $$,
    'its tombstone is not'
);
select lives_ok($$ select web.destroy_session(sessid => 'a') $$, 'destroyed twice: nothing happens');
select web.set_session_data('a', '{"late":1}', now() + interval '1 day') \g /dev/null
select is_empty($$ select * from web.get_session_data('a') $$, 'a set after the destroy does not bring it back');

select lives_ok($$ select web.destroy_session('unknown') $$, 'an unknown id: nothing happens');
select web.set_session_data('unknown', '{"first":1}', now() + interval '1 day') \g /dev/null
select is_empty($$ select * from web.get_session_data('unknown') $$, 'but that a first save, under way by then, does not bring it up');

select pg_temp.make('native', '{"n":1}') \g /dev/null
select web.destroy_session('native') \g /dev/null
select is_empty($$ select * from web.load_session(pg_temp.key('native')) $$, 'it ends sessions of the native interface as well');

select is(pg_temp.rows(), 3::bigint, 'three rows by now');
select lives_ok($$ select web.destroy_session(null) $$, 'null: nothing happens');
select is(pg_temp.rows(), 3::bigint, 'at all');
select lives_ok($$ select web.destroy_session('') $$, 'the empty text is an id like any other');
select is(pg_temp.rows(), 4::bigint, 'which leaves a tombstone');
select lives_ok(format('select web.destroy_session(%L)', repeat('é', 100000)), 'a long id is no problem');

-- Untyped parameters, as a driver sends them.
prepare untyped as select web.destroy_session($1);
select web.set_session_data('typed', '{"n":1}', null) \g /dev/null
execute untyped('typed') \g /dev/null
select is_empty($$ select * from web.get_session_data('typed') $$, 'an untyped parameter resolves');

select * from finish();
rollback;
