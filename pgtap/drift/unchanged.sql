-- Drift of nothing: a correct store is left alone, and so is what is not part of it.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(6);

select is(pg_temp.correction(), null, 'a correct store is reported with no row');
select is_empty(
    $$
        select l.relation::regclass, l.mode
        from pg_locks as l
        join pg_class as c on c.oid = l.relation
        where l.pid = pg_backend_pid()
            and c.relnamespace = 'web'::regnamespace
            and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    $$,
    'a correct store is not locked against writers'
);

-- ---- Not a part of the store ----

select is(
    pg_temp.repaired($$ create table web.additional (x integer) $$),
    '(nothing)',
    'another table in the schema is left alone'
);
select is(
    pg_temp.repaired($$ create function web.additional() returns integer language sql as 'select 1' $$),
    '(nothing)',
    'another function in the schema is left alone'
);
select is(
    pg_temp.repaired($$
        alter role nodepg set statement_timeout = '5s';
        update web.settings set idle_timeout_seconds = 60;
    $$),
    '(nothing)',
    'settings of the operator are left alone'
);
select is(
    pg_temp.repaired($$ alter table web.session add column additional text $$),
    '(nothing)',
    'an additional column is left alone'
);

select * from finish();
rollback;
