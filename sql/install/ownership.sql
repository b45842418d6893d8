-- Owners. What belongs to a stranger is refused: a function, a trigger or an index expression that he made beforehand
-- would run with the rights of whoever comes next. What belongs to the installer or a superuser (a restore without the
-- roles leaves it so) goes to the owner role.
if not exists (select from pg_namespace as n where n.nspname = p_schema) then
    execute format('create schema %I authorization %I', p_schema, v_owner);
end if;
v_schema := (select n.oid from pg_namespace as n where n.nspname = p_schema);

for v_found in
    select o.kind, o.name, o.is_ours, r.rolname as owner, r.rolsuper or r.rolname = current_user as is_trusted
    from (
        select 1 as rank, 'schema' as kind, quote_ident(n.nspname) as name, n.nspowner as owner, true as is_ours
        from pg_namespace as n
        where n.oid = v_schema
        union all
        select 2, 'table', c.oid::regclass::text, c.relowner, c.relname = any (v_tables)
        from pg_class as c
        where c.relnamespace = v_schema
            and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        union all
        select 3, 'type', t.oid::regtype::text, t.typowner, true
        from pg_type as t
        where t.typnamespace = v_schema
            and t.typname = any (v_types)
            -- the row type of a table is the table's
            and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
        union all
        select
            4,
            'routine',
            p.oid::regprocedure::text,
            p.proowner,
            p.proname in (select substring(f.signature from 'web\.(\w+)\(') from unnest(v_signatures) as f (signature))
        from pg_proc as p
        where p.pronamespace = v_schema
    ) as o
    join pg_roles as r on r.oid = o.owner
    where r.rolname <> v_owner
    order by o.rank, o.name
loop
    if not v_found.is_trusted then
        raise exception using
            errcode = 'insufficient_privilege',
            message = format('%s %s belongs to %s', v_found.kind, v_found.name, v_found.owner),
            detail = 'Whoever owns a part of the store can read every session, or act for whoever calls it.',
            hint = 'Choose another schema; or look at what it is, drop it, and run this again.';
    end if;
    -- What somebody else keeps in the schema stays his.
    if v_found.is_ours then
        execute format('alter %s %s owner to %I', v_found.kind, v_found.name, v_owner);
    end if;
end loop;

-- The owner may have lost privileges of his own, and could not even look at his tables then.
for v_text in
    select format('grant all on %s %s to %I', o.object_type, o.name, v_owner)
    from (
        select 'schema' as object_type, quote_ident(n.nspname) as name, n.nspacl as acl, acldefault('n', n.nspowner) as complete, n.nspowner as owner
        from pg_namespace as n
        where n.oid = v_schema
        union all
        select 'table', c.oid::regclass::text, c.relacl, acldefault('r', c.relowner), c.relowner
        from pg_class as c
        where c.relnamespace = v_schema
            and c.relname = any (v_tables)
        union all
        select 'type', t.oid::regtype::text, t.typacl, acldefault('T', t.typowner), t.typowner
        from pg_type as t
        where t.typnamespace = v_schema
            and t.typname = any (v_types)
        union all
        select 'routine', p.oid::regprocedure::text, p.proacl, acldefault('f', p.proowner), p.proowner
        from pg_proc as p
        where p.pronamespace = v_schema
            and pg_get_userbyid(p.proowner) = v_owner
    ) as o
    where o.acl is not null
        and exists (
            select x.privilege_type from aclexplode(o.complete) as x where x.grantee = o.owner
            except
            select x.privilege_type from aclexplode(o.acl) as x where x.grantee = o.owner
        )
loop
    execute v_text;
end loop;
