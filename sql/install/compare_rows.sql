-- The rows that the functions need. The function that looks runs as the owner role, even if it is not as declared. Where it cannot
-- work, the catalog differs, and the install looks.
declare
    v_missing text[];
begin
    if exists (
        select
        from pg_proc as p
        join pg_roles as r on r.oid = p.proowner
        where p.pronamespace = v_schema
            and p.proname = 'missing_rows'
            and p.pronargs = 0
            and p.prorettype = 'text[]'::regtype
            and p.prosecdef
            and r.rolname = v_owner
            and has_schema_privilege(r.oid, v_schema, 'USAGE')
            and (
                select count(*)
                from pg_class as c
                where c.relnamespace = v_schema
                    and c.relname in ('settings', 'prune_state', 'user_lock')
                    and has_table_privilege(r.oid, c.oid, 'SELECT')
            ) = 3
    ) then
        -- A caller without the privilege cannot tell.
        v_is_comparable := has_schema_privilege(v_schema, 'USAGE')
            and has_function_privilege(format('%I.missing_rows()', p_schema), 'EXECUTE');
        if v_is_comparable then
            execute format('select %I.missing_rows()', p_schema) into v_missing;
            v_other_changes := v_other_changes || (
                select coalesce(jsonb_agg(jsonb_build_object('action', 'created', 'kind', 'row', 'object', m.name)), '[]')
                from unnest(v_missing) as m (name)
            );
        end if;
    end if;
end;
