-- Rules of the columns. Which columns there are, their types and defaults: schema_snapshot.sql.
begin;
\ir ../lib/store.sql
select plan(2);

select is_empty(
    $$
        select c.relname, a.attname
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = 'web'::regnamespace
            and c.relkind = 'r'
            and a.attnum > 0
            and not a.attisdropped
            and (a.attidentity <> '' or a.attgenerated <> '' or a.attislocal is not true or a.attinhcount <> 0)
    $$,
    'no column is generated, an identity or inherited'
);
select is_empty(
    $$
        select c.relname, a.attname
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = 'web'::regnamespace
            and c.relkind = 'r'
            and a.attnum > 0
            and not a.attisdropped
            and coalesce(col_description(a.attrelid, a.attnum), '') !~ '^[A-Za-z].*\.$'
    $$,
    'every column has a comment'
);

select * from finish();
rollback;
