-- What no repair can turn into a table of the store.
declare
    v_relation regclass;
begin
    v_schema := (select n.oid from pg_namespace as n where n.nspname = p_schema);
    for v_relation in
        select c.oid
        from pg_class as c
        where c.relnamespace = v_schema
            and c.relname = any (v_tables)
            and (c.relkind <> 'r' or exists (select from pg_inherits as i where c.oid in (i.inhrelid, i.inhparent)))
    loop
        raise exception using
            errcode = 'wrong_object_type',
            message = format('%s is not a plain table', v_relation),
            hint = 'Partitions, inheritance and views are not supported. Choose another schema, or drop it and run this again.';
    end loop;
end;
