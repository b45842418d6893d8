-- Included by bin/lib/schema-snapshot and by tests of correct_web(): what its comparison finds, without the work that follows.

-- Runs the comparison of public.correct_web() as src/install/comparison.rs does, and returns one of its variables.
create function pg_temp.compared(p_schema text, p_role text, p_variable text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
set standard_conforming_strings = on
as $function$
declare
    v_comparison constant text := (
        select split_part(p.prosrc, '    -- End of the comparison.', 1)
        from pg_proc as p
        where p.oid = 'public.correct_web(text, text)'::regprocedure
    );
begin
    execute format(
        'do %L',
        regexp_replace(
            v_comparison,
            'declare',
            replace(format(E'declare\n    p_schema constant text := %L;\n    p_role constant text := %L;', p_schema, p_role), '\', '\\')
        ) || format('perform set_config(''connect_pg.compared'', %s::text, true); end;', p_variable)
    );
    return current_setting('connect_pg.compared')::jsonb;
end;
$function$;
