-- Definitions as pg_get_constraintdef prints them. There is none that the data of a session could violate: the DETAIL of
-- such an error shows the row to the client and in the log.
declare
    v_declared record;
    v_table regclass;
    v_existing record;
    v_declared_constraints text[] := array[]::text[];
    v_primary_key name;
    v_constraint record;
begin
    for v_declared in
        select d.*
        from (
            values
            ('session', 'session_pkey', 'PRIMARY KEY (key)'),
            ('settings', 'settings_pkey', 'PRIMARY KEY (only_row)'),
            ('settings', 'settings_only_row', 'CHECK (only_row)'),
            ('settings', 'settings_idle_timeout_seconds', 'CHECK ((idle_timeout_seconds >= 1))'),
            ('settings', 'settings_absolute_timeout_seconds', 'CHECK ((absolute_timeout_seconds >= 1))'),
            ('settings', 'settings_max_idle_timeout', 'CHECK ((max_timeout_seconds >= idle_timeout_seconds))'),
            ('settings', 'settings_max_absolute_timeout', 'CHECK ((max_timeout_seconds >= absolute_timeout_seconds))'),
            ('settings', 'settings_max_data_bytes', 'CHECK ((max_data_bytes >= 8192))'),
            ('settings', 'settings_tombstone_retention_seconds', 'CHECK ((tombstone_retention_seconds >= 60))'),
            ('settings', 'settings_slide_percent', 'CHECK (((slide_percent >= 0) AND (slide_percent <= 50)))'),
            ('settings', 'settings_slide_interval_seconds', 'CHECK (((slide_min_seconds >= 0) AND (slide_max_seconds >= slide_min_seconds)))'),
            ('settings', 'settings_max_sessions_per_user', 'CHECK ((max_sessions_per_user >= 0))'),
            ('settings', 'settings_notify_channel', 'CHECK (((octet_length(notify_channel) >= 1) AND (octet_length(notify_channel) <= 63)))'),
            ('user_lock', 'user_lock_pkey', 'PRIMARY KEY (bucket)'),
            ('prune_state', 'prune_state_pkey', 'PRIMARY KEY (only_row)'),
            ('prune_state', 'prune_state_only_row', 'CHECK (only_row)')
        ) as d (table_name, name, definition)
    loop
        v_table := to_regclass(format('%I.%I', p_schema, v_declared.table_name));
        v_declared_constraints := v_declared_constraints || format('%s %s', v_table, v_declared.name);
        select
            pg_get_constraintdef(c.oid) as definition,
            c.convalidated
                and not c.condeferrable
                and not exists (select from pg_index as i where i.indexrelid = c.conindid and not i.indisvalid) as is_valid
        into v_existing
        from pg_constraint as c
        where c.conrelid = v_table
            and c.conname = v_declared.name;
        if found and (v_existing.definition <> v_declared.definition or not v_existing.is_valid) then
            execute format('alter table %s drop constraint %I', v_table, v_declared.name);
        end if;
        if not found or v_existing.definition <> v_declared.definition or not v_existing.is_valid then
            -- A table has one primary key, whatever its name.
            for v_primary_key in
                select c.conname
                from pg_constraint as c
                where c.conrelid = v_table
                    and c.contype = 'p'
                    and v_declared.definition like 'PRIMARY KEY%'
            loop
                execute format('alter table %s drop constraint %I', v_table, v_primary_key);
            end loop;
            execute format('alter table %s add constraint %I %s', v_table, v_declared.name, v_declared.definition);
        end if;
    end loop;

    -- Additional constraints could make a statement fail, and show the row in its error.
    for v_constraint in
        select c.conrelid::regclass as table_name, c.conname as name
        from pg_constraint as c
        join pg_class as t on t.oid = c.conrelid
        where t.relnamespace = v_schema
            and t.relname = any (v_tables)
            and c.contype in ('c', 'f', 'u', 'x')
            and format('%s %s', c.conrelid::regclass, c.conname) <> all (v_declared_constraints)
    loop
        execute format('alter table %s drop constraint %I', v_constraint.table_name, v_constraint.name);
    end loop;
end;
