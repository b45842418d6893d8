-- Objects of an untrusted role are refused: its functions, triggers and index expressions would run with the rights of
-- the next caller. Objects of the installer or a superuser (after a restore without the roles) go to the owner role.
declare
    v_object record;
begin
    if not exists (select from pg_namespace as n where n.nspname = p_schema) then
        execute format('create schema %I authorization %I', p_schema, v_owner);
    end if;
    v_schema := (select n.oid from pg_namespace as n where n.nspname = p_schema);

    for v_object in
        select o.kind, o.name, o.is_ours, r.rolname as owner, r.rolsuper or r.rolname = current_user as is_trusted
        from (
            --@ include store_objects.sql
        ) as o
        join pg_roles as r on r.oid = o.owner
        where o.kind <> 'column'
            and r.rolname <> v_owner
        order by array_position(array['schema', 'table', 'type', 'routine'], o.kind), o.name
    loop
        if not v_object.is_trusted then
            raise exception using
                errcode = 'insufficient_privilege',
                message = format('%s %s belongs to %s', v_object.kind, v_object.name, v_object.owner),
                detail = 'The owner of a part of the store can read every session, and can act with the rights of its callers.',
                hint = 'Choose another schema. Or find out where it comes from, drop it, and run this again.';
        end if;
        -- Other objects of the schema keep their owner.
        if v_object.is_ours then
            execute format('alter %s %s owner to %I', v_object.kind, v_object.name, v_owner);
        end if;
    end loop;

    -- An owner can lose privileges on its own objects, even the one to read them.
    for v_object in
        select o.kind, o.name
        from (
            --@ include store_objects.sql
        ) as o
        where o.is_ours
            and exists (
                select x.privilege_type from aclexplode(o.default_acl) as x where x.grantee = o.owner
                except
                select x.privilege_type from aclexplode(o.acl) as x where x.grantee = o.owner
            )
    loop
        execute format('grant all on %s %s to %I', v_object.kind, v_object.name, v_owner);
    end loop;
end;
