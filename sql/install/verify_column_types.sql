-- The check of a domain would run with every insert.
declare
    v_column record;
begin
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
