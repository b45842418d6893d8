-- Rules of the tables. Which tables there are, and their storage options: schema_snapshot.sql.
begin;
\ir ../lib/store.sql
select plan(8);

select is_empty(
    $$
        select c.relname, c.relkind
        from pg_class as c
        where c.relnamespace = 'web'::regnamespace
            and c.relkind not in ('r', 'i', 'c')
    $$,
    'the schema has no views, sequences or foreign tables'
);
select is_empty(
    $$
        select t.typname
        from pg_type as t
        where t.typnamespace = 'web'::regnamespace
            and t.typrelid = 0
            and t.typelem = 0
    $$,
    'the schema has no types but row types'
);
select is_empty(
    $$
        select c.relname
        from pg_class as c
        join pg_am as am on am.oid = c.relam
        where c.relnamespace = 'web'::regnamespace
            and c.relkind = 'r'
            and (c.relpersistence <> 'p' or c.relrowsecurity or c.relforcerowsecurity or c.relispartition or c.relhassubclass or am.amname <> 'heap')
    $$,
    'every table is a plain, logged heap without row security'
);
select is_empty(
    $$
        select c.relname
        from pg_class as c
        where c.relnamespace = 'web'::regnamespace
            and c.relkind = 'r'
            and coalesce(obj_description(c.oid, 'pg_class'), '') !~ '^[A-Z].*\. API: private$'
    $$,
    'every table has a comment that says that it is private'
);

-- ---- Nothing but the functions acts on the rows ----

select is_empty($$ select tgname from pg_trigger as t join pg_class as c on c.oid = t.tgrelid where c.relnamespace = 'web'::regnamespace $$, 'no table has a trigger');
select is_empty($$ select rulename from pg_rewrite as r join pg_class as c on c.oid = r.ev_class where c.relnamespace = 'web'::regnamespace $$, 'no table has a rule');
select is_empty($$ select polname from pg_policy as p join pg_class as c on c.oid = p.polrelid where c.relnamespace = 'web'::regnamespace $$, 'no table has a policy');
select is_empty($$ select inhrelid from pg_inherits as i join pg_class as c on c.oid in (i.inhrelid, i.inhparent) where c.relnamespace = 'web'::regnamespace $$, 'no table inherits');

select * from finish();
rollback;
