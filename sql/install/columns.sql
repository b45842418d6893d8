-- The columns that a slide changes stand together and before the data, which keeps its WAL record small. Times are
-- timestamptz and compared with statement_timestamp(): now() is the start of the caller's transaction, and would load a
-- session that has expired since. The defaults are those of a tombstone, so that a row is live only if an insert says so.
declare
    v_declared record;
    v_table regclass;
    v_existing record;
    v_declared_columns text[] := array[]::text[];
    v_statement text;
begin
    for v_declared in
        select d.*
        from (
            values
            ('session', 'expires_at', 'timestamp with time zone', '''-infinity''::timestamp with time zone', true,
                'The session is live while this is in the future by the clock of the database; -infinity once it has ended. Not indexed, so that slides are heap-only.'),
            ('session', 'slide_at', 'timestamp with time zone', '''-infinity''::timestamp with time zone', true,
                'From this time on, a use writes a slide. Never later than expires_at.'),
            ('session', 'last_used_at', 'timestamp with time zone', 'statement_timestamp()', true,
                'The time of the last use that was written, exact to the time between two slides.'),
            ('session', 'version', 'bigint', '1', true,
                'Grows with each change of the data. A slide does not change it.'),
            ('session', 'created_at', 'timestamp with time zone', 'statement_timestamp()', true,
                'The time at which the session was created.'),
            ('session', 'absolute_expires_at', 'timestamp with time zone', 'statement_timestamp()', true,
                'The absolute timeout: no use moves the expiry beyond this time (OWASP ASVS 5.0, 7.3.2).'),
            ('session', 'prune_after', 'timestamp with time zone', null, true,
                'The time from which pruning looks at the row. Slides do not move it.'),
            ('session', 'ended_at', 'timestamp with time zone', null, false,
                'The time at which the session was ended on purpose. The row is a tombstone then, and no save revives it.'),
            ('session', 'ended_reason', 'text', null, false,
                'Why the session was ended: logout, revoked, evicted or rotated.'),
            ('session', 'successor', 'bytea', null, false,
                'In the tombstone of an old key after a rotation: the key that the session has now.'),
            ('session', 'grace_until', 'timestamp with time zone', null, false,
                'In the tombstone of an old key after a rotation: until this time the old key still loads, for requests in progress.'),
            ('session', 'idle_timeout_seconds', 'integer', '0', true,
                'The idle timeout: seconds from a use to the expiry (OWASP ASVS 5.0, 7.3.1).'),
            ('session', 'slide_interval_seconds', 'integer', '0', true,
                'Seconds from one slide to the next.'),
            ('session', 'handle', 'uuid', 'gen_random_uuid()', true,
                'Names the session where its id must not appear: in lists, messages and other tables.'),
            ('session', 'key', 'bytea', null, true,
                'sha256 of the session id. The database never holds the id itself, so a reader of the table cannot impersonate a user.'),
            ('session', 'user_id', 'text', null, false,
                'The user that is logged in; null without a login.'),
            ('session', 'client_address', 'inet', null, false,
                'The address that the session was created from, for the user''s list of devices. No decision depends on it.'),
            ('session', 'user_agent', 'text', null, false,
                'The user agent that the session was created with, cut at 512 characters, for the list of devices.'),
            ('session', 'label', 'text', null, false,
                'The application''s name for the device, cut at 256 characters.'),
            ('session', 'data', 'text', null, false,
                'The data of the session: JSON from the native interface, any text from the connect-pg interface, null in a tombstone. Text, since jsonb refuses \u0000 and parses every write.'),

            ('settings', 'only_row', 'boolean', 'true', true,
                'Keeps the table at one row.'),
            ('settings', 'idle_timeout_seconds', 'integer', '86400', true,
                'The idle timeout of a session that asks for none, in seconds. One day by default.'),
            ('settings', 'absolute_timeout_seconds', 'integer', '2592000', true,
                'The absolute timeout of a session that asks for none, in seconds. 30 days by default.'),
            ('settings', 'max_timeout_seconds', 'integer', '34560000', true,
                'The longest timeout that a session may ask for, in seconds. 400 days by default, as browsers limit cookies (RFC 6265bis, 5.6.2).'),
            ('settings', 'max_data_bytes', 'integer', '1048576', true,
                'The largest session data, in bytes of the database''s encoding. 1 MiB by default, 8 KiB at least.'),
            ('settings', 'tombstone_retention_seconds', 'integer', '3600', true,
                'The least time that the tombstone of an ended session is kept, in seconds: longer than any request takes. One hour by default.'),
            ('settings', 'slide_percent', 'integer', '5', true,
                'A slide is due after this percentage of the idle timeout.'),
            ('settings', 'slide_min_seconds', 'integer', '60', true,
                'The shortest time between two slides, in seconds; half the idle timeout if that is shorter.'),
            ('settings', 'slide_max_seconds', 'integer', '600', true,
                'The longest time between two slides, in seconds, so that last_used_at stays useful.'),

            ('settings', 'max_sessions_per_user', 'integer', '0', true,
                'How many live sessions a user may have; 0 for any number (OWASP ASVS 5.0, 7.1.2).'),
            ('settings', 'reject_over_limit', 'boolean', 'false', true,
                'What happens at that limit: true rejects the new session, false ends the least recently used one.'),
            ('settings', 'notify_channel', 'text', null, false,
                'The NOTIFY channel that announces the end of a session; null for none.'),

            ('settings', 'lock_seed', 'bigint', 'hashtextextended((gen_random_uuid())::text, (0)::bigint)', true,
                'Decides which row of user_lock stands for a user. Secret and random, so that pg_locks does not show who logs in.'),

            ('user_lock', 'bucket', 'integer', null, true,
                'A part of the hash of a user id: 0 to 1023.'),

            ('prune_state', 'only_row', 'boolean', 'true', true,
                'Keeps the table at one row.'),
            ('prune_state', 'resume_from', 'timestamp with time zone', '''-infinity''::timestamp with time zone', true,
                'The prune_after at which an unfinished prune continues.'),
            ('prune_state', 'last_pruned_at', 'timestamp with time zone', null, false,
                'The time at which a batch was last pruned.')
        ) as d (table_name, name, type, default_value, is_required, comment)
    loop
        v_table := to_regclass(format('%I.%I', p_schema, v_declared.table_name));
        v_declared_columns := v_declared_columns || format('%s %s', v_declared.table_name, v_declared.name);
        select
            a.attnum,
            format_type(a.atttypid, a.atttypmod) as type,
            a.attnotnull as is_required,
            a.attgenerated <> '' or a.attidentity <> '' as is_generated,
            a.attcollation <> t.typcollation as has_collation,
            pg_get_expr(d.adbin, d.adrelid) as default_value,
            col_description(a.attrelid, a.attnum) as comment
        into v_existing
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
        elsif v_existing.type <> v_declared.type or v_existing.is_generated then
            raise exception using
                errcode = 'datatype_mismatch',
                message = format('column %s.%I has type %s and should have %s', v_table, v_declared.name, v_existing.type, v_declared.type),
                hint = 'connect-pg did not create this table. Choose another schema, or rename the table.';
        else
            if v_existing.has_collation then
                execute format('alter table %s alter column %I type %s', v_table, v_declared.name, v_declared.type);
            end if;
            if v_existing.default_value is distinct from v_declared.default_value then
                execute format(
                    'alter table %s alter column %I %s',
                    v_table,
                    v_declared.name,
                    coalesce('set default ' || v_declared.default_value, 'drop default')
                );
            end if;
            if v_existing.is_required <> v_declared.is_required
                and not exists (
                    select
                    from pg_index as i
                    where i.indrelid = v_table
                        and i.indisprimary
                        and v_existing.attnum = any (i.indkey)
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
        if v_existing.comment is distinct from v_declared.comment then
            execute format('comment on column %s.%I is %L', v_table, v_declared.name, v_declared.comment);
        end if;
    end loop;

    --@ include verify_column_types.sql

    -- Additional columns stay. But their defaults and generated values would run as the owner role with every insert, and
    -- not null would make every insert fail.
    for v_statement in
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
            and format('%s %s', c.relname, a.attname) <> all (v_declared_columns)
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
            and format('%s %s', c.relname, a.attname) <> all (v_declared_columns)
    loop
        execute v_statement;
    end loop;
end;
