-- The routine that creates, repairs and upgrades a store. bin/compose-sql fills in the parts that the lines with --@ name and
-- writes the result to sql/released/. Read from top to bottom: names, roles, owners, tables, types, functions, privileges.
--
-- Release --@ release

--@ include guard.sql

create or replace function public.correct_web(
    p_schema pg_catalog.text,
    p_role pg_catalog.text
)
returns table (
    change pg_catalog.text,
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
        'set_session_data',
        'get_session_data',
        'destroy_session',
        'count_sessions',
        'clear_sessions',
        'create_session',
        'load_session',
        'save_session',
        'touch_session',
        'end_session',
        'prune_sessions',
        'rotate_session',
        'login_session',
        'logout_session',
        'session_info',
        'lock_session',
        'user_sessions',
        'end_user_session',
        'end_user_sessions',
        'notify_channel'
    ];
    -- Each function as four texts: the declaration up to its body, the body, the signature, the comment.
    v_functions constant text[] := array[
        --@ function refuse_without_settings.sql
        --@ function refuse_serializable.sql
        --@ function refuse_key.sql
        --@ function require_data_fits.sql
        --@ function slide_seconds.sql
        --@ function slide_session.sql
        --@ function announce_end.sql
        --@ function bury.sql
        --@ function lock_user.sql
        --@ function make_room.sql
        --@ function carry_pruning.sql
        --@ function move_session.sql
        --@ function create_session.sql
        --@ function load_due_session.sql
        --@ function load_session.sql
        --@ function save_due_session.sql
        --@ function save_session.sql
        --@ function touch_session.sql
        --@ function end_session.sql
        --@ function rotate_session.sql
        --@ function login_session.sql
        --@ function logout_session.sql
        --@ function session_info.sql
        --@ function lock_session.sql
        --@ function user_sessions.sql
        --@ function end_user_session.sql
        --@ function end_user_sessions.sql
        --@ function end_all_sessions.sql
        --@ function end_handle.sql
        --@ function notify_channel.sql
        --@ function prune_sessions.sql
        --@ function set_session_data.sql
        --@ function get_session_data.sql
        --@ function destroy_session.sql
        --@ function count_sessions.sql
        --@ function clear_sessions.sql
        --@ function store_status.sql
        --@ function export_sessions.sql
        --@ function import_sessions.sql
    ];
    v_signatures constant text[] := (select array_agg(f.text order by f.i) from unnest(v_functions) with ordinality as f (text, i) where f.i % 4 = 3);
begin
    --@ include names.sql

    --@ include snapshot.sql into v_before

    --@ include roles.sql

    --@ include owners.sql

    --@ include originals.sql

    perform set_config('role', v_owner, true);

    --@ include tables.sql

    --@ include types.sql

    --@ include functions.sql

    --@ include original_sessions.sql

    --@ include strangers.sql

    --@ include privileges.sql

    --@ include snapshot.sql into v_after

    --@ include report.sql
end;
$correct_web$;

comment on function public.correct_web(pg_catalog.text, pg_catalog.text) is
'Create, repair or upgrade the session store of this schema and its runtime role; one row for each thing that was changed, none when all was right. Release --@ release. API: public';

create or replace function public.correct_web()
returns table (
    change pg_catalog.text,
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
    select c.change, c.kind, c.object, c.attribute, c.before, c.after
    from public.correct_web('web', 'nodepg') as c;
$function$;

comment on function public.correct_web() is
'correct_web for the schema web and the role nodepg. API: public';

revoke all on function public.correct_web(pg_catalog.text, pg_catalog.text), public.correct_web() from public;

--@ include guard.sql
