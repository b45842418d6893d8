-- pg_temp.schema_snapshot(): what an install makes, as lines of text, for sql/schema.txt. The text is the same on every
-- supported version of PostgreSQL: without the privileges of owners (MAINTAIN since 17), without not null constraints
-- (in the catalog since 18). Comments and bodies are in sql/.

-- Every privilege on the schema, on what it holds, and on correct_web(), except those of owners.
create function pg_temp.privileges()
returns table (
    grantee text,
    privilege text,
    kind text,
    object text,
    grantor text,
    is_grantable boolean
)
language sql
set search_path = pg_catalog, pg_temp
as $function$
    select
        case x.grantee when 0 then 'PUBLIC' else pg_get_userbyid(x.grantee)::text end,
        x.privilege_type,
        o.kind,
        o.name,
        pg_get_userbyid(x.grantor)::text,
        x.is_grantable
    from (
        select 'schema', n.nspname::text, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
        from pg_namespace as n
        where n.nspname = 'web'
        union all
        select 'table', c.oid::regclass::text, c.relowner, coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::"char" else 'r' end, c.relowner))
        from pg_class as c
        where c.relnamespace = 'web'::regnamespace
            and c.relkind not in ('i', 'I', 'c', 't')
        union all
        select 'column', format('%s.%I', c.oid::regclass, a.attname), c.relowner, a.attacl
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = 'web'::regnamespace
        union all
        select 'type', t.oid::regtype::text, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
        from pg_type as t
        left join pg_class as c on c.oid = t.typrelid
        where t.typnamespace = 'web'::regnamespace
            and t.typelem = 0
            and coalesce(c.relkind, 'c') in ('c', 'r')
        union all
        select 'function', p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
        from pg_proc as p
        where p.pronamespace = 'web'::regnamespace
            or p.pronamespace = 'public'::regnamespace and p.proname = 'correct_web'
    ) as o (kind, name, owner, acl)
    cross join aclexplode(o.acl) as x
    where x.grantee <> o.owner;
$function$;

create function pg_temp.schema_snapshot()
returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_schema constant regnamespace := 'web';
    v_role record;
    v_object record;
    v_line text;
begin
    for v_role in
        select r.*
        from pg_roles as r
        where r.rolname in ('nodepg', 'nodepg_owner')
        order by r.rolname collate "C"
    loop
        return next '';
        return next format('role %s', v_role.rolname);
        return next '    ' || concat_ws(
            ', ',
            case when v_role.rolcanlogin then 'login' else 'nologin' end,
            case when v_role.rolsuper then 'superuser' end,
            case when v_role.rolcreatedb then 'createdb' end,
            case when v_role.rolcreaterole then 'createrole' end,
            case when v_role.rolreplication then 'replication' end,
            case when v_role.rolbypassrls then 'bypassrls' end
        );
        return query
        select format('    member of %s', g.rolname)
        from pg_auth_members as m
        join pg_roles as g on g.oid = m.roleid
        where m.member = v_role.oid
        order by g.rolname collate "C";
    end loop;

    for v_line in
        select distinct p.grantee
        from pg_temp.privileges() as p
        order by p.grantee
    loop
        return next '';
        return next format('privileges of %s', v_line);
        return query
        select format(
            '    %-8s  %s %s%s%s',
            p.privilege,
            p.kind,
            p.object,
            case when p.is_grantable then '  with grant option' end,
            case when p.grantor <> 'nodepg_owner' then '  granted by ' || p.grantor end
        )
        from pg_temp.privileges() as p
        where p.grantee = v_line
        order by array_position(array['schema', 'table', 'column', 'type', 'function'], p.kind), p.object collate "C", p.privilege;
    end loop;

    for v_object in
        select n.*
        from pg_namespace as n
        where n.oid = v_schema
    loop
        return next '';
        return next format('schema %s', v_object.nspname);
        return next format('    owner %s', pg_get_userbyid(v_object.nspowner));
    end loop;

    for v_object in
        select
            c.*,
            case c.relkind
                when 'r' then 'table'
                when 'v' then 'view'
                when 'm' then 'materialized view'
                when 'p' then 'partitioned table'
                when 'f' then 'foreign table'
                when 'S' then 'sequence'
            end as kind
        from pg_class as c
        where c.relnamespace = v_schema
            and c.relkind not in ('i', 'I', 'c', 't')
        order by c.relname collate "C"
    loop
        return next '';
        return next format('%s %s', v_object.kind, v_object.oid::regclass);
        return next '    ' || concat_ws(
            ', ',
            'owner ' || pg_get_userbyid(v_object.relowner),
            case v_object.relpersistence when 'u' then 'unlogged' when 't' then 'temporary' end,
            case when v_object.relrowsecurity then 'row level security' end,
            case when v_object.relforcerowsecurity then 'forced row level security' end,
            'with ' || array_to_string(v_object.reloptions, ', '),
            'toast with ' || array_to_string((select t.reloptions from pg_class as t where t.oid = v_object.reltoastrelid), ', ')
        );
        return query
        select concat_ws(
            '  ',
            format('    column  %-28s', a.attname),
            format('%-24s', format_type(a.atttypid, a.atttypmod)),
            case when a.attnotnull then 'not null' else 'null' end,
            'default ' || pg_get_expr(d.adbin, d.adrelid),
            'collate ' || case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end,
            case when a.attidentity <> '' then 'identity' end,
            case when a.attgenerated <> '' then 'generated' end
        )
        from pg_attribute as a
        join pg_type as t on t.oid = a.atttypid
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = v_object.oid
            and a.attnum > 0
            and not a.attisdropped
        order by a.attnum;
        return query
        select format('    constraint  %s  %s%s', k.conname, pg_get_constraintdef(k.oid), case when not k.convalidated then '  not valid' end)
        from pg_constraint as k
        where k.conrelid = v_object.oid
            and k.contype <> 'n'
        order by k.conname collate "C";
        return query
        select format('    index  %s%s', pg_get_indexdef(i.indexrelid), case when not i.indisvalid then '  invalid' end)
        from pg_index as i
        where i.indrelid = v_object.oid
            and not exists (select from pg_constraint as k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
        order by i.indexrelid::regclass::text collate "C";
        return query
        select '    ' || t.line
        from (
            select format('trigger  %s', pg_get_triggerdef(t.oid))
            from pg_trigger as t
            where t.tgrelid = v_object.oid
                and not t.tgisinternal
            union all
            select format('rule  %s', r.rulename)
            from pg_rewrite as r
            where r.ev_class = v_object.oid
            union all
            select format('policy  %s', p.polname)
            from pg_policy as p
            where p.polrelid = v_object.oid
            union all
            select format('inherits  %s', i.inhparent::regclass)
            from pg_inherits as i
            where i.inhrelid = v_object.oid
        ) as t (line)
        order by t.line collate "C";
    end loop;

    for v_object in
        select t.*
        from pg_type as t
        left join pg_class as c on c.oid = t.typrelid
        where t.typnamespace = v_schema
            and t.typelem = 0
            and c.relkind is distinct from 'r'
        order by t.typname collate "C"
    loop
        return next '';
        return next format('type %s', v_object.oid::regtype);
        return next format('    %s, owner %s', case v_object.typtype when 'c' then 'row type' when 'd' then 'domain' when 'e' then 'enum' else 'range' end, pg_get_userbyid(v_object.typowner));
        return query
        select format('    column  %-28s  %s', a.attname, format_type(a.atttypid, a.atttypmod))
        from pg_attribute as a
        where a.attrelid = v_object.typrelid
            and a.attnum > 0
            and not a.attisdropped
        order by a.attnum;
    end loop;

    for v_object in
        select p.*, l.lanname, o.rolname as owner, o.rolsuper as is_of_superuser
        from pg_proc as p
        join pg_language as l on l.oid = p.prolang
        join pg_roles as o on o.oid = p.proowner
        where p.pronamespace = v_schema
            or p.pronamespace = 'public'::regnamespace and p.proname = 'correct_web'
        order by p.oid::regprocedure::text collate "C"
    loop
        return next '';
        return next format('%s %s', case v_object.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end, v_object.oid::regprocedure);
        return next '    ' || concat_ws(
            ', ',
            'owner ' || case when v_object.is_of_superuser then 'a superuser' else v_object.owner end,
            'language ' || v_object.lanname,
            case v_object.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
            case when v_object.prosecdef then 'security definer' else 'security invoker' end,
            case when v_object.proisstrict then 'strict' end,
            case when v_object.proleakproof then 'leakproof' end,
            case v_object.proparallel when 's' then 'parallel safe' when 'r' then 'parallel restricted' end
        );
        return query
        select format('    set  %s', s.setting)
        from unnest(v_object.proconfig) with ordinality as s (setting, position)
        order by s.position;
        return query
        select concat_ws(
            '  ',
            '    ' || case coalesce(v_object.proargmodes[a.position], 'i') when 'i' then 'parameter' when 't' then 'returns  ' else 'out      ' end,
            format('%-28s', v_object.proargnames[a.position]),
            format_type(a.type, null),
            'default ' || pg_get_function_arg_default(v_object.oid, a.position::integer)
        )
        from unnest(coalesce(v_object.proallargtypes, v_object.proargtypes::oid[])) with ordinality as a (type, position)
        order by a.position;
        if 't' <> all (coalesce(v_object.proargmodes, '{}')) then
            return next format('    returns    %s', pg_get_function_result(v_object.oid));
        end if;
    end loop;

    for v_line in
        select format('default privileges of %s on %s  %s', pg_get_userbyid(d.defaclrole), d.defaclobjtype, d.defaclacl)
        from pg_default_acl as d
        where d.defaclrole in ('nodepg'::regrole, 'nodepg_owner'::regrole)
            or d.defaclnamespace = v_schema
    loop
        return next '';
        return next v_line;
    end loop;
end;
$function$;
