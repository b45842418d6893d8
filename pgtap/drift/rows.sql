-- Drift of the rows that the functions need.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(2);

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

select * from finish();
rollback;
