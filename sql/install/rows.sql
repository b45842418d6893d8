-- The functions need one row of settings, one of prune_state, and the rows of user_lock.
declare
    v_table text;
    v_inserted bigint;
begin
    foreach v_table in array array['settings', 'prune_state']
    loop
        execute format(
            'insert into %1$I.%2$I (only_row) select true where not exists (select from %1$I.%2$I)',
            p_schema,
            v_table
        );
        get diagnostics v_inserted = row_count;
        -- The row of a new table is not reported: the table is.
        if v_inserted > 0 and v_catalog_before ? ('table ' || v_table) then
            v_other_changes := v_other_changes || jsonb_build_object('action', 'created', 'kind', 'row', 'object', v_table);
        end if;
    end loop;

    execute format(
        'insert into %1$I.user_lock (bucket)
        select b.bucket
        from generate_series(0, 1023) as b (bucket)
        where not exists (select from %1$I.user_lock as l where l.bucket = b.bucket)',
        p_schema
    );
    get diagnostics v_inserted = row_count;
    if v_inserted > 0 and v_catalog_before ? 'table user_lock' then
        v_other_changes := v_other_changes || jsonb_build_object('action', 'created', 'kind', 'row', 'object', 'user_lock');
    end if;
end;
