-- The runtime role may connect to the database, and needs nothing else on it. The installer gives the membership in the
-- owner role back.
declare
    v_privilege text;
begin
    for v_privilege in
        select x.privilege_type
        from pg_database as d
        cross join aclexplode(d.datacl) as x
        where d.datname = current_database()
            and x.grantee = (select r.oid from pg_roles as r where r.rolname = p_role)
            and (x.privilege_type <> 'CONNECT' or x.is_grantable)
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
