-- What no repair can turn into a table of the store.
declare
    v_table regclass;
    v_column record;
begin
    v_schema := (select n.oid from pg_namespace as n where n.nspname = p_schema);
    for v_table in
        select c.oid
        from pg_class as c
        where c.relnamespace = v_schema
            and c.relname = any (v_tables)
            and (c.relkind <> 'r' or exists (select from pg_inherits as i where c.oid in (i.inhrelid, i.inhparent)))
    loop
        raise exception using
            errcode = 'wrong_object_type',
            message = format('%s is not a plain table', v_table),
            hint = 'Partitions, inheritance and views are not supported. Choose another schema, or drop it and run this again.';
    end loop;

    -- The check of a domain would run with every insert.
    for v_column in
        select c.oid::regclass as table_name, a.attname as name, format_type(a.atttypid, a.atttypmod) as type
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        join pg_type as t on t.oid = a.atttypid
        where c.relnamespace = v_schema
            and c.relname = any (v_tables)
            and not a.attisdropped
            and t.typnamespace <> 'pg_catalog'::regnamespace
    loop
        raise exception using
            errcode = 'datatype_mismatch',
            message = format('column %I of %s has the type %s, which is not one of PostgreSQL', v_column.name, v_column.table_name, v_column.type),
            hint = 'Drop the column or the table, and run this again.';
    end loop;
end;
