-- The runtime role may connect to the database, and needs nothing else on it. The installer gives the membership in the
-- owner role back.
declare
    v_privilege text;
begin
    for v_privilege in
        with store_object as (
            --@ include store_objects.sql
        ),
        store_grant as (
            --@ include store_grants.sql
        )
        select g.privilege_type
        from store_grant as g
        where g.kind = 'database'
            and not g.is_declared
    loop
        execute format('revoke %s on database %I from %I cascade', v_privilege, current_database(), p_role);
    end loop;
    if not has_database_privilege(p_role, current_database(), 'CONNECT') then
        execute format('grant connect on database %I to %I', current_database(), p_role);
    end if;

    if v_took_membership then
        execute format('revoke %I from %I', v_owner, current_user);
    end if;
end;
