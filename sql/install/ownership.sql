-- Objects of the installer or a superuser (after a restore without the roles) go to the owner role.
declare
    v_object record;
begin
    if not exists (select from pg_namespace as n where n.nspname = p_schema) then
        execute format('create schema %I authorization %I', p_schema, v_owner);
    end if;
    v_schema := (select n.oid from pg_namespace as n where n.nspname = p_schema);

    -- Again: another session may have created one since.
    --@ include verify_owners.sql

    -- Other objects of the schema keep their owner.
    for v_object in
        select o.kind, o.name
        from (
            --@ include store_objects.sql
        ) as o
        where o.is_of_store
            and o.kind <> 'column'
            and pg_get_userbyid(o.owner) <> v_owner
        order by array_position(array['schema', 'table', 'type', 'routine'], o.kind), o.name
    loop
        execute format('alter %s %s owner to %I', v_object.kind, v_object.name, v_owner);
    end loop;

    -- An owner can lose privileges on its own objects, even the one to read them.
    for v_object in
        select o.kind, o.name
        from (
            --@ include store_objects.sql
        ) as o
        where o.is_of_store
            and o.kind <> 'column'
            and o.owner_privileges is distinct from o.all_owner_privileges
    loop
        execute format('grant all on %s %s to %I', v_object.kind, v_object.name, v_owner);
    end loop;
end;
