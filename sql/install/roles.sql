-- A role is altered only where it differs, since two alterations at once fail ("tuple concurrently updated").
declare
    v_role record;
    v_existing record;
    v_corrections text;
    v_setting record;
    v_group name;
begin
    for v_role in
        select r.name, r.can_login
        from (
            values
            (p_role, true),
            (v_owner, false)
        ) as r (name, can_login)
    loop
        select r.* into v_existing from pg_roles as r where r.rolname = v_role.name;
        v_corrections := concat_ws(
            ' ',
            case when v_existing.rolcanlogin <> v_role.can_login then case when v_role.can_login then 'login' else 'nologin' end end,
            case when v_existing.rolcreatedb then 'nocreatedb' end,
            case when v_existing.rolcreaterole then 'nocreaterole' end,
            case when v_existing.rolreplication then 'noreplication' end,
            case when v_existing.rolbypassrls then 'nobypassrls' end
        );
        if v_corrections <> '' then
            execute format('alter role %I %s', v_role.name, v_corrections);
        end if;

        for v_setting in
            select split_part(c.setting, '=', 1) as name, b.datname as database
            from pg_db_role_setting as d
            cross join unnest(d.setconfig) as c (setting)
            left join pg_database as b on b.oid = d.setdatabase
            where d.setrole = (select r.oid from pg_roles as r where r.rolname = v_role.name)
                and (d.setdatabase = 0 or b.datname = current_database())
                and not (
                    --@ include is_kept_setting.sql
                )
        loop
            begin
                execute format(
                    'alter role %I %sreset %I',
                    v_role.name,
                    'in database ' || quote_ident(v_setting.database) || ' ',
                    v_setting.name
                );
            exception
                -- Only a superuser may reset what a superuser has set. Check reports it.
                when insufficient_privilege or undefined_object then
                    null;
            end;
        end loop;

        -- A cached plan must not read the whole table because it was made while the table was small. A plan with a disabled
        -- scan would then be compiled, which costs more than it does. A limit for waits that the operator has set stays.
        for v_setting in
            select d.name, d.value
            from (
                values
                ('enable_seqscan', 'off', true),
                ('jit', 'off', true),
                ('lock_timeout', '10s', false),
                -- Commits of the role do not wait for the disk. The functions that end a session make theirs wait.
                (case when v_durability = 'relaxed' then 'synchronous_commit' end, 'off', true)
            ) as d (name, value, is_fixed)
            where v_role.name = p_role
                and d.name is not null
                and not exists (
                    select
                    from pg_db_role_setting as s
                    cross join unnest(s.setconfig) as c (setting)
                    where s.setrole = (select r.oid from pg_roles as r where r.rolname = p_role)
                        and case
                            when d.is_fixed then
                                c.setting = d.name || '=' || d.value
                                and s.setdatabase = (select b.oid from pg_database as b where b.datname = current_database())
                            else
                                split_part(c.setting, '=', 1) = d.name
                                and s.setdatabase in (0, (select b.oid from pg_database as b where b.datname = current_database()))
                        end
                )
        loop
            execute format('alter role %I in database %I set %I = %L', p_role, current_database(), v_setting.name, v_setting.value);
        end loop;

        -- A membership would give privileges beside the list.
        for v_group in
            select distinct g.rolname
            from pg_auth_members as m
            join pg_roles as g on g.oid = m.roleid
            where m.member = (select r.oid from pg_roles as r where r.rolname = v_role.name)
        loop
            execute format('revoke %I from %I', v_group, v_role.name);
        end loop;
    end loop;

    -- The owner role does most of the work. An installer that is no superuser becomes its member for this transaction.
    if not (select r.rolsuper from pg_roles as r where r.rolname = current_user)
        and not pg_has_role(current_user, v_owner, case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end)
    then
        execute format('grant %I to %I', v_owner, current_user);
        v_took_membership := true;
    end if;
end;
