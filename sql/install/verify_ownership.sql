-- Since the first check, a role with CREATE on the schema may have created an object of a name of the store. "create or
-- replace" does not change its owner.
declare
    v_object record;
begin
    for v_object in
        select o.kind, o.name, pg_get_userbyid(o.owner) as owner
        from (
            --@ include store_objects.sql
        ) as o
        where o.is_of_store
            and o.kind <> 'column'
            and pg_get_userbyid(o.owner) <> v_owner
    loop
        raise exception using
            errcode = 'insufficient_privilege',
            message = format('%s %s belongs to %s, which created it during this install', v_object.kind, v_object.name, v_object.owner),
            hint = format('Revoke CREATE on the schema from %s, drop the object, and run this again.', v_object.owner);
    end loop;
end;
