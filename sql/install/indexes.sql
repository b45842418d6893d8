-- Definitions as pg_get_indexdef prints them. Three indexes beside the primary key, and none on a column that a slide
-- changes.
declare
    -- session-admin builds an index of a table with rows after the transaction, concurrently with requests.
    v_is_postponed constant boolean := coalesce(current_setting('connect_pg.postpone_indexes', true), '') = 'on'
        and pg_relation_size(format('%I.session', p_schema)::regclass) > 0;
    v_declared record;
    v_declared_indexes text[] := array[]::text[];
    v_existing regclass;
    v_index regclass;
begin
    for v_declared in
        select
            d.name,
            format('CREATE %sINDEX %I ON %I.session USING btree %s', d.uniqueness, d.name, p_schema, d.columns) as definition
        from (
            values
            ('session_prune_after', '', '(prune_after)'),
            ('session_user_id', '', '(user_id) WHERE ((user_id IS NOT NULL) AND (ended_at IS NULL))'),
            ('session_handle', 'UNIQUE ', '(handle)')
        ) as d (name, uniqueness, columns)
    loop
        v_declared_indexes := v_declared_indexes || v_declared.name;
        v_existing := to_regclass(format('%I.%I', p_schema, v_declared.name));
        if not exists (
            select
            from pg_index as i
            where i.indexrelid = v_existing
                and i.indisvalid
                and pg_get_indexdef(v_existing) = v_declared.definition
        ) then
            if v_is_postponed then
                v_other_changes := v_other_changes || jsonb_build_object(
                    'action', 'postponed',
                    'kind', 'index',
                    'object', v_declared.name,
                    'attribute', 'definition',
                    'before', pg_get_indexdef(v_existing),
                    'after', v_declared.definition
                );
            else
                if v_existing is not null then
                    execute format('drop index %s', v_existing);
                end if;
                execute v_declared.definition;
            end if;
        end if;
    end loop;

    -- An additional index slows every write. On a column that a slide changes it ends heap-only updates, and a unique one
    -- shows rows in its errors.
    for v_index in
        select i.indexrelid::regclass
        from pg_index as i
        join pg_class as c on c.oid = i.indrelid
        join pg_class as x on x.oid = i.indexrelid
        where c.relnamespace = v_schema
            and c.relname = any (v_tables)
            and x.relname <> all (v_declared_indexes)
            and not exists (select from pg_constraint as k where k.conindid = i.indexrelid)
            -- Of a REINDEX CONCURRENTLY, which may be at work.
            and not (x.relname ~ '_cc(new|old)[0-9]*$' and not i.indisvalid)
    loop
        execute format('drop index %s', v_index);
    end loop;
end;
