-- The catalog is compared with the list below, and a statement is made only for a difference: most forms of ALTER TABLE
-- wait for every writer even when they change nothing.
declare
    v_name text;
    v_declared record;
    v_table regclass;
    v_existing record;
    v_statement text;
begin
    foreach v_name in array v_tables loop
        if to_regclass(format('%I.%I', p_schema, v_name)) is null then
            execute format('create table %I.%I ()', p_schema, v_name);
        end if;
    end loop;

    --@ include verify_tables.sql

    for v_declared in
        select
            d.name,
            case
                when d.name = 'session' and v_durability <> 'full' then regexp_replace(d.comment, ' API: private$', format(' Durability: %s. API: private', v_durability))
                when d.name = 'prune_state' and v_schedule is not null then regexp_replace(d.comment, ' API: private$', format(' Schedule: %s. API: private', v_schedule))
                else d.comment
            end as comment,
            -- Without their rows the functions fail, so the other tables outlive a crash.
            d.name = 'session' and v_durability = 'unlogged' as is_unlogged
        from (
            values
            ('session', 'Web sessions, one row each, and the tombstones of ended sessions for a while. Clients reach them through the functions of this schema only. API: private'),
            ('settings', 'The settings of this store, in one row. API: private'),
            ('user_lock', 'Rows that functions lock while they add or end sessions of a user. API: private'),
            ('prune_state', 'The state of pruning, in one row. API: private')
        ) as d (name, comment)
    loop
        v_table := to_regclass(format('%I.%I', p_schema, v_declared.name));
        select c.* into v_existing from pg_class as c where c.oid = v_table;
        if (v_existing.relpersistence = 'u') <> v_declared.is_unlogged then
            execute format('alter table %s set %s', v_table, case when v_declared.is_unlogged then 'unlogged' else 'logged' end);
        end if;
        if v_existing.relrowsecurity then
            execute format('alter table %s disable row level security', v_table);
        end if;
        if v_existing.relforcerowsecurity then
            execute format('alter table %s no force row level security', v_table);
        end if;
        if obj_description(v_table, 'pg_class') is distinct from v_declared.comment then
            execute format('comment on table %s is %L', v_table, v_declared.comment);
        end if;

        -- Only the functions act on the rows.
        for v_statement in
            select format('drop trigger %I on %s', t.tgname, v_table)
            from pg_trigger as t
            where t.tgrelid = v_table
                and not t.tgisinternal
            union all
            select format('drop rule %I on %s', r.rulename, v_table)
            from pg_rewrite as r
            where r.ev_class = v_table
            union all
            select format('drop policy %I on %s', p.polname, v_table)
            from pg_policy as p
            where p.polrelid = v_table
        loop
            execute v_statement;
        end loop;
    end loop;
end;
