-- Rules of the indexes. Which indexes there are: schema_snapshot.sql.
begin;
\ir ../lib/store.sql
select plan(5);

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
            and a.attname in ('expires_at', 'slide_at', 'last_used_at', 'version', 'data')
    $$,
    'no index covers a column that a slide or a save changes, so that these are heap-only'
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

-- ---- Left to session-admin, which builds them beside requests ----

select web.set_session_data('a', '{}', null) \g /dev/null
drop index web.session_user_id, web.session_handle;
create index session_handle on web.session (handle);
set local connect_pg.postpone_indexes = on;
select results_eq(
    'select c.action, c.kind, c.object, c.attribute, c.before, c.after from public.correct_web() as c',
    $$
        values
        ('postponed', 'index', 'session_user_id', 'definition', null, 'CREATE INDEX session_user_id ON web.session USING btree (user_id) WHERE ((user_id IS NOT NULL) AND (ended_at IS NULL))'),
        ('postponed', 'index', 'session_handle', 'definition', 'CREATE INDEX session_handle ON web.session USING btree (handle)', 'CREATE UNIQUE INDEX session_handle ON web.session USING btree (handle)')
    $$,
    'an index of a table with rows is postponed on demand'
);
truncate web.session;
select results_eq(
    $$ select c.action, c.object, c.attribute from public.correct_web() as c $$,
    $$ values ('changed', 'session_handle', 'definition'), ('created', 'session_user_id', null) $$,
    'an index of an empty table is not'
);

select * from finish();
rollback;
