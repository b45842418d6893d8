-- The routine that creates, repairs and upgrades a session store. This file holds the order of the steps; each step is a
-- file of sql/install/ with variables of its own. bin/compose-sql fills in the lines that begin with --@.
--
-- Release --@ release

--@ include check_existing_routine.sql

create or replace function public.correct_web(
    p_schema pg_catalog.text,
    p_role pg_catalog.text
)
returns table (
    action pg_catalog.text,
    kind pg_catalog.text,
    object pg_catalog.text,
    attribute pg_catalog.text,
    before pg_catalog.text,
    after pg_catalog.text
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
-- Text from the catalog is compared with text below, so the settings of the caller must not change how it is printed.
set quote_all_identifiers = off
set standard_conforming_strings = on
set lock_timeout = '200ms'
as $correct_web$
#variable_conflict use_column
declare
    v_owner constant text := p_role || '_owner';
    v_prefix constant text := format('%I.', coalesce(p_schema, ''));
    -- The owner of the database, if that role can install without being a superuser.
    v_installer constant name := (
        select r.rolname
        from pg_database as d
        join pg_roles as r on r.oid = d.datdba
        where d.datname = current_database()
            and r.rolcreaterole
            and not r.rolsuper
    );
    v_tables constant text[] := array['session', 'settings', 'prune_state', 'user_lock'];
    v_types constant text[] := array['loaded_session', 'saved_session', 'created_session', 'loaded_sessions', 'saved_sessions'];
    -- One row a function: folder of sql/web/, name, declaration up to the body, body, signature, comment.
    v_functions constant text[] := array[
        --@ functions
    ];
    v_function_names constant text[] := (
        select array_agg(v_functions[i][2])
        from generate_subscripts(v_functions, 1) as i
    );
    v_runtime_functions constant text[] := (
        select array_agg(v_functions[i][2])
        from generate_subscripts(v_functions, 1) as i
        where v_functions[i][1] in ('api', 'compat')
    );

    v_step text;
    -- What one step finds and later steps need.
    v_caller_role constant text := current_setting('role');
    v_took_membership boolean := false;
    v_schema oid;
    v_is_upgrade boolean := false;
    v_durability text;
    v_schedule text;
    v_is_comparable boolean;
    v_catalog jsonb;
    v_catalog_before jsonb;
    v_catalog_after jsonb;
    -- Rows of the report that are about more than the catalog of the store: what catalog_snapshot.sql cannot see.
    v_other_changes jsonb := jsonb '[]';
    v_report jsonb;
begin
    --@ step check_caller.sql

    --@ step durability.sql

    --@ step schedule.sql

    -- The comparison reads the catalog and writes nothing. src/install/comparison.rs runs the text up to its last line alone,
    -- for a check.
    --@ step catalog_snapshot.sql
    v_catalog_before := v_catalog;

    --@ step verify_roles.sql

    --@ step verify_owners.sql

    -- What an upgrade of connect-pg 1.1.5 does is not predicted.
    v_is_comparable := not exists (
        select
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid
        join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = p_schema
            and c.relname = 'session'
            and a.attname = 'sess_id'
            and not a.attisdropped
    );
    if v_is_comparable then
        --@ step verify_tables.sql

        --@ step verify_column_types.sql

        --@ step verify_foreign_keys.sql

        --@ step expected_snapshot.sql

        --@ step compare_rows.sql

        --@ step report.sql
    end if;
    -- End of the comparison.

    if v_is_comparable and v_report = '[]' then
        return;
    end if;

    --@ step wait_for_other_installs.sql

    --@ step durability.sql

    --@ step schedule.sql

    --@ step catalog_snapshot.sql
    v_catalog_before := v_catalog;
    v_other_changes := '[]';

    -- No request waits for a role, but an install in another database may be at work on it.
    perform set_config('lock_timeout', '10s', true);
    --@ step create_roles.sql

    --@ step verify_roles.sql

    --@ step roles.sql

    --@ step lock_timeout.sql

    --@ step ownership.sql

    --@ step upgrade_1_1_5_schema.sql

    -- From here on the owner role does the work: code that another role has left in the schema never runs as a superuser.
    perform set_config('role', v_owner, true);

    --@ step tables.sql

    --@ step columns.sql

    --@ step storage.sql

    --@ step constraints.sql

    --@ step indexes.sql

    --@ step rows.sql

    --@ step types.sql

    --@ step functions.sql

    --@ step upgrade_1_1_5_sessions.sql

    --@ step verify_ownership.sql

    --@ step verify_foreign_keys.sql

    --@ step privileges.sql

    perform set_config('role', v_caller_role, true);

    --@ step database_privileges.sql

    --@ step catalog_snapshot.sql
    v_catalog_after := v_catalog;

    --@ step report.sql
    return query
    select c.value ->> 'action', c.value ->> 'kind', c.value ->> 'object', c.value ->> 'attribute', c.value ->> 'before', c.value ->> 'after'
    from jsonb_array_elements(v_report) with ordinality as c (value, position)
    order by c.position;
exception
    --@ include name_step.sql
end;
$correct_web$;

comment on function public.correct_web(pg_catalog.text, pg_catalog.text) is
'Creates, repairs or upgrades the session store of this schema and its runtime role. Returns one row for each change, none when nothing had to change. Release --@ release. API: public';

create or replace function public.correct_web()
returns table (
    action pg_catalog.text,
    kind pg_catalog.text,
    object pg_catalog.text,
    attribute pg_catalog.text,
    before pg_catalog.text,
    after pg_catalog.text
)
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $function$
    select c.action, c.kind, c.object, c.attribute, c.before, c.after
    from public.correct_web('web', 'nodepg') as c;
$function$;

comment on function public.correct_web() is
'Calls correct_web for the schema web and the role nodepg. API: public';

revoke all on function public.correct_web(pg_catalog.text, pg_catalog.text), public.correct_web() from public;

-- Again: another session may have created one in between.
--@ include check_existing_routine.sql
