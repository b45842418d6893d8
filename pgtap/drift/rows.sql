-- Drift of the rows that the functions need.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(4);

select pg_temp.repairs(
    $$ delete from web.settings $$,
    'created row settings',
    'the row of settings was deleted'
);
select pg_temp.repairs(
    $$ delete from web.prune_state $$,
    'created row prune_state',
    'the row of prune_state was deleted'
);
select pg_temp.repairs(
    $$ delete from web.user_lock where bucket > 1000 $$,
    'created row user_lock',
    'rows of user_lock were deleted'
);
select is(
    pg_temp.repaired($$ delete from web.settings; drop function web.missing_rows() $$),
    $$created function missing_rows()
created privilege EXECUTE on function missing_rows() to pg_monitor
created row settings
FORETOLD: created function missing_rows()
created privilege EXECUTE on function missing_rows() to pg_monitor$$,
    'a row and the function that looks for it are gone'
);

select * from finish();
rollback;
