-- What the catalog says of the store. Taken before and after: the report is the difference of the two, and so cannot
-- claim a change that did not happen, or miss one that did.
select jsonb_object_agg(o.kind || ' ' || o.object, o.attributes)
from (
    select
        'role' as kind,
        r.rolname::text as object,
        jsonb_build_object(
            'login', r.rolcanlogin,
            'superuser', r.rolsuper,
            'createdb', r.rolcreatedb,
            'createrole', r.rolcreaterole,
            'replication', r.rolreplication,
            'bypassrls', r.rolbypassrls,
            'settings', (
                select string_agg(c.setting, ', ' order by c.setting)
                from pg_db_role_setting as d
                cross join unnest(d.setconfig) as c (setting)
                where d.setrole = r.oid
                    and d.setdatabase in (0, (select b.oid from pg_database as b where b.datname = current_database()))
            )
        ) as attributes
    from pg_roles as r
    where r.rolname in (p_role, v_owner)
    union all
    select 'membership', format('of %s in %s', pg_get_userbyid(m.member), pg_get_userbyid(m.roleid)), '{}'
    from (
        select distinct a.member, a.roleid
        from pg_auth_members as a
        where a.member in (select r.oid from pg_roles as r where r.rolname in (p_role, v_owner))
    ) as m
    union all
    select
        'schema',
        n.nspname,
        jsonb_build_object(
            'owner', pg_get_userbyid(n.nspowner),
            'privileges of the owner', (
                select string_agg(x.privilege_type, ', ' order by x.privilege_type)
                from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as x
                where x.grantee = n.nspowner
            )
        )
    from pg_namespace as n
    where n.nspname = p_schema
    union all
    select
        'table',
        c.relname,
        jsonb_build_object(
            'owner', pg_get_userbyid(c.relowner),
            'privileges of the owner', (
                select string_agg(x.privilege_type, ', ' order by x.privilege_type)
                from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as x
                where x.grantee = c.relowner
            ),
            'persistence', c.relpersistence,
            'row security', c.relrowsecurity,
            'forced row security', c.relforcerowsecurity,
            'options', array_to_string(c.reloptions, ', '),
            'comment', obj_description(c.oid, 'pg_class')
        )
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = p_schema
        and c.relname = any (v_tables)
    union all
    select
        'column',
        c.relname || '.' || a.attname,
        jsonb_build_object(
            'type', format_type(a.atttypid, a.atttypmod),
            'collation', (select c.collname from pg_collation as c where c.oid = a.attcollation),
            'not null', a.attnotnull,
            'default', pg_get_expr(d.adbin, d.adrelid),
            'generated', a.attgenerated,
            'comment', col_description(a.attrelid, a.attnum)
        )
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    join pg_attribute as a on a.attrelid = c.oid
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where n.nspname = p_schema
        and c.relname = any (v_tables)
        and a.attnum > 0
        and not a.attisdropped
    union all
    select 'constraint', c.relname || '.' || k.conname, jsonb_build_object(
            'definition', pg_get_constraintdef(k.oid),
            'valid', k.convalidated and not exists (select from pg_index as i where i.indexrelid = k.conindid and not i.indisvalid)
        )
    from pg_constraint as k
    join pg_class as c on c.oid = k.conrelid
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = p_schema
        and c.relname = any (v_tables)
        -- not null is an attribute of the column above, whichever version keeps it as a constraint too
        and k.contype <> 'n'
    union all
    select 'index', x.relname, jsonb_build_object('definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid)
    from pg_index as i
    join pg_class as x on x.oid = i.indexrelid
    join pg_class as c on c.oid = i.indrelid
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = p_schema
        and c.relname = any (v_tables)
        and not i.indisprimary
    union all
    select 'trigger', c.relname || '.' || t.tgname, jsonb_build_object('definition', pg_get_triggerdef(t.oid))
    from pg_trigger as t
    join pg_class as c on c.oid = t.tgrelid
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = p_schema
        and c.relname = any (v_tables)
        and not t.tgisinternal
    union all
    select 'rule', c.relname || '.' || r.rulename, '{}'
    from pg_rewrite as r
    join pg_class as c on c.oid = r.ev_class
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = p_schema
        and c.relname = any (v_tables)
    union all
    select 'policy', c.relname || '.' || p.polname, '{}'
    from pg_policy as p
    join pg_class as c on c.oid = p.polrelid
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = p_schema
        and c.relname = any (v_tables)
    union all
    select
        'type',
        t.typname,
        jsonb_build_object(
            'owner', pg_get_userbyid(t.typowner),
            'privileges of the owner', (
                select string_agg(x.privilege_type, ', ' order by x.privilege_type)
                from aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) as x
                where x.grantee = t.typowner
            ),
            'columns', (
                select string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
                from pg_attribute as a
                where a.attrelid = t.typrelid
                    and a.attnum > 0
                    and not a.attisdropped
            ),
            'comment', obj_description(t.oid, 'pg_type')
        )
    from pg_type as t
    join pg_namespace as n on n.oid = t.typnamespace
    where n.nspname = p_schema
        and t.typname = any (v_types)
    union all
    select
        'function',
        format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
        jsonb_build_object(
            'kind', p.prokind,
            'arguments', pg_get_function_arguments(p.oid),
            'result', pg_get_function_result(p.oid),
            'language', l.lanname,
            'volatility', p.provolatile,
            'security definer', p.prosecdef,
            'strict', p.proisstrict,
            'leakproof', p.proleakproof,
            'parallel', p.proparallel,
            'settings', array_to_string(p.proconfig, ', '),
            'body', md5(p.prosrc),
            'owner', pg_get_userbyid(p.proowner),
            'privileges of the owner', (
                select string_agg(x.privilege_type, ', ' order by x.privilege_type)
                from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as x
                where x.grantee = p.proowner
            ),
            'comment', obj_description(p.oid, 'pg_proc')
        )
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    join pg_language as l on l.oid = p.prolang
    where n.nspname = p_schema
    union all
    select
        'privilege',
        format('%s on %s to %s', g.privilege_type, g.object, case when g.grantee = 0 then 'PUBLIC' else pg_get_userbyid(g.grantee)::text end),
        jsonb_build_object(
            'grant option', bool_or(g.is_grantable),
            'granted by', string_agg(distinct pg_get_userbyid(g.grantor)::text, ', ')
        )
    from (
        select 'schema ' || n.nspname as object, n.nspowner as owner, x.*
        from pg_namespace as n
        cross join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as x
        where n.nspname = p_schema
        union all
        select 'table ' || c.relname, c.relowner, x.*
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        cross join aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as x
        where n.nspname = p_schema
            and c.relname = any (v_tables)
        union all
        select 'column ' || c.relname || '.' || a.attname, c.relowner, x.*
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        join pg_attribute as a on a.attrelid = c.oid
        cross join aclexplode(a.attacl) as x
        where n.nspname = p_schema
            and c.relname = any (v_tables)
        union all
        select 'type ' || t.typname, t.typowner, x.*
        from pg_type as t
        join pg_namespace as n on n.oid = t.typnamespace
        cross join aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) as x
        where n.nspname = p_schema
            and t.typname = any (v_types)
        union all
        select format('function %I(%s)', p.proname, oidvectortypes(p.proargtypes)), p.proowner, x.*
        from pg_proc as p
        join pg_namespace as n on n.oid = p.pronamespace
        cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as x
        where n.nspname = p_schema
        union all
        select 'database ' || d.datname, d.datdba, x.*
        from pg_database as d
        cross join aclexplode(d.datacl) as x
        where d.datname = current_database()
            and x.grantee = (select r.oid from pg_roles as r where r.rolname = p_role)
    ) as g
    where g.grantee <> g.owner
    group by g.privilege_type, g.object, g.grantee
) as o
