-- count_sessions: connect-pg interface; how many sessions are live.
begin;
\ir ../lib/store.sql
select plan(7);
set local role nodepg;

select results_eq('select web.count_sessions()', 'values (0)', 'none at first: an integer');
select pg_temp.make('a', '{}', 1200) \g /dev/null
select web.set_session_data('b', '{}', statement_timestamp() + interval '600 s') \g /dev/null
select web.set_session_data('null', null, null) \g /dev/null
select is(web.count_sessions(), 3, 'sessions of either interface count');
select web.set_session_data('past', '{}', '-infinity') \g /dev/null
select web.end_session(pg_temp.key('unknown')) \g /dev/null
select is(web.count_sessions(), 3, 'expired ones and tombstones do not');
select web.destroy_session('null') \g /dev/null
select is(web.count_sessions(), 2, 'nor what was destroyed');
select pg_temp.pass('600 s') \g /dev/null
select is(web.count_sessions(), 1, 'nor what has expired meanwhile');
select pg_temp.pass('600 s') \g /dev/null
select is(web.count_sessions(), 0, 'until none is live');
select cmp_ok(pg_temp.rows(), '>=', 4::bigint, 'whether or not they were pruned');

select * from finish();
rollback;
