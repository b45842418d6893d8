-- The runtime role holds USAGE on the schema and EXECUTE on its functions. An installer that is no superuser holds USAGE, and
-- EXECUTE on missing_rows(). pg_monitor holds the same and EXECUTE on store_status(). Every other privilege of other roles on the
-- store is revoked, on columns, on row types (a column of such a type prevents changes) and by other grantors too.
declare
    v_grant record;
    v_is_clean boolean;
    v_object record;
begin
    -- Revoking one grant may leave others behind that depend on it, so look again.
    for v_round in 1..3 loop
        v_is_clean := true;
        for v_grant in
            with store_object as (
                --@ include store_objects.sql
            ),
            store_grant as (
                --@ include store_grants.sql
            )
            select
                case g.kind when 'column' then 'table' else g.kind end as kind,
                g.name,
                g.column_name,
                g.grantor = g.owner as is_by_owner,
                pg_get_userbyid(g.grantor) as grantor,
                g.grantee
            from store_grant as g
            where g.is_of_store
                and g.kind <> 'database'
                and not g.is_declared
        loop
            v_is_clean := false;
            if v_grant.column_name is not null and not v_grant.is_by_owner and v_round > 1 then
                -- Only its grantor can revoke a grant on a column, so that role owns the table for one statement. No
                -- other session sees that.
                perform set_config('role', v_caller_role, true);
                execute format('alter table %s owner to %I', v_grant.name, v_grant.grantor);
                execute format('revoke all (%s) on table %s from %s cascade', v_grant.column_name, v_grant.name, v_grant.grantee);
                execute format('alter table %s owner to %I', v_grant.name, v_owner);
                perform set_config('role', v_owner, true);
            else
                execute format(
                    'revoke all %son %s %s from %s cascade',
                    '(' || v_grant.column_name || ') ',
                    v_grant.kind,
                    v_grant.name,
                    v_grant.grantee
                );
            end if;
        end loop;
        exit when v_is_clean;
    end loop;
    if not v_is_clean then
        raise exception using
            errcode = 'insufficient_privilege',
            message = format('%s keeps a privilege on %s that could not be revoked', v_grant.grantee, v_grant.name),
            hint = format('As a superuser, revoke what role %s has granted on it.', v_grant.grantor);
    end if;

    for v_object in
        with store_object as (
            --@ include store_objects.sql
        ),
        store_grant as (
            --@ include store_grants.sql
        )
        select o.kind, o.name, w.privilege, w.grantee
        from store_object as o
        cross join lateral (
            values
            (o.runtime_privilege, p_role),
            (o.installer_privilege, v_installer),
            (o.monitor_privilege, 'pg_monitor')
        ) as w (privilege, grantee)
        where w.privilege is not null
            and w.grantee is not null
            and not exists (
                select
                from store_grant as g
                where g.kind = o.kind
                    and g.name = o.name
                    and g.is_declared
                    and g.grantee = quote_ident(w.grantee)
            )
    loop
        execute format('grant %s on %s %s to %I', v_object.privilege, v_object.kind, v_object.name, v_object.grantee);
    end loop;
end;
