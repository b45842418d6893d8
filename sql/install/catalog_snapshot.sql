-- What the catalog says about the store. Taken before and after the work: the report is the difference of the two, so it
-- claims no change that did not happen, and misses none that did. What the steps repair must show here, or in compare_rows.sql:
-- a store that shows no difference from expected_snapshot.sql is left as it is.
v_catalog := (
    with store_object as (
        --@ include store_objects.sql
    ),
    store_grant as (
        --@ include store_grants.sql
    )
    select jsonb_object_agg(e.kind || ' ' || e.object, e.attributes)
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
            case o.kind when 'routine' then 'function' else o.kind end,
            o.label,
            jsonb_build_object(
                'owner', pg_get_userbyid(o.owner),
                'privileges of the owner', o.owner_privileges
            ) || case o.kind
                when 'schema' then '{}'
                when 'table' then (
                    select jsonb_build_object(
                        'persistence', case c.relpersistence when 'p' then 'logged' when 'u' then 'unlogged' end,
                        'row security', c.relrowsecurity,
                        'forced row security', c.relforcerowsecurity,
                        'options', nullif(
                            array_to_string(
                                --@ include table_options.sql
                                , ', '
                            ),
                            ''
                        ),
                        'comment', obj_description(c.oid, 'pg_class')
                    )
                    from pg_class as c
                    where c.oid = o.oid
                )
                when 'type' then (
                    select jsonb_build_object(
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
                    where t.oid = o.oid
                )
                when 'routine' then (
                    select jsonb_build_object(
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
                        'cost', p.procost,
                        'rows', p.prorows,
                        'support', nullif(p.prosupport, 0::regproc),
                        'body', md5(p.prosrc),
                        'comment', obj_description(p.oid, 'pg_proc')
                    )
                    from pg_proc as p
                    join pg_language as l on l.oid = p.prolang
                    where p.oid = o.oid
                )
            end
        from store_object as o
        where o.kind <> 'column'
            and (o.is_of_store or o.kind = 'routine')
        union all
        select
            'privilege',
            g.label,
            jsonb_build_object(
                'grant option', bool_or(g.is_grantable),
                'granted by', string_agg(distinct pg_get_userbyid(g.grantor)::text, ', ')
            )
        from store_grant as g
        where g.is_of_store
            or g.kind = 'routine'
        group by g.label
        union all
        select part.kind, part.object, part.attributes
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        cross join lateral (
            select
                'column' as kind,
                c.relname || '.' || a.attname as object,
                jsonb_build_object(
                    'type', format_type(a.atttypid, a.atttypmod),
                    'collation', (select l.collname from pg_collation as l where l.oid = a.attcollation),
                    'not null', a.attnotnull,
                    'default', pg_get_expr(d.adbin, d.adrelid),
                    'generated', a.attgenerated,
                    'identity', a.attidentity,
                    'comment', col_description(a.attrelid, a.attnum)
                ) as attributes
            from pg_attribute as a
            left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
            where a.attrelid = c.oid
                and a.attnum > 0
                and not a.attisdropped
            union all
            select
                'constraint',
                c.relname || '.' || k.conname,
                jsonb_build_object(
                    'definition', pg_get_constraintdef(k.oid),
                    'valid', k.convalidated and not exists (select from pg_index as i where i.indexrelid = k.conindid and not i.indisvalid)
                )
            from pg_constraint as k
            where k.conrelid = c.oid
                -- not null is an attribute of the column, also in versions that keep it as a constraint
                and k.contype <> 'n'
            union all
            select 'index', x.relname, jsonb_build_object('definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid)
            from pg_index as i
            join pg_class as x on x.oid = i.indexrelid
            where i.indrelid = c.oid
                and not i.indisprimary
            union all
            select 'trigger', c.relname || '.' || t.tgname, jsonb_build_object('definition', pg_get_triggerdef(t.oid))
            from pg_trigger as t
            where t.tgrelid = c.oid
                and not t.tgisinternal
            union all
            select 'rule', c.relname || '.' || r.rulename, '{}'
            from pg_rewrite as r
            where r.ev_class = c.oid
            union all
            select 'policy', c.relname || '.' || p.polname, '{}'
            from pg_policy as p
            where p.polrelid = c.oid
        ) as part
        where n.nspname = p_schema
            and c.relname = any (v_tables)
    ) as e
);
