-- Roles. They are per cluster and the lock above is per database, so another database may create them at this very
-- moment: both errors of that race are caught. A role is altered only where it differs, since two alterations at
-- once fail ("tuple concurrently updated"). No password is set: nobody logs in until somebody sets one.
for v_declared in
    select d.name, d.can_login
    from (values (p_role, true), (v_owner, false)) as d (name, can_login)
loop
    if not exists (select from pg_roles as r where r.rolname = v_declared.name) then
        begin
            execute format('create role %I %s', v_declared.name, case when v_declared.can_login then 'login' else 'nologin' end);
        exception
            when duplicate_object or unique_violation then
                null;
        end;
    end if;

    select r.* into v_found from pg_roles as r where r.rolname = v_declared.name;
    if v_found.rolsuper or v_found.rolname in (current_user, session_user)
        or v_found.oid = (select d.datdba from pg_database as d where d.datname = current_database())
    then
        raise exception using
            errcode = 'insufficient_privilege',
            message = format('role %s is a superuser, the owner of the database, or you: it cannot be kept to the session functions', v_declared.name),
            hint = 'Choose another name for the role; it is created for you.';
    end if;
    -- Nor can a role that owns something here: the owner role of another store, above all.
    if v_declared.name = p_role and exists (
        select
        from pg_shdepend as s
        where s.refclassid = 'pg_authid'::regclass
            and s.refobjid = v_found.oid
            and s.deptype = 'o'
            and s.dbid = (select d.oid from pg_database as d where d.datname = current_database())
            -- what any role may have whom nobody gave anything, large objects or temporary tables, is no danger
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
            message = format('role %s owns something in this database: it cannot be kept to the session functions', v_declared.name),
            hint = 'Choose another name for the role; it is created for you. Or find what it owns, and give that to somebody else.';
    end if;

    -- An owner role never logs in. One that does was somebody's before, and would lose that everywhere in the cluster.
    if v_declared.name = v_owner
        and v_found.rolcanlogin
        and not exists (select from pg_namespace as n where n.nspname = p_schema and n.nspowner = v_found.oid)
    then
        raise exception using
            errcode = 'duplicate_object',
            message = format('role %s exists and can log in: it belongs to somebody else', v_owner),
            hint = 'Choose another name for the role; its owner is named after it.';
    end if;

    v_text := concat_ws(
        ' ',
        case when v_found.rolcanlogin <> v_declared.can_login then case when v_declared.can_login then 'login' else 'nologin' end end,
        case when v_found.rolcreatedb then 'nocreatedb' end,
        case when v_found.rolcreaterole then 'nocreaterole' end,
        case when v_found.rolreplication then 'noreplication' end,
        case when v_found.rolbypassrls then 'nobypassrls' end
    );
    if v_text <> '' then
        execute format('alter role %I %s', v_declared.name, v_text);
    end if;

    -- Settings that lead elsewhere. Others, a statement_timeout say, are the operator's own business.
    for v_found in
        select split_part(c.setting, '=', 1) as name, b.datname
        from pg_db_role_setting as d
        cross join unnest(d.setconfig) as c (setting)
        left join pg_database as b on b.oid = d.setdatabase
        where d.setrole = (select r.oid from pg_roles as r where r.rolname = v_declared.name)
            and (d.setdatabase = 0 or b.datname = current_database())
            and split_part(c.setting, '=', 1) in ('role', 'search_path', 'local_preload_libraries', 'session_preload_libraries')
    loop
        execute format(
            'alter role %I %sreset %I',
            v_declared.name,
            'in database ' || quote_ident(v_found.datname) || ' ',
            v_found.name
        );
    end loop;

    -- Neither may be a member of anything: membership is a second door.
    for v_found in
        select distinct g.rolname
        from pg_auth_members as m
        join pg_roles as g on g.oid = m.roleid
        where m.member = (select r.oid from pg_roles as r where r.rolname = v_declared.name)
    loop
        execute format('revoke %I from %I', v_found.rolname, v_declared.name);
    end loop;
end loop;

-- From here on the owner role does the work, so that nothing which lies about in the schema ever runs as a superuser.
-- An installer that is no superuser must be a member for that: for this transaction only, and only if it is not one.
if not v_is_superuser
    and not pg_has_role(current_user, v_owner, case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end)
then
    execute format('grant %I to %I', v_owner, current_user);
    v_took_membership := true;
end if;
