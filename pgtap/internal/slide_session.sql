-- slide_session: the one place where a due slide is written. Private: called here as the owner of the store.
begin;
\ir ../lib/store.sql
select plan(20);
set local role nodepg_owner;

create function pg_temp.slides(id text)
returns boolean
language plpgsql
as $$
declare
    v_was constant text := pg_temp.place(id);
begin
    perform web.slide_session(pg_temp.key(id));
    return v_was is distinct from pg_temp.place(id);
end;
$$;

-- ---- When it writes ----

select pg_temp.make('s', '{"n":1}', 1200, 10000) \g /dev/null
select is(pg_temp.slides('s'), false, 'nothing is written for a new session');
select pg_temp.pass('55 s') \g /dev/null
select is(pg_temp.slides('s'), false, 'nor before the slide is due');
select pg_temp.pass('5 s') \g /dev/null
select is(pg_temp.slides('s'), true, 'when it is due it is written');
select results_eq(
    $$ select expires_at - last_used_at, slide_at - last_used_at, last_used_at - created_at > interval '60 s', version, prune_after - created_at, data from pg_temp.stored('s') $$,
    $$ values (interval '1200 s', interval '60 s', true, 1::bigint, interval '1200 s', '{"n":1}'::text) $$,
    'expiry, next slide and last use move; version, prune_after and data do not'
);
select is(pg_temp.slides('s'), false, 'and it is not due again at once');

-- ---- What does not come back ----

select pg_temp.make('expired', '{}', 10) \g /dev/null
select pg_temp.make('ended') \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null
select pg_temp.pass('10 s') \g /dev/null
select is(pg_temp.slides('expired'), false, 'an expired session stays expired');
select is(pg_temp.slides('ended'), false, 'an ended session stays ended');
select is(pg_temp.slides('unknown'), false, 'an unknown key is no error');
select lives_ok($$ select web.slide_session(null) $$, 'nor is a null one');
select is(pg_temp.rows(), 3::bigint, 'no row comes of it');

-- ---- The limits of an expiry ----

select pg_temp.make('limit', '{}', 1200, 1300) \g /dev/null
select pg_temp.pass('1000 s') \g /dev/null
select is(pg_temp.slides('limit'), true, 'a slide near the absolute timeout');
select results_eq(
    $$ select expires_at - created_at, slide_at <= expires_at from pg_temp.stored('limit') $$,
    $$ values (interval '1300 s', true) $$,
    'goes to it and no further'
);
select pg_temp.pass('299 s') \g /dev/null
select is(pg_temp.slides('limit'), true, 'in the last second of a session as well');
select is((select slide_at = expires_at from pg_temp.stored('limit')), true, 'where the next slide is due at the end of its life');

update web.session
set expires_at = created_at + interval '5000 s', slide_at = created_at
where key = pg_temp.key('s');
select is(pg_temp.slides('s'), true, 'a session whose expiry lies beyond its idle timeout slides');
select results_eq(
    $$ select expires_at - created_at from pg_temp.stored('s') $$,
    $$ values (interval '5000 s') $$,
    'and loses nothing: a slide never shortens'
);
update web.session
set expires_at = absolute_expires_at + interval '1 day', slide_at = created_at
where key = pg_temp.key('s');
select web.slide_session(pg_temp.key('s')) \g /dev/null
select is((select expires_at = absolute_expires_at from pg_temp.stored('s')), true, 'but never beyond the absolute timeout, even from there');

-- ---- Heap-only ----

update web.session set slide_at = '-infinity' where key = pg_temp.key('s');
create temporary table counted as select pg_temp.access('updated') as updated, pg_temp.access('hot') as hot;
select web.slide_session(pg_temp.key('s')) \g /dev/null
select results_eq(
    $$ select pg_temp.access('updated') - updated, pg_temp.access('hot') - hot from counted $$,
    $$ values (1::bigint, 1::bigint) $$,
    'one update, and that heap-only'
);

-- ---- In a read-only transaction ----

update web.session set slide_at = '-infinity' where key = pg_temp.key('s');
\set ON_ERROR_ROLLBACK off
savepoint writing;
set transaction read only;
select 'nothing happened' as read_only from web.slide_session(pg_temp.key('s')) \gset
rollback to writing;
\set ON_ERROR_ROLLBACK on
select is(:'read_only'::text, 'nothing happened', 'in a read-only transaction it is left for later, without an error');
select is((select slide_at from pg_temp.stored('s')), '-infinity', 'and it stays due');

select * from finish();
rollback;
