-- write_slide: the update of a due slide. What it writes, and when: slide_session.sql.
begin;
\ir ../lib/store.sql
select plan(4);
set local role nodepg_owner;

select pg_temp.make('s', '{"n":1}', 1200, 10000) \g /dev/null
select pg_temp.pass('60 s') \g /dev/null
create temporary table counted as select pg_temp.access('updated') as updated, pg_temp.access('hot') as hot;
select web.load_session(pg_temp.key('s')) \g /dev/null
select results_eq(
    $$ select pg_temp.access('updated') - updated, pg_temp.access('hot') - hot from counted $$,
    $$ values (1::bigint, 1::bigint) $$,
    'load of a due session: one update, heap-only'
);
select is(
    (select s.xmin::text from web.session as s where s.key = pg_temp.key('s')),
    (pg_current_xact_id()::xid)::text,
    'it takes the transaction id of its caller, and none for a subtransaction'
);
select lives_ok($$ select web.write_slide(pg_temp.key('unknown')) $$, 'unknown key: no effect');
select lives_ok($$ select web.write_slide(null) $$, 'key null: no effect');

select * from finish();
rollback;
