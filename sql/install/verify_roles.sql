-- Roles that cannot be restricted to the store are refused.
declare
    v_role record;
begin
    for v_role in
        select r.*
        from pg_roles as r
        where r.rolname in (p_role, v_owner)
        order by r.rolname <> p_role
    loop
        if v_role.rolsuper or v_role.rolname in (current_user, session_user)
            or v_role.oid = (select d.datdba from pg_database as d where d.datname = current_database())
        then
            raise exception using
                errcode = 'insufficient_privilege',
                message = format('role %s cannot be restricted to the session functions: it is a superuser, the owner of the database, or the current role', v_role.rolname),
                hint = 'Choose another name for the role. A role that does not exist is created.';
        end if;
        -- The owner role of another store, for one. A large object or a temporary table is harmless: any role may have them.
        if v_role.rolname = p_role and exists (
            select
            from pg_shdepend as s
            where s.refclassid = 'pg_authid'::regclass
                and s.refobjid = v_role.oid
                and s.deptype = 'o'
                and s.dbid = (select d.oid from pg_database as d where d.datname = current_database())
                and (
                    s.classid in ('pg_proc'::regclass, 'pg_namespace'::regclass)
                    and not exists (select from pg_namespace as n where n.oid = s.objid and n.nspname ~ '^pg_(toast_)?temp_')
                    and not exists (
                        select
                        from pg_proc as p
                        join pg_namespace as n on n.oid = p.pronamespace
                        where p.oid = s.objid
                            and n.nspname ~ '^pg_temp_'
                    )
                    or s.classid = 'pg_class'::regclass
                    and exists (select from pg_class as c where c.oid = s.objid and c.relpersistence <> 't')
                )
        ) then
            raise exception using
                errcode = 'insufficient_privilege',
                message = format('role %s cannot be restricted to the session functions: it owns objects in this database', v_role.rolname),
                hint = 'Choose another name for the role; a role that does not exist is created. Or give its objects to another role (reassign owned).';
        end if;
        -- A role that can log in is in use, and would lose its login in every database of the cluster.
        if v_role.rolname = v_owner
            and v_role.rolcanlogin
            and not exists (select from pg_namespace as n where n.nspname = p_schema and n.nspowner = v_role.oid)
        then
            raise exception using
                errcode = 'duplicate_object',
                message = format('role %s exists and can log in, so it is not the owner role of a store', v_owner),
                hint = 'Choose another name for the role; its owner role is named after it.';
        end if;
    end loop;
end;
