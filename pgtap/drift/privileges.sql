-- Drift of privileges: missing ones, additional ones, and those that other roles granted.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(26);

-- Signatures as the report prints them.
create temporary table functions as
select replace(replace(p.oid::regprocedure::text, 'web.', ''), ',', ', ') as signature, has_function_privilege('nodepg', p.oid, 'EXECUTE') as is_runtime
from pg_proc as p
where p.pronamespace = 'web'::regnamespace;

select pg_temp.repairs(
    $$ revoke usage on schema web from nodepg $$,
    'created privilege USAGE on schema web to nodepg',
    'usage of the schema was revoked'
);
select pg_temp.repairs(
    $$ revoke execute on function web.load_session(bytea, boolean) from nodepg $$,
    'created privilege EXECUTE on function load_session(bytea, boolean) to nodepg',
    'a function was revoked'
);
select pg_temp.repairs(
    $$ revoke execute on all functions in schema web from nodepg $$,
    (select string_agg(format('created privilege EXECUTE on function %s to nodepg', f.signature), E'\n' order by f.signature) from functions as f where f.is_runtime),
    'all functions were revoked'
);
select pg_temp.repairs(
    $$ do $x$ begin execute format('revoke connect on database %I from public', current_database()); end $x$ $$,
    'created privilege CONNECT on database to nodepg',
    'CONNECT on the database was revoked from PUBLIC'
);
select pg_temp.repairs(
    $$ grant execute on function web.load_session(bytea, boolean) to public $$,
    'removed privilege EXECUTE on function load_session(bytea, boolean) to PUBLIC',
    'PUBLIC may call a function'
);
select pg_temp.repairs(
    $$ grant execute on function web.store_status() to public $$,
    'removed privilege EXECUTE on function store_status() to PUBLIC',
    'PUBLIC may call a private function'
);
select pg_temp.repairs(
    $$ grant usage on schema web to public $$,
    'removed privilege USAGE on schema web to PUBLIC',
    'PUBLIC may use the schema'
);
select pg_temp.repairs(
    $$ grant create on schema web to public $$,
    'removed privilege CREATE on schema web to PUBLIC',
    'PUBLIC may create in the schema'
);
select pg_temp.repairs(
    $$ grant select on web.session to public $$,
    'removed privilege SELECT on table session to PUBLIC',
    'PUBLIC may read the table'
);
select pg_temp.repairs(
    $$ grant select (data) on web.session to public $$,
    'removed privilege SELECT on column session.data to PUBLIC',
    'PUBLIC may read a column'
);
select pg_temp.repairs(
    $$ grant select on web.session to nodepg $$,
    'removed privilege SELECT on table session to nodepg',
    'the runtime role may read the table'
);
select pg_temp.repairs(
    $$ grant select, insert, update, delete, truncate, references, trigger on all tables in schema web to nodepg with grant option $$,
    $$removed privilege DELETE on table prune_state to nodepg
removed privilege DELETE on table session to nodepg
removed privilege DELETE on table settings to nodepg
removed privilege DELETE on table user_lock to nodepg
removed privilege INSERT on table prune_state to nodepg
removed privilege INSERT on table session to nodepg
removed privilege INSERT on table settings to nodepg
removed privilege INSERT on table user_lock to nodepg
removed privilege REFERENCES on table prune_state to nodepg
removed privilege REFERENCES on table session to nodepg
removed privilege REFERENCES on table settings to nodepg
removed privilege REFERENCES on table user_lock to nodepg
removed privilege SELECT on table prune_state to nodepg
removed privilege SELECT on table session to nodepg
removed privilege SELECT on table settings to nodepg
removed privilege SELECT on table user_lock to nodepg
removed privilege TRIGGER on table prune_state to nodepg
removed privilege TRIGGER on table session to nodepg
removed privilege TRIGGER on table settings to nodepg
removed privilege TRIGGER on table user_lock to nodepg
removed privilege TRUNCATE on table prune_state to nodepg
removed privilege TRUNCATE on table session to nodepg
removed privilege TRUNCATE on table settings to nodepg
removed privilege TRUNCATE on table user_lock to nodepg
removed privilege UPDATE on table prune_state to nodepg
removed privilege UPDATE on table session to nodepg
removed privilege UPDATE on table settings to nodepg
removed privilege UPDATE on table user_lock to nodepg$$,
    'the runtime role may do everything to every table'
);
select pg_temp.repairs(
    $$ grant update (expires_at) on web.session to nodepg $$,
    'removed privilege UPDATE on column session.expires_at to nodepg',
    'the runtime role may write a column'
);
select pg_temp.repairs(
    $$ grant execute on function web.slide_session(bytea) to nodepg $$,
    'removed privilege EXECUTE on function slide_session(bytea) to nodepg',
    'the runtime role may call a private function'
);
select pg_temp.repairs(
    $$
        grant execute on function web.load_session(bytea, boolean) to nodepg with grant option;
        grant usage on schema web to nodepg with grant option;
    $$,
    $$changed privilege EXECUTE on function load_session(bytea, boolean) to nodepg grant option: true -> false
changed privilege USAGE on schema web to nodepg grant option: true -> false$$,
    'the runtime role holds grant options'
);
select pg_temp.repairs(
    $$ do $x$ begin execute format('grant create, temporary on database %I to nodepg with grant option', current_database()); end $x$ $$,
    $$removed privilege CREATE on database to nodepg
removed privilege TEMPORARY on database to nodepg$$,
    'the runtime role may create in the database'
);
select pg_temp.repairs(
    $$
        create role pgtap_carol;
        grant select on web.session to pgtap_carol;
    $$,
    'removed privilege SELECT on table session to pgtap_carol',
    'another role may read the table'
);
select pg_temp.repairs(
    $$
        create role pgtap_carol;
        grant execute on function web.load_session(bytea, boolean) to pgtap_carol;
    $$,
    'removed privilege EXECUTE on function load_session(bytea, boolean) to pgtap_carol',
    'another role may call a function'
);
select pg_temp.repairs(
    $$
        create role pgtap_carol;
        create role pgtap_bob;
        grant usage on schema web to pgtap_carol;
        grant select on web.session to pgtap_carol with grant option;
        grant execute on function web.end_session(bytea) to pgtap_carol with grant option;
        set local role pgtap_carol;
        grant select on web.session to pgtap_bob;
        grant execute on function web.end_session(bytea) to public;
        reset role;
    $$,
    $$removed privilege EXECUTE on function end_session(bytea) to PUBLIC
removed privilege EXECUTE on function end_session(bytea) to pgtap_carol
removed privilege SELECT on table session to pgtap_bob
removed privilege SELECT on table session to pgtap_carol
removed privilege USAGE on schema web to pgtap_carol$$,
    'another role granted further what it held'
);
select pg_temp.repairs(
    $$
        create role pgtap_carol;
        create role pgtap_eve;
        grant usage, create on schema web to pgtap_carol;
        grant select (key, data) on web.session to pgtap_carol with grant option;
        set local role pgtap_carol;
        grant select (data) on web.session to pgtap_eve;
        reset role;
    $$,
    $$removed privilege CREATE on schema web to pgtap_carol
removed privilege SELECT on column session.data to pgtap_carol
removed privilege SELECT on column session.data to pgtap_eve
removed privilege SELECT on column session.key to pgtap_carol
removed privilege USAGE on schema web to pgtap_carol$$,
    'another role granted a column further'
);
select pg_temp.repairs(
    $$
        create role pgtap_carol;
        create role pgtap_eve;
        grant usage, create on schema web to pgtap_carol;
        grant select on web.session to pgtap_carol with grant option;
        set local role pgtap_carol;
        grant select (data) on web.session to pgtap_eve;
        reset role;
    $$,
    $$removed privilege CREATE on schema web to pgtap_carol
removed privilege SELECT on column session.data to pgtap_eve
removed privilege SELECT on table session to pgtap_carol
removed privilege USAGE on schema web to pgtap_carol$$,
    'another role granted a column of a table further'
);
select pg_temp.repairs(
    $$
        create role pgtap_carol;
        alter default privileges grant select on tables to pgtap_carol;
        alter default privileges for role nodepg_owner grant select on tables to pgtap_carol;
        alter default privileges for role nodepg_owner grant execute on functions to pgtap_carol;
        drop table web.prune_state;
        drop function web.end_session(bytea);
    $$,
    $$created column prune_state.last_pruned_at
created column prune_state.only_row
created column prune_state.resume_from
created constraint prune_state.prune_state_only_row
created constraint prune_state.prune_state_pkey
created function end_session(bytea)
created privilege EXECUTE on function end_session(bytea) to nodepg
created table prune_state$$,
    'default privileges grant to another role'
);
select pg_temp.repairs(
    $$
        create role pgtap_carol;
        grant usage on type web.session to public;
        grant usage on type web.settings to pgtap_carol;
    $$,
    $$removed privilege USAGE on type session to PUBLIC
removed privilege USAGE on type settings to pgtap_carol$$,
    'other roles may use the row type of a table'
);

-- ---- An installer that is no superuser: the owner of the database ----

select pg_temp.repairs(
    $$
        create role pgtap_installer createrole;
        do $x$ begin execute format('alter database %I owner to pgtap_installer', current_database()); end $x$;
    $$,
    $$created privilege EXECUTE on function missing_rows() to pgtap_installer
created privilege USAGE on schema web to pgtap_installer$$,
    'a role that can install owns the database'
);
select is(
    pg_temp.repaired($$
        create role pgtap_owner;
        do $x$ begin execute format('alter database %I owner to pgtap_owner', current_database()); end $x$;
    $$),
    '(nothing)',
    'a role that cannot install gets no privilege with the database'
);
select pg_temp.repairs(
    $$
        create role pgtap_installer createrole;
        grant usage on schema web to pgtap_installer;
        grant execute on function web.missing_rows(), web.load_session(bytea, boolean) to pgtap_installer;
    $$,
    $$removed privilege EXECUTE on function load_session(bytea, boolean) to pgtap_installer
removed privilege EXECUTE on function missing_rows() to pgtap_installer
removed privilege USAGE on schema web to pgtap_installer$$,
    'nor does a role with CREATEROLE that does not own it'
);

select * from finish();
rollback;
