-- Rules of the indexes. Which indexes there are: schema_snapshot.sql.
begin;
\ir ../lib/store.sql
select plan(3);

select is_empty(
    $$
        select i.indexrelid::regclass
        from pg_index as i
        join pg_class as c on c.oid = i.indrelid
        where c.relnamespace = 'web'::regnamespace
            and not (i.indisvalid and i.indisready and i.indislive and i.indimmediate)
    $$,
    'every index is valid, ready and immediate'
);
select is_empty(
    $$
        select i.indexrelid::regclass, a.attname
        from pg_index as i
        join pg_depend as d on d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid
        join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = d.refobjsubid
        where i.indrelid = 'web.session'::regclass
            and a.attname in ('expires_at', 'slide_at', 'last_used_at', 'version', 'data', 'ended_at', 'ended_reason', 'successor', 'grace_until', 'client_address', 'user_agent', 'label')
    $$,
    'no index covers a column that a slide, a save or an end changes, so that these are heap-only'
);
select is(
    (
        select count(*)
        from pg_index as i
        join pg_depend as d on d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid
        join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = d.refobjsubid
        where i.indrelid = 'web.session'::regclass
            and a.attname in ('prune_after', 'handle')
    ),
    2::bigint,
    'the query above finds indexed columns'
);

select * from finish();
rollback;
