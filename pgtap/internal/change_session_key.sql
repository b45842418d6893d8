-- change_session_key: the one place where a session changes its key. What callers see of it: rotate_session.sql and its neighbours.
begin;
\ir ../lib/store.sql
select plan(16);
set local role nodepg_owner;

select pg_temp.make('a', '{"n":1}', 1200) \g /dev/null
select is((web.change_session_key(pg_temp.key('a'), pg_temp.key('b'), 'rotate', 30)).outcome, 'rotated', 'rotated');
select results_eq(
    $$ select s.data, o.successor, o.grace_until - o.ended_at, o.ended_reason from pg_temp.stored('b') as s cross join pg_temp.stored('a') as o $$,
    $$ values ('{"n":1}'::text, pg_temp.key('b'), interval '30 s', 'rotated'::text) $$,
    'the row has the new key, and a tombstone under the old one points to it'
);
create temporary table counted as select pg_temp.access('updated') as updated;
select is((web.change_session_key(pg_temp.key('a'), pg_temp.key('b'), 'rotate', 60)).outcome, 'rotated', 'rotated, when it was done before');
select is((web.change_session_key(pg_temp.key('a'), pg_temp.key('c'), 'rotate', 0)).outcome, 'gone', 'gone: the old key has another successor');
select is((web.change_session_key(pg_temp.key('unknown'), pg_temp.key('c'), 'rotate', 0)).outcome, 'gone', 'gone: an unknown key');
select is((select pg_temp.access('updated') - updated from counted), 0::bigint, 'and nothing was written');
select pg_temp.make('d') \g /dev/null
select is((web.change_session_key(pg_temp.key('b'), pg_temp.key('d'), 'rotate', 0)).outcome, 'exists', 'exists: the new key is in use');
select is((web.change_session_key(pg_temp.key('b'), pg_temp.key('a'), 'rotate', 0)).outcome, 'exists', 'be it by the tombstone of an earlier key: no circle');
select is((select data from web.load_session(pg_temp.key('b'))), '{"n":1}', 'the session is as it was');

-- Once the tombstone has been pruned the key might be drawn again, were there no chance in it; still no circle.
delete from web.session where key = pg_temp.key('a');
select is((web.change_session_key(pg_temp.key('b'), pg_temp.key('a'), 'rotate', 60)).outcome, 'rotated', 'back to a key that was forgotten');
select is((select data from web.load_session(pg_temp.key('b'))), '{"n":1}', 'which loads by the way of the other');
select is(web.end_session(pg_temp.key('b')), true, 'and ends');
select is(web.end_session(pg_temp.key('a')), false, '(once)');

-- Out of a transaction that goes on after 'exists': nothing is half done.
select pg_temp.make('e', '{"n":5}') \g /dev/null
select is((web.change_session_key(pg_temp.key('e'), pg_temp.key('d'), 'rotate', 0)).outcome, 'exists', 'exists, again');
select is((web.change_session_key(pg_temp.key('e'), pg_temp.key('f'), 'rotate', 0)).outcome, 'rotated', 'and with another key it works');
select is((select data from web.load_session(pg_temp.key('f'))), '{"n":5}', '(it loads)');

select * from finish();
rollback;
