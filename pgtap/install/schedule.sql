-- The recorded schedule of the job that prunes: the setting connect_pg.schedule. session-admin makes the job.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(14);

create function pg_temp.recorded()
returns text
language sql
as $$
    select obj_description('web.prune_state'::regclass, 'pg_class');
$$;

select is(pg_temp.recorded(), 'The state of pruning, in one row. API: private', 'a new store has no schedule');
select is(pg_temp.asked('connect_pg.schedule', 'none'), '(nothing)', 'none: nothing to do');
select is(pg_temp.asked('connect_pg.schedule', '*/5 * * * *'), 'changed table prune_state comment', 'a schedule is recorded');
select is(pg_temp.recorded(), 'The state of pruning, in one row. Schedule: */5 * * * *. API: private', 'in the comment');
select is(pg_temp.asked('connect_pg.schedule', ''), '(nothing)', 'without the option it stays');
select is(pg_temp.asked('connect_pg.schedule', '0 3 * * 1-5'), 'changed table prune_state comment', 'another one');
select is(pg_temp.recorded(), 'The state of pruning, in one row. Schedule: 0 3 * * 1-5. API: private', 'takes its place');
select set_config('connect_pg.schedule', '', true) \g /dev/null
select pg_temp.repairs(
    $$ comment on table web.prune_state is 'The state of pruning, in one row. Schedule: . API: private' $$,
    'changed table prune_state comment',
    'a record without a schedule is removed'
);
select throws_ok($$ select pg_temp.asked('connect_pg.schedule', s.schedule) from (values ('* * * * *'' x')) as s (schedule) $$, '22023', null, 'a quote is refused');
select throws_ok($$ select pg_temp.asked('connect_pg.schedule', 'a. API: private') $$, '22023', null, 'a dot is refused');
select throws_ok($$ select pg_temp.asked('connect_pg.schedule', E'* * * * *\n') $$, '22023', null, 'a new line is refused');
select throws_ok($$ select pg_temp.asked('connect_pg.schedule', repeat('*', 101)) $$, '22023', null, 'more than 100 characters are refused');
select is(pg_temp.asked('connect_pg.schedule', 'none'), 'changed table prune_state comment', 'none removes it');
select is(pg_temp.recorded(), 'The state of pruning, in one row. API: private', 'and nothing is left of it');

select * from finish();
rollback;
