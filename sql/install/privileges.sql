-- Privileges: the complete list. Whatever else anybody has on the schema, the tables, the types or the functions is revoked, columns
-- and grants made by third parties included. Only what differs from the list is touched.
for v_round in 1..3 loop
    v_is_clean := true;
    for v_found in
        select
            a.object_type,
            a.object,
            a.column_name,
            a.grantor = a.owner as is_granted_by_owner,
            pg_get_userbyid(a.grantor) as grantor,
            case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as grantee
        from (
            select 'schema' as object_type, quote_ident(n.nspname) as object, null::text as column_name, n.nspowner as owner, x.*,
                x.privilege_type = 'USAGE' as is_listed
            from pg_namespace as n
            cross join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as x
            where n.oid = v_schema
            union all
            select 'table', c.oid::regclass::text, null, c.relowner, x.*, false
            from pg_class as c
            cross join aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as x
            where c.relnamespace = v_schema
                and c.relname = any (v_tables)
            union all
            select 'table', c.oid::regclass::text, a.attname, c.relowner, x.*, false
            from pg_class as c
            join pg_attribute as a on a.attrelid = c.oid
            cross join aclexplode(a.attacl) as x
            where c.relnamespace = v_schema
                and c.relname = any (v_tables)
            union all
            -- nor the use that everybody has of a new type: who made a column of it would stand in the way of its next release
            select 'type', t.oid::regtype::text, null, t.typowner, x.*, false
            from pg_type as t
            cross join aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) as x
            where t.typnamespace = v_schema
                and t.typname = any (v_types)
            union all
            select 'function', p.oid::regprocedure::text, null, p.proowner, x.*,
                p.proname = any (v_runtime_functions)
            from pg_proc as p
            cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as x
            where p.oid in (select to_regprocedure(replace(f.signature, 'web.', v_prefix)) from unnest(v_signatures) as f (signature))
        ) as a
        where a.grantee <> a.owner
            and not (
                a.is_listed
                and a.grantee = (select r.oid from pg_roles as r where r.rolname = p_role)
                and a.grantor = a.owner
                and not a.is_grantable
            )
    loop
        v_is_clean := false;
        if v_found.column_name is not null and not v_found.is_granted_by_owner and v_round > 1 then
            -- A grant on a column by somebody who held it with grant option: only its grantor can take it back. So
            -- he is made the owner for a moment, of a table that nobody else can see change.
            perform set_config('role', v_saved_role, true);
            execute format('alter table %s owner to %I', v_found.object, v_found.grantor);
            execute format('revoke all (%I) on table %s from %s cascade', v_found.column_name, v_found.object, v_found.grantee);
            execute format('alter table %s owner to %I', v_found.object, v_owner);
            perform set_config('role', v_owner, true);
        else
            execute format(
                'revoke all %son %s %s from %s cascade',
                '(' || quote_ident(v_found.column_name) || ') ',
                v_found.object_type,
                v_found.object,
                v_found.grantee
            );
        end if;
    end loop;
    exit when v_is_clean;
end loop;
if not v_is_clean then
    raise exception using
        errcode = 'insufficient_privilege',
        message = format('%s keeps a privilege on %s that could not be revoked', v_found.grantee, v_found.object),
        hint = format('As a superuser: revoke what role %s has granted there.', v_found.grantor);
end if;

if not has_schema_privilege(p_role, v_schema, 'USAGE') then
    execute format('grant usage on schema %I to %I', p_schema, p_role);
end if;
for v_text in
    select p.oid::regprocedure::text
    from pg_proc as p
    where p.pronamespace = v_schema
        and p.proname = any (v_runtime_functions)
        and not has_function_privilege(p_role, p.oid, 'EXECUTE')
loop
    execute format('grant execute on function %s to %I', v_text, p_role);
end loop;

-- The work of the owner role is done.
perform set_config('role', v_saved_role, true);
for v_text in
    select x.privilege_type
    from pg_database as d
    cross join aclexplode(d.datacl) as x
    where d.datname = current_database()
        and x.grantee = (select r.oid from pg_roles as r where r.rolname = p_role)
        and (x.privilege_type <> 'CONNECT' or x.is_grantable)
loop
    execute format('revoke %s on database %I from %I cascade', v_text, current_database(), p_role);
end loop;
if not has_database_privilege(p_role, current_database(), 'CONNECT') then
    execute format('grant connect on database %I to %I', current_database(), p_role);
end if;
if v_took_membership then
    execute format('revoke %I from %I', v_owner, current_user);
end if;
