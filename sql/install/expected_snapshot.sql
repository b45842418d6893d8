-- What the catalog shows of a correct store, in the form of catalog_snapshot.sql: what an install makes, and what it finds and
-- leaves alone.
v_catalog_after := (
    with declared (kind, object, attributes) as (
        --@ include expected_objects.sql
    ),
    store_object as (
        --@ include store_objects.sql
    ),
    store_grant as (
        --@ include store_grants.sql
    ),
    -- The names are put in place of %1$s (the schema), %2$s (the schema, quoted for SQL), %3$s and %4$s (the roles).
    made as (
        select
            d.kind,
            format(d.object, p_schema, quote_ident(p_schema), p_role, v_owner) as object,
            coalesce(
                (
                    select jsonb_object_agg(x.key, format(x.value, p_schema, quote_ident(p_schema), p_role, v_owner))
                    from jsonb_each_text(d.attributes::jsonb) as x
                ),
                '{}'
            ) as attributes
        from declared as d
    ),
    found as (
        select split_part(e.key, ' ', 1) as kind, substr(e.key, strpos(e.key, ' ') + 1) as object, e.value as attributes
        from jsonb_each(v_catalog_before) as e
    ),
    kept_setting as (
        select r.rolname as role, c.setting
        from pg_db_role_setting as d
        join pg_roles as r on r.oid = d.setrole
        cross join unnest(d.setconfig) as c (setting)
        where d.setdatabase in (0, (select b.oid from pg_database as b where b.datname = current_database()))
            and (
                --@ include is_kept_setting.sql
            )
    ),
    additional_routine as (
        select o.name, o.label
        from store_object as o
        where o.kind = 'routine'
            and not o.is_of_store
            and pg_get_userbyid(o.owner) <> v_owner
    )
    select jsonb_object_agg(e.kind || ' ' || e.object, e.attributes)
    from (
        select
            m.kind,
            m.object,
            m.attributes || case
                -- They differ between versions of PostgreSQL.
                when m.kind in ('schema', 'table', 'type', 'function') then (
                    select jsonb_build_object('privileges of the owner', min(o.all_owner_privileges))
                    from store_object as o
                    where case o.kind when 'routine' then 'function' else o.kind end = m.kind
                        and o.label = m.object
                )
                else '{}'
            end || case m.kind
                when 'function' then (
                    select jsonb_build_object('body', md5(replace(v_functions[i][4], 'web.', v_prefix)), 'comment', v_functions[i][6])
                    from generate_subscripts(v_functions, 1) as i
                    where v_functions[i][2] = split_part(m.object, '(', 1)
                )
                -- Settings of the operator stay, and those that an install makes are added to them.
                when 'role' then (
                    select jsonb_build_object('settings', string_agg(s.setting, ', ' order by s.setting))
                    from (
                        select k.setting
                        from kept_setting as k
                        where k.role = m.object
                        union all
                        select w.setting
                        from string_to_table(
                            concat_ws(
                                ', ',
                                m.attributes ->> 'settings',
                                case when v_durability = 'relaxed' and m.object = p_role then 'synchronous_commit=off' end
                            ),
                            ', '
                        ) as w (setting)
                        where not exists (
                            select
                            from kept_setting as k
                            where k.role = m.object
                                and split_part(k.setting, '=', 1) = split_part(w.setting, '=', 1)
                        )
                    ) as s
                )
                -- And so do options of the operator, in their order. An option that is set anew comes after the others of its table.
                when 'table' then (
                    select jsonb_build_object(
                        'options',
                        string_agg(o.option, ', ' order by o.option like 'toast.%', o.is_new, o.position)
                    )
                    from (
                        select k.option, false as is_new, k.position
                        from found as f
                        cross join string_to_table(f.attributes ->> 'options', ', ') with ordinality as k (option, position)
                        where f.kind = 'table'
                            and f.object = m.object
                            and k.option !~ '^(toast\.)?autovacuum_enabled='
                            and not exists (
                                select
                                from string_to_table(m.attributes ->> 'options', ', ') as d (option)
                                where split_part(d.option, '=', 1) = split_part(k.option, '=', 1)
                                    and d.option <> k.option
                            )
                        union all
                        select d.option, true, d.position
                        from string_to_table(m.attributes ->> 'options', ', ') with ordinality as d (option, position)
                        where not exists (
                            select
                            from found as f
                            where f.kind = 'table'
                                and f.object = m.object
                                and d.option = any (string_to_array(f.attributes ->> 'options', ', '))
                        )
                    ) as o
                ) || case
                    when m.object = 'session' and v_durability <> 'full' then jsonb_build_object(
                        'persistence', case v_durability when 'unlogged' then 'unlogged' else 'logged' end,
                        'comment', regexp_replace(m.attributes ->> 'comment', ' API: private$', format(' Durability: %s. API: private', v_durability))
                    )
                    when m.object = 'prune_state' and v_schedule is not null then jsonb_build_object(
                        'comment', regexp_replace(m.attributes ->> 'comment', ' API: private$', format(' Schedule: %s. API: private', v_schedule))
                    )
                    else '{}'
                end
                else '{}'
            end as attributes
        from made as m
        union all
        -- An additional column stays, but no insert fails or runs code because of it.
        select
            f.kind,
            f.object,
            f.attributes
                || jsonb '{"default": null, "generated": ""}'
                || case when f.attributes ->> 'identity' = '' then jsonb '{"not null": false}' else '{}' end
        from found as f
        where f.kind = 'column'
            and not exists (select from made as m where m.kind = f.kind and m.object = f.object)
        union all
        select f.kind, f.object, f.attributes
        from found as f
        where f.kind = 'index'
            and f.object ~ '_cc(new|old)[0-9]*$'
            and f.attributes ->> 'valid' = 'false'
            or f.kind = 'function'
            and exists (select from additional_routine as r where r.label = f.object)
            or f.kind = 'privilege'
            and f.object in (
                select g.label
                from store_grant as g
                where g.kind = 'routine'
                    and g.name in (select r.name from additional_routine as r)
            )
        union all
        select
            'privilege',
            format('%s to %s', w.privilege, v_installer),
            jsonb_build_object('grant option', false, 'granted by', v_owner)
        from (
            values
            (format('USAGE on schema %s', p_schema)),
            ('EXECUTE on function missing_rows()')
        ) as w (privilege)
        where v_installer is not null
        union all
        -- CONNECT, if PUBLIC does not have it or the role has it already.
        select
            'privilege',
            c.object,
            coalesce((select f.attributes from found as f where f.kind = 'privilege' and f.object = c.object), '{}')
                || jsonb '{"grant option": false}'
        from (select format('CONNECT on database %s to %s', current_database(), p_role) as object) as c
        where not has_database_privilege('public', current_database(), 'CONNECT')
            or exists (
                select
                from found as f
                where f.kind = 'privilege'
                    and f.object = c.object
                    and f.attributes ->> 'grant option' = 'false'
            )
    ) as e
);
