-- The runtime role holds USAGE on the schema and EXECUTE on its functions. Every other privilege of every other role on
-- the store is revoked, on columns and by other grantors too. Only differences are touched.
declare
    v_grant record;
    v_is_clean boolean;
    v_object record;
begin
    -- Revoking one grant may leave others behind that depend on it, so look again.
    for v_round in 1..3 loop
        v_is_clean := true;
        for v_grant in
            select
                case o.kind when 'column' then 'table' else o.kind end as kind,
                o.name,
                o.column_name,
                x.grantor = o.owner as is_by_owner,
                pg_get_userbyid(x.grantor) as grantor,
                case when x.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end as grantee
            from (
                --@ include store_objects.sql
            ) as o
            cross join aclexplode(o.acl) as x
            where o.is_ours
                and x.grantee <> o.owner
                and not (
                    x.privilege_type is not distinct from o.runtime_privilege
                    and x.grantee = (select r.oid from pg_roles as r where r.rolname = p_role)
                    and x.grantor = o.owner
                    and not x.is_grantable
                )
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

    -- A table's row type has privileges of its own. A column of that type in a table of another role would prevent changes of the
    -- table here.
    for v_grant in
        select
            t.oid::regtype::text as name,
            case when x.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end as grantee
        from pg_class as c
        join pg_type as t on t.oid = c.reltype
        cross join aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) as x
        where c.relnamespace = v_schema
            and c.relname = any (v_tables)
            and x.grantee <> t.typowner
    loop
        execute format('revoke all on type %s from %s cascade', v_grant.name, v_grant.grantee);
    end loop;

    for v_object in
        select o.kind, o.name, o.runtime_privilege
        from (
            --@ include store_objects.sql
        ) as o
        where o.runtime_privilege is not null
            and not exists (
                select
                from aclexplode(o.acl) as x
                where x.privilege_type = o.runtime_privilege
                    and x.grantee = (select r.oid from pg_roles as r where r.rolname = p_role)
            )
    loop
        execute format('grant %s on %s %s to %I', v_object.runtime_privilege, v_object.kind, v_object.name, p_role);
    end loop;
end;
