-- The functions need one row of settings, one of prune_state, and 1024 of user_lock. All are plain tables of a trusted owner by
-- now, so that reading them runs no code of another role.
declare
    v_table text;
    v_has_row boolean;
begin
    foreach v_table in array array['settings', 'prune_state', 'user_lock']
    loop
        if v_catalog_before ? ('table ' || v_table) then
            -- An installer without the privilege cannot tell. Then the install looks, as the owner role.
            v_has_row := null;
            if has_schema_privilege(v_schema, 'USAGE')
                and has_table_privilege((select c.oid from pg_class as c where c.relnamespace = v_schema and c.relname = v_table), 'SELECT')
            then
                execute format('select count(*) >= $1 from %I.%I', p_schema, v_table)
                into v_has_row
                using case v_table when 'user_lock' then 1024 else 1 end;
            end if;
            if not v_has_row then
                v_other_changes := v_other_changes || jsonb_build_object('action', 'created', 'kind', 'row', 'object', v_table);
            end if;
            v_is_comparable := v_is_comparable and v_has_row is not null;
        end if;
    end loop;
end;
