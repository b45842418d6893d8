-- Tables. The catalog is compared with the lists below, and a statement is made only for what differs: most forms of
-- ALTER TABLE wait for every writer even when they change nothing.
for v_declared in
    select d.name, d.options, d.comment
    from (
        values
        (
            'session',
            -- Slides and saves stay in their page (heap-only tuples); vacuum comes before the table has grown by much.
            array['fillfactor=90', 'autovacuum_vacuum_scale_factor=0.05', 'autovacuum_analyze_scale_factor=0.1'],
            'Web sessions, one row each, and for a while the tombstones of those that ended. Reached through the functions of this schema only. API: private'
        ),
        (
            'settings',
            array[]::text[],
            'The settings of this store: one row, read when a session is created. API: private'
        ),
        (
            'prune_state',
            array[]::text[],
            'Where pruning stands: one row. API: private'
        )
    ) as d (name, options, comment)
loop
    v_table := to_regclass(format('%I.%I', p_schema, v_declared.name));
    if v_table is null then
        execute format('create table %I.%I ()', p_schema, v_declared.name);
        v_table := to_regclass(format('%I.%I', p_schema, v_declared.name));
    end if;

    select c.* into v_found from pg_class as c where c.oid = v_table;
    if v_found.relkind <> 'r' or exists (select from pg_inherits as i where v_table in (i.inhrelid, i.inhparent)) then
        raise exception using
            errcode = 'wrong_object_type',
            message = format('%s is not a plain table', v_table),
            hint = 'Partitions, inheritance and views are not supported here: choose another schema, or drop it.';
    end if;
    if v_found.relpersistence <> 'p' then
        execute format('alter table %s set logged', v_table);
    end if;
    if v_found.relrowsecurity then
        execute format('alter table %s disable row level security', v_table);
    end if;
    if v_found.relforcerowsecurity then
        execute format('alter table %s no force row level security', v_table);
    end if;
    if exists (select from unnest(v_found.reloptions) as o (option) where o.option like 'autovacuum_enabled=%') then
        execute format('alter table %s reset (autovacuum_enabled)', v_table);
    end if;
    for v_text in
        select o.option
        from unnest(v_declared.options) as o (option)
        where o.option <> all (coalesce(v_found.reloptions, '{}'))
    loop
        execute format('alter table %s set (%s)', v_table, v_text);
    end loop;
    if obj_description(v_table, 'pg_class') is distinct from v_declared.comment then
        execute format('comment on table %s is %L', v_table, v_declared.comment);
    end if;

    -- Nothing but the functions acts on the rows. A constraint that is not ours would show rows in its errors.
    for v_text in
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
        execute v_text;
    end loop;
end loop;

-- Columns: those that a slide changes stand together and before the data, so that its WAL record stays small (173 bytes
-- against 477). Times are timestamptz and compared with statement_timestamp(): now() is the start of the caller's
-- transaction, and would load a session that has expired since.
for v_declared in
    select d.*
    from (
        values
        ('session', 'expires_at', 'timestamp with time zone', null, true,
            'The session is live while this lies in the future by the clock of the database; -infinity once it has ended. Not indexed, or no slide could be heap-only.'),
        ('session', 'slide_at', 'timestamp with time zone', null, true,
            'From this time on a use writes a slide. Never later than expires_at.'),
        ('session', 'last_used_at', 'timestamp with time zone', null, true,
            'The last use that was written: exact to the time between two slides.'),
        ('session', 'version', 'bigint', null, true,
            'Grows with each change of the data; a slide leaves it alone.'),
        ('session', 'created_at', 'timestamp with time zone', null, true,
            'When the session was created.'),
        ('session', 'absolute_expires_at', 'timestamp with time zone', null, true,
            'No use takes the expiry beyond this: the absolute timeout (OWASP ASVS 5.0, 7.3.2).'),
        ('session', 'prune_after', 'timestamp with time zone', null, true,
            'When pruning looks at the row next. Slides do not move it.'),
        ('session', 'ended_at', 'timestamp with time zone', null, false,
            'When the session was ended on purpose: the row is a tombstone, and no save brings it back.'),
        ('session', 'ended_reason', 'text', null, false,
            'Why it was ended: logout, revoked, evicted or rotated.'),
        ('session', 'successor', 'bytea', null, false,
            'After a rotation, in the tombstone of the old key: the key that the session has now.'),
        ('session', 'grace_until', 'timestamp with time zone', null, false,
            'After a rotation: until then the old key still loads, for requests that were under way.'),
        ('session', 'idle_timeout_seconds', 'integer', null, true,
            'The idle timeout: seconds from a use to the expiry (OWASP ASVS 5.0, 7.3.1).'),
        ('session', 'slide_interval_seconds', 'integer', null, true,
            'Seconds from one slide to the next.'),
        ('session', 'handle', 'uuid', 'gen_random_uuid()', true,
            'Names the session where its id must not be shown: in lists, messages, other tables.'),
        ('session', 'key', 'bytea', null, true,
            'sha256 of the session id. The id itself is nowhere in the database: who reads the table cannot be anybody.'),
        ('session', 'user_id', 'text', null, false,
            'The user that is logged in; null for a visitor.'),
        ('session', 'client_address', 'inet', null, false,
            'Where the session was created from. For the user''s list of devices; nothing is decided by it.'),
        ('session', 'user_agent', 'text', null, false,
            'What it was created with, cut at 512 characters. For the list of devices.'),
        ('session', 'label', 'text', null, false,
            'What the application calls the device, cut at 256 characters.'),
        ('session', 'data', 'text', null, false,
            'The data of the session: JSON from the native interface, whatever was set from the connect-pg interface. Text, since jsonb refuses \u0000 and parses every write. Null in a tombstone.'),

        ('settings', 'only_row', 'boolean', 'true', true,
            'Keeps the table at one row.'),
        ('settings', 'idle_timeout_seconds', 'integer', '86400', true,
            'The idle timeout of a session that asks for none, in seconds. One day by default.'),
        ('settings', 'absolute_timeout_seconds', 'integer', '2592000', true,
            'The absolute timeout of a session that asks for none, in seconds. 30 days by default.'),
        ('settings', 'max_data_bytes', 'integer', '1048576', true,
            'The largest session data, in bytes of the database''s encoding. 1 MiB by default, 8 KiB at least.'),
        ('settings', 'tombstone_retention_seconds', 'integer', '3600', true,
            'How long an ended session is remembered at least, in seconds. Longer than any request takes. One hour by default.'),
        ('settings', 'slide_percent', 'integer', '5', true,
            'A slide is due after this share of the idle timeout.'),
        ('settings', 'slide_min_seconds', 'integer', '60', true,
            'But not before this many seconds (for a short timeout: half of it).'),
        ('settings', 'slide_max_seconds', 'integer', '600', true,
            'And not later than this many seconds, so that last_used_at stays useful.'),

        ('settings', 'max_sessions_per_user', 'integer', '0', true,
            'How many live sessions a user may have; 0 for any number (OWASP ASVS 5.0, 7.1.2).'),
        ('settings', 'reject_over_limit', 'boolean', 'false', true,
            'What happens at that limit: true refuses the new session, false ends the least recently used one.'),
        ('settings', 'notify_channel', 'text', null, false,
            'The NOTIFY channel that hears of sessions that end; null for none.'),

        ('prune_state', 'only_row', 'boolean', 'true', true,
            'Keeps the table at one row.'),
        ('prune_state', 'resume_from', 'timestamp with time zone', '''-infinity''::timestamp with time zone', true,
            'The prune_after at which an unfinished prune goes on.'),
        ('prune_state', 'last_pruned_at', 'timestamp with time zone', null, false,
            'When a batch was last pruned.')
    ) as d (table_name, name, type, default_value, is_required, comment)
loop
    v_table := to_regclass(format('%I.%I', p_schema, v_declared.table_name));
    v_columns := v_columns || format('%s %s', v_declared.table_name, v_declared.name);
    select
        a.attnum,
        format_type(a.atttypid, a.atttypmod) as type,
        a.attnotnull as is_required,
        a.attgenerated <> '' or a.attidentity <> '' as is_generated,
        a.attcollation <> t.typcollation as has_collation,
        pg_get_expr(d.adbin, d.adrelid) as default_value,
        col_description(a.attrelid, a.attnum) as comment
    into v_found
    from pg_attribute as a
    join pg_type as t on t.oid = a.atttypid
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = v_table
        and a.attname = v_declared.name
        and not a.attisdropped;

    if not found then
        execute format(
            'alter table %s add column %I %s%s%s',
            v_table,
            v_declared.name,
            v_declared.type,
            ' default ' || v_declared.default_value,
            case when v_declared.is_required then ' not null' end
        );
    elsif v_found.type <> v_declared.type or v_found.is_generated then
        raise exception using
            errcode = 'datatype_mismatch',
            message = format('column %s.%I has type %s and should have %s', v_table, v_declared.name, v_found.type, v_declared.type),
            hint = 'This table was not made by connect-pg: choose another schema, or move the table out of the way.';
    else
        if v_found.has_collation then
            execute format('alter table %s alter column %I type %s', v_table, v_declared.name, v_declared.type);
        end if;
        if v_found.default_value is distinct from v_declared.default_value then
            execute format(
                'alter table %s alter column %I %s',
                v_table,
                v_declared.name,
                coalesce('set default ' || v_declared.default_value, 'drop default')
            );
        end if;
        if v_found.is_required <> v_declared.is_required
            and not exists (
                select
                from pg_index as i
                where i.indrelid = v_table
                    and i.indisprimary
                    and v_found.attnum = any (i.indkey)
            )
        then
            execute format(
                'alter table %s alter column %I %s not null',
                v_table,
                v_declared.name,
                case when v_declared.is_required then 'set' else 'drop' end
            );
        end if;
    end if;
    if v_found.comment is distinct from v_declared.comment then
        execute format('comment on column %s.%I is %L', v_table, v_declared.name, v_declared.comment);
    end if;
end loop;

-- Nor may a type be somebody else's: the check of a domain runs with every insert.
for v_found in
    select c.oid::regclass as table_name, a.attname, format_type(a.atttypid, a.atttypmod) as type
    from pg_class as c
    join pg_attribute as a on a.attrelid = c.oid
    join pg_type as t on t.oid = a.atttypid
    where c.relnamespace = v_schema
        and c.relname = any (v_tables)
        and not a.attisdropped
        and t.typnamespace <> 'pg_catalog'::regnamespace
loop
    raise exception using
        errcode = 'datatype_mismatch',
        message = format('column %I of %s has the type %s, which is not PostgreSQL''s own', v_found.attname, v_found.table_name, v_found.type),
        hint = 'Drop the column, or the table, and run this again.';
end loop;

-- Columns of somebody else's: what he put into a default or a generated value would run as the owner role with every
-- insert, and one that demands a value would make every insert fail.
for v_text in
    select
        format(
            'alter table %s alter column %I %s',
            c.oid::regclass,
            a.attname,
            case
                when a.attgenerated <> '' then 'drop expression'
                when a.atthasdef then 'drop default'
                else 'drop not null'
            end
        )
    from pg_class as c
    join pg_attribute as a on a.attrelid = c.oid
    where c.relnamespace = v_schema
        and c.relname = any (v_tables)
        and a.attnum > 0
        and not a.attisdropped
        and a.attidentity = ''
        and (a.attnotnull or a.atthasdef)
        and format('%s %s', c.relname, a.attname) <> all (v_columns)
    union all
    select format('alter table %s alter column %I drop not null', c.oid::regclass, a.attname)
    from pg_class as c
    join pg_attribute as a on a.attrelid = c.oid
    where c.relnamespace = v_schema
        and c.relname = any (v_tables)
        and a.attnum > 0
        and not a.attisdropped
        and a.attidentity = ''
        and a.attnotnull
        and a.atthasdef
        and format('%s %s', c.relname, a.attname) <> all (v_columns)
loop
    execute v_text;
end loop;

-- Constraints, as pg_get_constraintdef prints them. None that the data of a session could violate: the DETAIL of such
-- an error shows the row to the client and the log.
for v_declared in
    select d.*
    from (
        values
        ('session', 'session_pkey', 'PRIMARY KEY (key)'),
        ('settings', 'settings_pkey', 'PRIMARY KEY (only_row)'),
        ('settings', 'settings_only_row', 'CHECK (only_row)'),
        ('settings', 'settings_idle_timeout_seconds', 'CHECK ((idle_timeout_seconds >= 1))'),
        ('settings', 'settings_absolute_timeout_seconds', 'CHECK ((absolute_timeout_seconds >= 1))'),
        ('settings', 'settings_max_data_bytes', 'CHECK ((max_data_bytes >= 8192))'),
        ('settings', 'settings_tombstone_retention_seconds', 'CHECK ((tombstone_retention_seconds >= 60))'),
        ('settings', 'settings_slide_percent', 'CHECK (((slide_percent >= 0) AND (slide_percent <= 50)))'),
        ('settings', 'settings_slide_interval_seconds', 'CHECK (((slide_min_seconds >= 0) AND (slide_max_seconds >= slide_min_seconds)))'),
        ('settings', 'settings_max_sessions_per_user', 'CHECK ((max_sessions_per_user >= 0))'),
        ('settings', 'settings_notify_channel', 'CHECK (((octet_length(notify_channel) >= 1) AND (octet_length(notify_channel) <= 63)))'),
        ('prune_state', 'prune_state_pkey', 'PRIMARY KEY (only_row)'),
        ('prune_state', 'prune_state_only_row', 'CHECK (only_row)')
    ) as d (table_name, name, definition)
loop
    v_table := to_regclass(format('%I.%I', p_schema, v_declared.table_name));
    v_constraints := v_constraints || format('%s %s', v_table, v_declared.name);
    select c.conname, pg_get_constraintdef(c.oid) as definition, 
        c.convalidated
            and not c.condeferrable
            and not exists (select from pg_index as i where i.indexrelid = c.conindid and not i.indisvalid) as is_sound
    into v_found
    from pg_constraint as c
    where c.conrelid = v_table
        and c.conname = v_declared.name;
    if found and (v_found.definition <> v_declared.definition or not v_found.is_sound) then
        execute format('alter table %s drop constraint %I', v_table, v_declared.name);
    end if;
    if not found or v_found.definition <> v_declared.definition or not v_found.is_sound then
        -- A primary key under another name is in the way.
        for v_text in
            select c.conname
            from pg_constraint as c
            where c.conrelid = v_table
                and c.contype = 'p'
                and v_declared.definition like 'PRIMARY KEY%'
        loop
            execute format('alter table %s drop constraint %I', v_table, v_text);
        end loop;
        execute format('alter table %s add constraint %I %s', v_table, v_declared.name, v_declared.definition);
    end if;
end loop;
for v_found in
    select c.conrelid::regclass as table_name, c.conname
    from pg_constraint as c
    join pg_class as t on t.oid = c.conrelid
    where t.relnamespace = v_schema
        and t.relname = any (v_tables)
        and c.contype in ('c', 'f', 'u', 'x')
        and format('%s %s', c.conrelid::regclass, c.conname) <> all (v_constraints)
loop
    execute format('alter table %s drop constraint %I', v_found.table_name, v_found.conname);
end loop;

-- Indexes, as pg_get_indexdef prints them. Three beside the primary key, and none on a column that a slide changes.
for v_declared in
    select
        d.name,
        format('CREATE %sINDEX %I ON %I.session USING btree %s', d.uniqueness, d.name, p_schema, d.columns) as definition
    from (
        values
        ('session_prune_after', '', '(prune_after)'),
        ('session_user_id', '', '(user_id) WHERE (user_id IS NOT NULL)'),
        ('session_handle', 'UNIQUE ', '(handle)')
    ) as d (name, uniqueness, columns)
loop
    v_table := to_regclass(format('%I.%I', p_schema, v_declared.name));
    if v_table is not null
        and not exists (
            select
            from pg_index as i
            where i.indexrelid = v_table
                and i.indisvalid
                and pg_get_indexdef(v_table) = v_declared.definition
        )
    then
        execute format('drop index %s', v_table);
        v_table := null;
    end if;
    if v_table is null then
        execute v_declared.definition;
    end if;
end loop;

-- An index of somebody else's is a burden on every write: on a column that a slide changes it ends heap-only updates, and
-- a unique one shows rows in its errors.
for v_found in
    select i.indexrelid::regclass as name
    from pg_index as i
    join pg_class as c on c.oid = i.indrelid
    join pg_class as x on x.oid = i.indexrelid
    where c.relnamespace = v_schema
        and c.relname = any (v_tables)
        and x.relname not in ('session_prune_after', 'session_user_id', 'session_handle')
        and not exists (select from pg_constraint as k where k.conindid = i.indexrelid)
loop
    execute format('drop index %s', v_found.name);
end loop;

-- The rows that the functions count on.
foreach v_text in array array['settings', 'prune_state']
loop
    execute format(
        'insert into %1$I.%2$I (only_row) select true where not exists (select from %1$I.%2$I)',
        p_schema,
        v_text
    );
    get diagnostics v_rows = row_count;
    if v_rows > 0 and v_before -> ('table ' || v_text) is not null then
        return query select 'created'::text, 'row'::text, v_text, null::text, null::text, null::text;
    end if;
end loop;
