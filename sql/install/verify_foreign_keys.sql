-- Looked at again after the work, since another session can add one.
declare
    v_foreign_key record;
begin
    -- A foreign key to these rows would make pruning fail always, and creating a session now and then.
    for v_foreign_key in
        select c.conname as name, c.conrelid::regclass as table_name, c.confrelid::regclass as referenced_table
        from pg_constraint as c
        join pg_class as t on t.oid = c.confrelid
        where c.contype = 'f'
            and t.relnamespace = (select n.oid from pg_namespace as n where n.nspname = p_schema)
            and t.relname = any (v_tables)
            -- One of the store's own tables is an additional constraint.
            and not exists (
                select
                from pg_class as o
                where o.oid = c.conrelid
                    and o.relnamespace = t.relnamespace
                    and o.relname = any (v_tables)
            )
    loop
        raise exception using
            errcode = 'dependent_objects_still_exist',
            message = format('the foreign key %s of table %s references %s, whose rows are deleted', v_foreign_key.name, v_foreign_key.table_name, v_foreign_key.referenced_table),
            hint = 'Drop the foreign key. Store the handle of a session in a column without one.';
    end loop;
end;
