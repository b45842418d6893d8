-- Drift of owners and of the privileges that owners have.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(10);

-- Signatures as the report prints them.
create temporary table functions as
select replace(replace(p.oid::regprocedure::text, 'web.', ''), ',', ', ') as signature, has_function_privilege('nodepg', p.oid, 'EXECUTE') as is_runtime
from pg_proc as p
where p.pronamespace = 'web'::regnamespace;

select pg_temp.repairs(
    $$ alter function web.count_sessions() owner to current_user $$,
    $$changed function count_sessions() owner: SUPERUSER -> nodepg_owner
changed privilege EXECUTE on function count_sessions() to nodepg granted by: SUPERUSER -> nodepg_owner$$,
    'the owner of a function was changed'
);
select pg_temp.repairs(
    $$ alter table web.session owner to current_user $$,
    'changed table session owner: SUPERUSER -> nodepg_owner',
    'the owner of a table was changed'
);
select pg_temp.repairs(
    $$ revoke select on web.session from nodepg_owner $$,
    'changed table session privileges of the owner',
    'the owner may not read the table'
);
select pg_temp.repairs(
    $$ revoke all on all tables in schema web from nodepg_owner $$,
    $$changed table prune_state privileges of the owner
changed table session privileges of the owner
changed table settings privileges of the owner
changed table user_lock privileges of the owner$$,
    'the owner has no privilege on the tables'
);
select pg_temp.repairs(
    $$ revoke all on schema web from nodepg_owner $$,
    'changed schema web privileges of the owner',
    'the owner may not use the schema'
);
select pg_temp.repairs(
    $$ revoke execute on function web.slide_session(bytea) from nodepg_owner $$,
    'changed function slide_session(bytea) privileges of the owner',
    'the owner may not call a function'
);
select pg_temp.repairs(
    $$ alter schema web owner to current_user $$,
    $$changed privilege USAGE on schema web to nodepg granted by: SUPERUSER -> nodepg_owner
changed privilege USAGE on schema web to pg_monitor granted by: SUPERUSER -> nodepg_owner
changed schema web owner: SUPERUSER -> nodepg_owner$$,
    'the owner of the schema was changed'
);
select pg_temp.repairs(
    $$ do $x$ declare v record; begin alter schema web owner to current_user; for v in select c.oid::regclass as name from pg_class as c where c.relnamespace = 'web'::regnamespace and c.relkind = 'r' loop execute format('alter table %s owner to current_user', v.name); end loop; for v in select p.oid::regprocedure as name from pg_proc as p where p.pronamespace = 'web'::regnamespace loop execute format('alter function %s owner to current_user', v.name); execute format('grant execute on function %s to public', v.name); end loop; end $x$ $$,
    (
        select string_agg(r.line, E'\n' order by r.line collate "C")
        from (
            select format('changed function %s owner: SUPERUSER -> nodepg_owner', f.signature) from functions as f
            union all
            select format('changed privilege EXECUTE on function %s to nodepg granted by: SUPERUSER -> nodepg_owner', f.signature) from functions as f where f.is_runtime
            union all
            select format('removed privilege EXECUTE on function %s to PUBLIC', f.signature) from functions as f
            union all
            values
            ('changed privilege EXECUTE on function missing_rows() to pg_monitor granted by: SUPERUSER -> nodepg_owner'),
            ('changed privilege EXECUTE on function store_status() to pg_monitor granted by: SUPERUSER -> nodepg_owner'),
            ('changed privilege USAGE on schema web to nodepg granted by: SUPERUSER -> nodepg_owner'),
            ('changed privilege USAGE on schema web to pg_monitor granted by: SUPERUSER -> nodepg_owner'),
            ('changed schema web owner: SUPERUSER -> nodepg_owner'),
            ('changed table prune_state owner: SUPERUSER -> nodepg_owner'),
            ('changed table session owner: SUPERUSER -> nodepg_owner'),
            ('changed table settings owner: SUPERUSER -> nodepg_owner'),
            ('changed table user_lock owner: SUPERUSER -> nodepg_owner')
        ) as r (line)
    ),
    'everything belongs to a superuser, and PUBLIC may call it'
);
select pg_temp.repairs(
    $$ alter type web.saved_session owner to current_user $$,
    'changed type saved_session owner: SUPERUSER -> nodepg_owner',
    'the owner of a row type was changed'
);
select pg_temp.repairs(
    $$ revoke all on type web.loaded_session from nodepg_owner $$,
    'changed type loaded_session privileges of the owner',
    'the owner may not use a row type'
);

select * from finish();
rollback;
