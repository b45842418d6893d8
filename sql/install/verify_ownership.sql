-- A role with CREATE on the schema may have created an object of one of our names since the first check, and "create or
-- replace" leaves it to that role.
declare
    v_object record;
    v_foreign_key record;
begin
    for v_object in
        select o.kind, o.name, pg_get_userbyid(o.owner) as owner
        from (
            --@ include store_objects.sql
        ) as o
        where o.is_ours
            and o.kind <> 'column'
            and pg_get_userbyid(o.owner) <> v_owner
    loop
        raise exception using
            errcode = 'insufficient_privilege',
            message = format('%s %s belongs to %s, which created it during this install', v_object.kind, v_object.name, v_object.owner),
            hint = format('Revoke CREATE on the schema from %s, drop the object, and run this again.', v_object.owner);
    end loop;

    -- A foreign key to these rows would make pruning fail always, and creating a session now and then.
    for v_foreign_key in
        select c.conname as name, c.conrelid::regclass as table_name, c.confrelid::regclass as referenced_table
        from pg_constraint as c
        join pg_class as t on t.oid = c.confrelid
        where c.contype = 'f'
            and t.relnamespace = v_schema
            and t.relname = any (v_tables)
    loop
        raise exception using
            errcode = 'dependent_objects_still_exist',
            message = format('the foreign key %s of table %s references %s, whose rows are deleted', v_foreign_key.name, v_foreign_key.table_name, v_foreign_key.referenced_table),
            hint = 'Drop the foreign key. Store the handle of a session in a column without one.';
    end loop;
end;
