-- The routine that creates, repairs and upgrades a store. bin/compose-sql fills in the parts that the lines with --@ name and
-- writes the result to sql/released/. Read from top to bottom: names, roles, owners, tables, types, functions, privileges.
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
-- What the catalog prints is compared with text below: nothing the caller has set may change how it prints.
set quote_all_identifiers = off
set standard_conforming_strings = on
as $correct_web$
#variable_conflict use_column
declare
    v_owner constant text := p_role || '_owner';
    v_prefix constant text := format('%I.', coalesce(p_schema, ''));
    v_is_superuser constant boolean := (select r.rolsuper from pg_roles as r where r.rolname = current_user);
    v_saved_role constant text := current_setting('role');
    v_took_membership boolean := false;
    v_before jsonb;
    v_after jsonb;
    v_found record;
    v_declared record;
    v_schema oid;
    v_table regclass;
    v_columns text[] := '{}';
    v_constraints text[] := '{}';
    v_function text[];
    v_text text;
    v_rows bigint;
    v_is_clean boolean;
    v_is_original boolean := false;
    v_tables constant text[] := array['session', 'settings', 'prune_state'];
    v_types constant text[] := array['loaded_session', 'saved_session'];
    -- What the runtime role may call. All else is for the owner role and for those who look after the store.
    v_runtime_functions constant text[] := array[
        --@ runtime-functions
    ];
    -- Each function as four texts: the declaration up to its body, the body, the signature, the comment.
    v_functions constant text[] := array[
        --@ functions
    ];
    v_signatures constant text[] := (select array_agg(f.text order by f.i) from unnest(v_functions) with ordinality as f (text, i) where f.i % 4 = 3);
begin
    --@ include check_caller.sql

    --@ include catalog_snapshot.sql into v_before

    --@ include roles.sql

    --@ include ownership.sql

    --@ include upgrade_1_1_5_schema.sql

    perform set_config('role', v_owner, true);

    --@ include tables.sql

    --@ include types.sql

    --@ include functions.sql

    --@ include upgrade_1_1_5_sessions.sql

    --@ include verify_ownership.sql

    --@ include privileges.sql

    --@ include catalog_snapshot.sql into v_after

    --@ include report.sql
end;
$correct_web$;

comment on function public.correct_web(pg_catalog.text, pg_catalog.text) is
'Create, repair or upgrade the session store of this schema and its runtime role; one row for each thing that was changed, none when all was right. Release --@ release. API: public';

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
'correct_web for the schema web and the role nodepg. API: public';

revoke all on function public.correct_web(pg_catalog.text, pg_catalog.text), public.correct_web() from public;

--@ include check_existing_routine.sql
