-- Objects of an untrusted role are refused: its functions, triggers and index expressions would run with the rights of
-- the next caller.
declare
    v_foreign record;
begin
    for v_foreign in
        select o.kind, o.name, r.rolname as owner
        from (
            --@ include store_objects.sql
        ) as o
        join pg_roles as r on r.oid = o.owner
        where o.kind <> 'column'
            and r.rolname not in (v_owner, current_user)
            and not r.rolsuper
        order by array_position(array['schema', 'table', 'type', 'routine'], o.kind), o.name
    loop
        raise exception using
            errcode = 'insufficient_privilege',
            message = format('%s %s belongs to %s', v_foreign.kind, v_foreign.name, v_foreign.owner),
            detail = 'The owner of a part of the store can read every session, and can act with the rights of its callers.',
            hint = 'Choose another schema. Or find out where it comes from, drop it, and run this again.';
    end loop;
end;
