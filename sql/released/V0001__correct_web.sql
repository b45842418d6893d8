-- The routine that creates, repairs and upgrades a session store. This file holds the order of the steps; each step is a
-- file of sql/install/ with variables of its own. bin/compose-sql fills in the lines that begin with --@.
--
-- Release 1

-- "create or replace" keeps the owner of a function that exists. Another role's correct_web() would stay that role's to
-- rewrite, and a superuser would run it. And an older release must not replace a newer one.
do $guard$
declare
    -- Types by their full names: they are resolved with the search path of the caller.
    v_release constant pg_catalog.int4 := 1;
    v_search_path constant pg_catalog.text := pg_catalog.current_setting('search_path');
    v_routine pg_catalog.record;
begin
    -- From here on no schema of the caller's search path can supply a function in place of PostgreSQL's own.
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

    for v_routine in
        select
            p.oid::regprocedure::text as signature,
            pg_get_userbyid(p.proowner) as owner,
            coalesce(substring(obj_description(p.oid, 'pg_proc') from 'Release (\d+)')::integer, 0) as release,
            p.proretset and p.prorettype = 'text'::regtype as is_of_1_1_5,
            r.rolsuper or r.rolname = current_user as is_trusted
        from pg_catalog.pg_proc as p
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        join pg_catalog.pg_roles as r on r.oid = p.proowner
        where n.nspname = 'public'
            and p.proname = 'correct_web'
    loop
        if not v_routine.is_trusted then
            raise exception using
                errcode = 'insufficient_privilege',
                message = format('function %s belongs to %s, which could change what it does', v_routine.signature, v_routine.owner),
                hint = 'Find out where it comes from. Then drop it or connect as its owner, and run this again.';
        end if;
        if v_routine.release > v_release then
            raise exception using
                errcode = 'object_not_in_prerequisite_state',
                message = format('this database has release %s of correct_web(), newer than this one', v_routine.release),
                hint = 'Use the newer program or the newer file.';
        end if;
        if v_routine.is_of_1_1_5 then
            -- connect-pg 1.1.5 returned setof text, which "create or replace" cannot turn into a table.
            execute format('drop function %s', v_routine.signature);
        end if;
    end loop;

    perform pg_catalog.set_config('search_path', v_search_path, true);
end;
$guard$;

create or replace function public.correct_web(
    p_schema pg_catalog.text,
    p_role pg_catalog.text
)
returns table (
    action pg_catalog.text,
    kind pg_catalog.text,
    object pg_catalog.text,
    attribute pg_catalog.text,
    before pg_catalog.text,
    after pg_catalog.text
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
-- Text from the catalog is compared with text below, so the settings of the caller must not change how it is printed.
set quote_all_identifiers = off
set standard_conforming_strings = on
set lock_timeout = '200ms'
as $correct_web$
#variable_conflict use_column
declare
    v_owner constant text := p_role || '_owner';
    v_prefix constant text := format('%I.', coalesce(p_schema, ''));
    -- The owner of the database, if that role can install without being a superuser.
    v_installer constant name := (
        select r.rolname
        from pg_database as d
        join pg_roles as r on r.oid = d.datdba
        where d.datname = current_database()
            and r.rolcreaterole
            and not r.rolsuper
    );
    v_tables constant text[] := array['session', 'settings', 'prune_state', 'user_lock'];
    v_types constant text[] := array['loaded_session', 'saved_session', 'created_session', 'loaded_sessions', 'saved_sessions'];
    -- One row a function: folder of sql/web/, name, declaration up to the body, body, signature, comment.
    v_functions constant text[] := array[
        array[
        'admin',
        'configure_store',
        $head$create or replace function web.configure_store(
    p_settings jsonb
)
returns table (
    name text,
    before text,
    after text
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- Each value is checked alone, so that an error can name its setting; the update then sets all of them or none.
#variable_conflict use_column
declare
    v_before web.settings;
    v_after web.settings;
    v_setting record;
    v_constraint text;
begin
    if jsonb_typeof(p_settings) is distinct from 'object' then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'settings must be a JSON object',
            hint = 'Pass names and values, for example {"idle_timeout_seconds": 1800}.';
    end if;

    select s.* into v_before from web.settings as s for no key update;
    if not found then
        perform web.raise_missing_settings();
    end if;

    for v_setting in
        select g.key as name, g.value, n.name is not null as is_known, n.required, n.type, n.rules
        from jsonb_each(p_settings) as g
        left join web.store_settings() as n on n.name = g.key
        order by g.key
    loop
        if not v_setting.is_known then
            raise exception using
                errcode = 'invalid_parameter_value',
                message = format('there is no setting "%s"', v_setting.name),
                hint = (
                    select format('The settings are %s.', string_agg(n.name, ', '))
                    from web.store_settings() as n
                );
        end if;
        begin
            if jsonb_typeof(v_setting.value) in ('object', 'array')
                or v_setting.required and jsonb_typeof(v_setting.value) = 'null'
            then
                raise exception using errcode = 'invalid_text_representation';
            end if;
            v_after := jsonb_populate_record(v_before, jsonb_build_object(v_setting.name, v_setting.value));
        exception
            when data_exception then
                raise exception using
                    errcode = 'invalid_parameter_value',
                    message = format('setting %s cannot be %s', v_setting.name, v_setting.value),
                    hint = concat_ws(', ', format('Its type is %s', v_setting.type), 'its rule is ' || v_setting.rules) || '.';
        end;
    end loop;

    v_after := jsonb_populate_record(v_before, p_settings);
    begin
        update web.settings as s
        set
            idle_timeout_seconds = v_after.idle_timeout_seconds,
            absolute_timeout_seconds = v_after.absolute_timeout_seconds,
            max_timeout_seconds = v_after.max_timeout_seconds,
            max_data_bytes = v_after.max_data_bytes,
            tombstone_retention_seconds = v_after.tombstone_retention_seconds,
            slide_percent = v_after.slide_percent,
            slide_min_seconds = v_after.slide_min_seconds,
            slide_max_seconds = v_after.slide_max_seconds,
            max_sessions_per_user = v_after.max_sessions_per_user,
            reject_over_limit = v_after.reject_over_limit,
            notify_channel = v_after.notify_channel;
    exception
        when check_violation then
            -- The settings that were passed and that the constraint is about.
            get stacked diagnostics v_constraint = constraint_name;
            select
                string_agg(format('%s cannot be %s', a.attname, p_settings -> a.attname::text), ', ' order by a.attnum) as refused,
                min(pg_get_expr(c.conbin, c.conrelid, true)) as rule
            into v_setting
            from web.settings as s
            join pg_constraint as c on c.conrelid = s.tableoid and c.conname = v_constraint
            join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
            where p_settings ? a.attname::text;
            raise exception using
                errcode = 'invalid_parameter_value',
                message = format('setting %s', v_setting.refused),
                hint = format('The rule is %s.', v_setting.rule);
    end;

    return query
    select n.name, to_jsonb(v_before) ->> n.name, n.value
    from web.store_settings() as n
    where n.value is distinct from to_jsonb(v_before) ->> n.name;
end;
$body$,
        'web.configure_store(jsonb)',
        'Set the given settings of the store, all or none. Returns the settings that changed. API: private'
        ],
        array[
        'admin',
        'end_all_sessions',
        $head$create or replace function web.end_all_sessions()
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- Unlike clear_sessions it leaves tombstones, so that no save under way brings a session back. The lock excludes writers, so
-- that no deadlock over rows is possible, and waits for uncommitted inserts.
declare
    v_rows bigint;
begin
    -- A snapshot from before the wait would miss a session that was just created.
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception using
            errcode = 'invalid_transaction_state',
            message = 'all sessions can be ended at isolation level read committed only',
            hint = 'Use that isolation level, or no transaction.';
    end if;

    perform web.lock_sessions();
    v_rows := web.tombstone_sessions(
        array(
            select s.handle
            from web.session as s
            where s.expires_at > statement_timestamp()
        ),
        'revoked',
        p_is_announced => false
    );
    perform web.notify_session_end(null, 'revoked');
    return v_rows;
end;
$body$,
        'web.end_all_sessions()',
        'End every live session of the store, and return their number. API: private'
        ],
        array[
        'admin',
        'end_session_by_handle',
        $head$create or replace function web.end_session_by_handle(
    p_handle uuid
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- For support staff, who have a handle but not the user. Applications call end_user_session.
begin
    return web.tombstone_sessions(array[p_handle], 'revoked') > 0;
end;
$body$,
        'web.end_session_by_handle(uuid)',
        'End one session by its handle, for any user. Returns false when no live session has that handle. API: private'
        ],
        array[
        'admin',
        'end_user_sessions_except_handle',
        $head$create or replace function web.end_user_sessions_except_handle(
    p_user_id text,
    p_handle uuid
)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- Null for a wrong handle, and nothing ends: ending all sessions of the user instead would be another mistake.
begin
    perform web.lock_user(p_user_id);
    if not exists (
        select
        from web.session as s
        where s.handle = p_handle
            and s.user_id = p_user_id collate "default"
            and s.expires_at > statement_timestamp()
    ) then
        return null;
    end if;
    return web.end_sessions_of_user(p_user_id, p_handle);
end;
$body$,
        'web.end_user_sessions_except_handle(text, uuid)',
        'End the live sessions of a user, except the one with this handle, and return their number. Returns null, and ends none, when the user has no live session with that handle. API: private'
        ],
        array[
        'admin',
        'export_sessions',
        $head$create or replace function web.export_sessions(
    p_after_key bytea default null,
    p_max_rows integer default 1000
)
returns table (
    key bytea,
    data text,
    created_at timestamptz,
    last_used_at timestamptz,
    expires_at timestamptz,
    absolute_expires_at timestamptz,
    idle_timeout_seconds integer,
    user_id text,
    client_address inet,
    user_agent text,
    label text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- In the order of keys, so that a reader can continue after the last key it has, whatever changed meanwhile.
#variable_conflict use_column
begin
    if p_max_rows is null or p_max_rows < 1 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a page has at least one row',
            hint = 'Pass a positive number of rows.';
    end if;

    return query
    select
        s.key,
        s.data,
        s.created_at,
        s.last_used_at,
        s.expires_at,
        s.absolute_expires_at,
        s.idle_timeout_seconds,
        s.user_id,
        s.client_address,
        s.user_agent,
        s.label
    from web.session as s
    where s.key > coalesce(p_after_key, ''::bytea)
        and s.expires_at > statement_timestamp()
    order by s.key
    limit p_max_rows;
end;
$body$,
        'web.export_sessions(bytea, integer)',
        'Return a page of live sessions with their data, in the order of their keys, after p_after_key. A key cannot be turned into a session id. API: private'
        ],
        array[
        'admin',
        'find_session',
        $head$create or replace function web.find_session(
    p_handle uuid
)
returns table (
    handle uuid,
    user_id text,
    created_at timestamptz,
    last_used_at timestamptz,
    expires_at timestamptz,
    client_address inet,
    user_agent text,
    label text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- What support staff may see before they end a session: neither its key nor its data.
#variable_conflict use_column
begin
    return query
    select
        s.handle,
        s.user_id,
        s.created_at,
        s.last_used_at,
        s.expires_at,
        s.client_address,
        s.user_agent,
        s.label
    from web.session as s
    where s.handle = p_handle
        and s.expires_at > statement_timestamp();
end;
$body$,
        'web.find_session(uuid)',
        'Return the live session with this handle: its user, times and device. No row when there is none. API: private'
        ],
        array[
        'admin',
        'import_sessions',
        $head$create or replace function web.import_sessions(
    p_keys bytea[],
    p_data text[],
    p_created_at timestamptz[],
    p_last_used_at timestamptz[],
    p_expires_at timestamptz[],
    p_absolute_expires_at timestamptz[],
    p_idle_timeout_seconds integer[],
    p_user_ids text[],
    p_client_addresses inet[],
    p_user_agents text[],
    p_labels text[]
)
returns table (
    ordinality integer,
    outcome text
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- A key that exists is left as it is, so that an import can be repeated and undoes no logout. Each array has one element for
-- each session.
#variable_conflict use_column
declare
    v_now constant timestamptz := statement_timestamp();
begin
    if not exists (select from web.settings) then
        perform web.raise_missing_settings();
    end if;

    return query
    with source as materialized (
        select
            u.*,
            case
                when octet_length(u.key) is distinct from 32 then 'bad key'
                when u.data is null then 'no data'
                when octet_length(u.data) > n.max_data_bytes then 'data too large'
                when u.user_id = '' or octet_length(u.user_id) > 1024 then 'bad user id'
                when u.idle_timeout_seconds < 1 then 'bad timeout'
                when coalesce(u.expires_at, 'infinity') <= v_now or u.absolute_expires_at <= v_now then 'expired'
            end as fault,
            least(
                coalesce(u.absolute_expires_at, 'infinity'),
                v_now + make_interval(secs => n.absolute_timeout_seconds)
            ) as last_at,
            n.idle_timeout_seconds as default_idle_timeout_seconds
        from unnest(
            p_keys,
            p_data,
            p_created_at,
            p_last_used_at,
            p_expires_at,
            p_absolute_expires_at,
            p_idle_timeout_seconds,
            p_user_ids,
            p_client_addresses,
            p_user_agents,
            p_labels
        ) with ordinality as u (
            key,
            data,
            created_at,
            last_used_at,
            expires_at,
            absolute_expires_at,
            idle_timeout_seconds,
            user_id,
            client_address,
            user_agent,
            label,
            ordinality
        )
        cross join web.settings as n
    ),
    -- A null expiry means the idle timeout from now, as in set_session_data. For a key that occurs twice, the first counts.
    dated as (
        select distinct on (o.key)
            o.*,
            least(
                coalesce(
                    o.expires_at,
                    v_now + make_interval(secs => coalesce(o.idle_timeout_seconds, o.default_idle_timeout_seconds))
                ),
                o.last_at
            ) as until
        from source as o
        where o.fault is null
        order by o.key, o.ordinality
    ),
    -- Materialized, because the planner inlines slide_interval with a column for its argument, and with no long expression.
    timed as materialized (
        select
            d.*,
            coalesce(d.idle_timeout_seconds, ceil(extract(epoch from d.until - v_now))::integer) as idle
        from dated as d
    ),
    added as (
        insert into web.session as s (
            expires_at,
            slide_at,
            last_used_at,
            created_at,
            absolute_expires_at,
            prune_after,
            idle_timeout_seconds,
            slide_interval_seconds,
            key,
            user_id,
            client_address,
            user_agent,
            label,
            data
        )
        select
            t.until,
            least(v_now + make_interval(secs => i.slide_interval_seconds), t.until),
            greatest(least(coalesce(t.last_used_at, v_now), v_now), 'epoch'),
            greatest(least(coalesce(t.created_at, v_now), v_now), 'epoch'),
            t.last_at,
            t.until,
            t.idle,
            i.slide_interval_seconds,
            t.key,
            t.user_id,
            t.client_address,
            left(t.user_agent, 512),
            left(t.label, 256),
            t.data
        from timed as t
        cross join web.settings as n
        cross join lateral (
            select web.slide_interval(t.idle, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds) as slide_interval_seconds
        ) as i
        order by t.key
        on conflict (key) do nothing
        returning s.key
    )
    select
        o.ordinality::integer,
        coalesce(o.fault, case when a.key is null then 'exists' else 'imported' end)
    from source as o
    left join dated as d on d.ordinality = o.ordinality
    left join added as a on a.key = d.key
    order by o.ordinality;
end;
$body$,
        'web.import_sessions(bytea[], text[], timestamptz[], timestamptz[], timestamptz[], timestamptz[], integer[], text[], inet[], text[], text[])',
        'Add sessions from another store. Returns one row for each element of the arrays, with its ordinality from 1 on and its outcome. API: private'
        ],
        array[
        'admin',
        'store_settings',
        $head$create or replace function web.store_settings()
returns table (
    name text,
    type text,
    required boolean,
    default_value text,
    rules text,
    meaning text,
    value text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- The catalog is the only source: the name, type, default, constraints and comment of each column.
#variable_conflict use_column
begin
    return query
    select
        a.attname::text,
        format_type(a.atttypid, a.atttypmod),
        a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid),
        (
            select string_agg(pg_get_expr(c.conbin, c.conrelid, true), ' AND ' order by c.conname)
            from pg_constraint as c
            where c.conrelid = a.attrelid
                and c.contype = 'c'
                and a.attnum = any (c.conkey)
        ),
        col_description(a.attrelid, a.attnum),
        to_jsonb(s) ->> a.attname::text
    from web.settings as s
    join pg_attribute as a on a.attrelid = s.tableoid
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0
        and not a.attisdropped
        and a.attname not in ('only_row', 'lock_seed')
    order by a.attnum;
    if not found then
        perform web.raise_missing_settings();
    end if;
end;
$body$,
        'web.store_settings()',
        'Return one row for each setting of the store: its type, default, rules, meaning and value. API: private'
        ],
        array[
        'admin',
        'store_status',
        $head$create or replace function web.store_status()
returns table (
    live bigint,
    expired bigint,
    ended bigint,
    total_bytes bigint,
    table_bytes bigint,
    index_bytes bigint,
    dead_rows bigint,
    updates bigint,
    hot_updates bigint,
    last_pruned_at timestamptz,
    oldest_prune_after timestamptz,
    oldest_expired_at timestamptz,
    server_time timestamptz
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- Reads the whole table once. The counters are those of the statistics system since its last reset.
#variable_conflict use_column
declare
    v_session regclass;
begin
    select c.oid::regclass
    into v_session
    from pg_class as c
    join pg_class as p on p.relnamespace = c.relnamespace
    join web.prune_state as q on q.tableoid = p.oid
    where c.relname = 'session';

    return query
    select
        count(*) filter (where s.expires_at > statement_timestamp()),
        count(*) filter (where s.expires_at <= statement_timestamp() and s.ended_at is null),
        count(*) filter (where s.ended_at is not null),
        pg_total_relation_size(v_session),
        pg_table_size(v_session),
        pg_indexes_size(v_session),
        pg_stat_get_dead_tuples(v_session),
        pg_stat_get_tuples_updated(v_session),
        pg_stat_get_tuples_hot_updated(v_session),
        (select p.last_pruned_at from web.prune_state as p),
        min(s.prune_after),
        -- Pruning leaves a row until both are over: a use with a shorter timeout does not move prune_after.
        min(greatest(s.expires_at, s.prune_after)) filter (
            where greatest(s.expires_at, s.prune_after) <= statement_timestamp()
                and s.ended_at is null
        ),
        statement_timestamp()
    from web.session as s;
end;
$body$,
        'web.store_status()',
        'Return one row about the store: sessions by state, sizes, updates and pruning. API: private'
        ],
        array[
        'api',
        'create_session',
        $head$create or replace function web.create_session(
    p_key bytea,
    p_data text,
    p_idle_timeout_seconds integer default null,
    p_absolute_timeout_seconds integer default null,
    p_user_id text default null,
    p_client_address inet default null,
    p_user_agent text default null,
    p_label text default null,
    p_max_sessions integer default null,
    p_expires_at timestamptz default null
)
returns web.created_session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- Never overwrites a row: otherwise a caller could take over, or be given, the session of another visitor. For a key in use
-- the application generates a new id (OWASP ASVS 5.0, 7.2.4).
--
-- PostgreSQL compiles every expression at each call. So one condition tells the ordinary call, and the timeouts are computed once.
declare
    v_now constant timestamptz := statement_timestamp();
    v_max_sessions integer;
    v_created web.created_session;
begin
    if (
        current_setting('transaction_isolation') = 'read committed'
        and octet_length(p_key) = 32
        -- The smallest value that max_data_bytes may have, so that the settings need not be read.
        and octet_length(p_data) <= 8192
        and p_idle_timeout_seconds is null
        and p_absolute_timeout_seconds is null
        and p_user_id is null
        and p_max_sessions is null
        and p_expires_at is null
    ) is not true then
        -- All values are checked before the insert, because the DETAIL of a constraint violation would show the row.
        if current_setting('transaction_isolation') = 'serializable'
            or octet_length(p_key) is distinct from 32
            or p_data is null
            or octet_length(p_data) > 8192
            or p_idle_timeout_seconds is not null
            or p_absolute_timeout_seconds is not null
            or p_user_id = ''
            or octet_length(p_user_id) > 1024
            or p_max_sessions < 0
            or p_expires_at is not null
        then
            perform web.check_key(p_key);
            perform web.check_data(p_data);
            perform web.check_session_attributes(p_idle_timeout_seconds, p_absolute_timeout_seconds, p_user_id, p_max_sessions, p_expires_at);
            p_idle_timeout_seconds := coalesce(p_idle_timeout_seconds, web.seconds_until(p_expires_at));
        end if;

        if p_user_id is not null or current_setting('transaction_isolation') <> 'read committed' then
            if p_user_id is not null then
                v_max_sessions := web.lock_user(p_user_id);
                v_max_sessions := coalesce(p_max_sessions, v_max_sessions);
            end if;
            -- Before a session is evicted: a call repeated after a lost answer must not evict another one. And a transaction on an
            -- old snapshot may still see a deleted row; a new row beside it would show the session twice.
            if exists (select from web.session as s where s.key = p_key) then
                return ('exists'::text, null::bigint, null::timestamptz, null::uuid, v_now);
            end if;
            if v_max_sessions > 0 and not web.enforce_session_limit(p_user_id, v_max_sessions) then
                return ('limit_reached'::text, null::bigint, null::timestamptz, null::uuid, v_now);
            end if;
        end if;
    end if;

    insert into web.session as s (
        expires_at,
        slide_at,
        absolute_expires_at,
        prune_after,
        idle_timeout_seconds,
        slide_interval_seconds,
        key,
        user_id,
        client_address,
        user_agent,
        label,
        data
    )
    select
        t.expires_at,
        least(v_now + make_interval(secs => least(t.slide_interval_seconds, t.absolute_timeout_seconds)), p_expires_at),
        coalesce(p_expires_at, v_now + make_interval(secs => t.absolute_timeout_seconds)),
        t.expires_at,
        t.idle_timeout_seconds,
        t.slide_interval_seconds,
        p_key,
        p_user_id,
        p_client_address,
        left(p_user_agent, 512),
        left(p_label, 256),
        p_data
    from (
        select
            coalesce(p_expires_at, v_now + make_interval(secs => least(a.idle_timeout_seconds, a.absolute_timeout_seconds))) as expires_at,
            web.slide_interval(a.idle_timeout_seconds, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds) as slide_interval_seconds,
            a.idle_timeout_seconds,
            a.absolute_timeout_seconds
        from web.settings as n
        cross join lateral (
            select
                coalesce(p_idle_timeout_seconds, n.idle_timeout_seconds) as idle_timeout_seconds,
                coalesce(p_absolute_timeout_seconds, n.absolute_timeout_seconds) as absolute_timeout_seconds
        ) as a
        -- Keeps the planner from copying an expression to each of its uses.
        offset 0
    ) as t
    on conflict (key) do nothing
    returning 'created', s.version, s.expires_at, s.handle, v_now
    into v_created;
    if not found then
        if not exists (select from web.settings) then
            perform web.raise_missing_settings();
        end if;
        return ('exists'::text, null::bigint, null::timestamptz, null::uuid, v_now);
    end if;

    if random() < 0.0625 then
        perform web.prune_random_pages();
    end if;
    return v_created;
end;
$body$,
        'web.create_session(bytea, text, integer, integer, text, inet, text, text, integer, timestamptz)',
        'Create a session under a key that is not in use. Returns one row with the outcome created, exists or limit_reached. API: public'
        ],
        array[
        'api',
        'end_session',
        $head$create or replace function web.end_session(
    p_key bytea
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- An unknown key gets a tombstone too: its first save may be under way, or uncommitted, and must find an ended session.
declare
    v_key bytea := p_key;
    v_handle uuid;
    v_has_ended boolean;
    v_is_live boolean;
    v_successor bytea;
begin
    if current_setting('transaction_isolation') = 'serializable' or octet_length(p_key) is distinct from 32 then
        perform web.check_key(p_key);
    end if;

    loop
        select s.handle, s.ended_at is not null, s.expires_at > statement_timestamp()
        into v_handle, v_has_ended, v_is_live
        from web.session as s
        where s.key = v_key;
        if not found then
            if web.insert_tombstone(v_key, 'logout') then
                return false;
            end if;
        elsif v_is_live then
            if web.tombstone_sessions(array[v_handle], 'logout') > 0 then
                return true;
            end if;
        elsif not v_has_ended then
            perform web.delete_expired_session(v_key);
        else
            -- With the key of before a rotation, a logout means the session under its present key.
            v_handle := web.resolve_key(v_key, false);
            if web.tombstone_sessions(array[v_handle], 'logout') > 0 then
                return true;
            end if;
            -- Without that session, its last key gets a tombstone. One snapshot shows that no live session has that key. So it is of
            -- no use to a caller whose settings print parameters.
            if v_handle is null then
                select s.successor
                into v_successor
                from web.session as s
                where s.key = v_key
                    and s.ended_at is not null
                    and web.resolve_key(v_key, false) is null;
                if found then
                    if v_successor is null then
                        return false;
                    end if;
                    v_key := v_successor;
                end if;
            end if;
        end if;
        -- The session changed between two statements, or has another key: try again.
    end loop;
end;
$body$,
        'web.end_session(bytea)',
        'End a session, so that no save brings it back. Returns false when there was no live session. API: public'
        ],
        array[
        'api',
        'end_user_session',
        $head$create or replace function web.end_user_session(
    p_user_id text,
    p_handle uuid
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- "Log out this device". The user id must match, so that no user can end the session of another user.
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    return web.tombstone_sessions(
        array(
            select s.handle
            from web.session as s
            where s.handle = p_handle
                and s.user_id = p_user_id collate "default"
                and s.expires_at > statement_timestamp()
            for no key update
        ),
        'revoked'
    ) > 0;
end;
$body$,
        'web.end_user_session(text, uuid)',
        'End one session of a user by its handle. Returns false when the user has no live session with that handle. API: public'
        ],
        array[
        'api',
        'end_user_sessions',
        $head$create or replace function web.end_user_sessions(
    p_user_id text,
    p_except_key bytea default null
)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- "Log out everywhere", or everywhere else (OWASP ASVS 5.0, 7.4.3). The lock lets a login that is under way finish first,
-- so that its session ends too.
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if octet_length(p_except_key) <> 32 then
        perform web.check_key(p_except_key);
    end if;

    perform web.lock_user(p_user_id);
    return web.end_sessions_of_user(p_user_id, web.resolve_key(p_except_key, false));
end;
$body$,
        'web.end_user_sessions(text, bytea)',
        'End the live sessions of a user, except the one with the key p_except_key, and return their number. API: public'
        ],
        array[
        'api',
        'load_session',
        $head$create or replace function web.load_session(
    p_key bytea,
    p_slide boolean default true
)
returns setof web.loaded_session
language plpgsql
volatile
security definer$head$,
$body$
-- Names are qualified as in load_session_value.
declare
    v_loaded constant web.loaded_session := web.load_session_value(p_key, p_slide);
begin
    if v_loaded.version is not null then
        return next v_loaded;
    end if;
end;
$body$,
        'web.load_session(bytea, boolean)',
        'Load a live session and slide its expiry when that is due, unless p_slide is false. Returns no row when there is no live session. API: public'
        ],
        array[
        'api',
        'load_session_value',
        $head$create or replace function web.load_session_value(
    p_key bytea,
    p_slide boolean default true
)
returns web.loaded_session
language plpgsql
volatile
security definer$head$,
$body$
-- slide_at is never later than expires_at, so one comparison proves that the session is live and needs no slide. That read
-- answers most requests without a write or a lock; load_session_slow does the rest.
--
-- A pinned search_path would cost a seventh of the time. So every name and operator here is qualified instead.
declare
    v_loaded web.loaded_session;
begin
    -- A serializable transaction looks for no key, so that it locks no page; raise_serializable gives the reason. Inside the
    -- statement this would cost more: PostgreSQL compiles the condition of an index scan twice at every call.
    if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.<>) 'serializable' then
        select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, pg_catalog.statement_timestamp()
        into v_loaded
        from web.session as s
        where s.key operator(pg_catalog.=) p_key
            and s.slide_at operator(pg_catalog.>) pg_catalog.statement_timestamp();
    end if;
    if not found then
        select d.data, d.version, d.expires_at, d.user_id, d.server_time
        into v_loaded
        from web.load_session_slow(p_key, p_slide) as d;
        if not found then
            return null;
        end if;
    end if;
    return v_loaded;
end;
$body$,
        'web.load_session_value(bytea, boolean)',
        'Load as load_session does, but return one composite value, or null when there is no live session. A driver that decodes it saves the server a fifth of the time. API: public'
        ],
        array[
        'api',
        'load_sessions',
        $head$create or replace function web.load_sessions(
    p_keys bytea[],
    p_slide boolean default true
)
returns setof web.loaded_sessions
language plpgsql
stable
security definer$head$,
$body$
-- The fast path of load_session for many keys: one read that writes nothing and waits for nothing. Names are qualified as in load_session_value.
--
-- The subquery hides the length of the array from the planner. So all calls share one plan; with the length in sight, each small
-- array would get a plan of its own.
#variable_conflict use_column
begin
    -- Before it reads, so that it locks no page.
    if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.=) 'serializable' then
        perform web.raise_serializable();
    end if;

    return query
    select s.key, coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, pg_catalog.statement_timestamp()
    from web.session as s
    where s.key operator(pg_catalog.=) any ((select p_keys)::pg_catalog.bytea[])
        and case when p_slide then s.slide_at else s.expires_at end operator(pg_catalog.>) pg_catalog.statement_timestamp();
end;
$body$,
        'web.load_sessions(bytea[], boolean)',
        'Load those of many sessions that are live and need no slide, each as load_session would. For every key that it does not return, call load_session. API: public'
        ],
        array[
        'api',
        'lock_session',
        $head$create or replace function web.lock_session(
    p_key bytea,
    p_lock_timeout_milliseconds integer default 5000
)
returns setof web.loaded_session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- For requests of one visitor that must not run at the same time, for example a payment. The row stays locked until the
-- transaction of the caller ends; saves and ends wait for it, loads do not.
#variable_conflict use_column
declare
    v_lock_timeout constant text := current_setting('lock_timeout');
begin
    if current_setting('transaction_isolation') = 'serializable' or octet_length(p_key) is distinct from 32 then
        perform web.check_key(p_key);
    end if;
    if p_lock_timeout_milliseconds is null or p_lock_timeout_milliseconds < 1 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'the lock timeout is at least one millisecond',
            hint = 'Pass a positive number of milliseconds.';
    end if;

    perform set_config('lock_timeout', p_lock_timeout_milliseconds::text, true);
    return query
    select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, statement_timestamp()
    from web.session as s
    where s.key = p_key
        and s.expires_at > statement_timestamp()
    for no key update;
    perform set_config('lock_timeout', v_lock_timeout, true);
end;
$body$,
        'web.lock_session(bytea, integer)',
        'Load a live session and lock it until the end of the transaction. Raises 55P03 when another transaction holds the lock for longer than the lock timeout. API: public'
        ],
        array[
        'api',
        'login_session',
        $head$create or replace function web.login_session(
    p_old_key bytea,
    p_new_key bytea,
    p_user_id text,
    p_idle_timeout_seconds integer default null,
    p_absolute_timeout_seconds integer default null,
    p_client_address inet default null,
    p_user_agent text default null,
    p_label text default null,
    p_max_sessions integer default null,
    p_expires_at timestamptz default null
)
returns web.saved_session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- A new id at login (OWASP ASVS 5.0, 7.2.4). No grace: an attacker who planted the old id (session fixation) would read the
-- data of the user.
declare
    v_now constant timestamptz := statement_timestamp();
    v_max_sessions integer;
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if p_user_id is null then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a user id has 1 to 1024 bytes',
            hint = 'To remove the user from a session, call logout_session.';
    end if;
    if p_idle_timeout_seconds is not null
        or p_absolute_timeout_seconds is not null
        or p_user_id = ''
        or octet_length(p_user_id) > 1024
        or p_max_sessions < 0
        or p_expires_at is not null
    then
        perform web.check_session_attributes(p_idle_timeout_seconds, p_absolute_timeout_seconds, p_user_id, p_max_sessions, p_expires_at);
    end if;

    v_max_sessions := web.lock_user(p_user_id);
    v_max_sessions := coalesce(p_max_sessions, v_max_sessions);
    -- A session of this user does not count twice. A call that changes nothing must not evict a session.
    if v_max_sessions > 0
        and exists (
            select
            from web.session as s
            where s.key = p_old_key
                and s.expires_at > v_now
                and s.user_id is distinct from p_user_id collate "default"
        )
        and not exists (select from web.session as s where s.key = p_new_key)
        and not web.enforce_session_limit(p_user_id, v_max_sessions)
    then
        return ('limit_reached'::text, null::bigint, null::timestamptz, v_now);
    end if;

    return web.change_session_key(
        p_old_key,
        p_new_key,
        'login',
        p_user_id => p_user_id,
        p_idle_timeout_seconds => p_idle_timeout_seconds,
        p_absolute_timeout_seconds => p_absolute_timeout_seconds,
        p_client_address => p_client_address,
        p_user_agent => p_user_agent,
        p_label => p_label,
        p_expires_at => p_expires_at
    );
end;
$body$,
        'web.login_session(bytea, bytea, text, integer, integer, inet, text, text, integer, timestamptz)',
        'Give a session to a user, under a new key. Returns one row with the outcome rotated, gone, exists or limit_reached. API: public'
        ],
        array[
        'api',
        'logout_session',
        $head$create or replace function web.logout_session(
    p_old_key bytea,
    p_new_key bytea
)
returns web.saved_session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- The visitor keeps the data, for example a shopping basket. The new id is one that no request of the user has carried. To
-- end the session with its data, call end_session.
begin
    return web.change_session_key(p_old_key, p_new_key, 'logout');
end;
$body$,
        'web.logout_session(bytea, bytea)',
        'Remove the user from a session and keep its data, under a new key and handle. Returns one row with the outcome rotated, gone or exists. API: public'
        ],
        array[
        'api',
        'notify_channel',
        $head$create or replace function web.notify_channel()
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
begin
    return (select s.notify_channel from web.settings as s);
end;
$body$,
        'web.notify_channel()',
        'Return the channel on which the store announces sessions that end; null when there is none. API: public'
        ],
        array[
        'api',
        'prune_sessions',
        $head$create or replace function web.prune_sessions(
    p_max_rows integer default 1000
)
returns table (
    outcome text,
    deleted integer,
    rescheduled integer
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- Slides do not change prune_after, or each of them would write the index. So a row that is due here may have been used
-- since, and is rescheduled for its present expiry. Locked rows are skipped, so that pruning never waits.
#variable_conflict use_column
declare
    v_now constant timestamptz := statement_timestamp();
    v_tombstone interval;
    v_is_announced boolean;
    v_from timestamptz;
    v_deleted integer;
    v_rescheduled integer;
    v_last_after timestamptz;
begin
    if p_max_rows is null or p_max_rows < 1 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a batch has at least one row',
            hint = 'Pass a positive number of rows.';
    end if;

    -- The lock is a row that only the owner role can lock: every role could hold an advisory lock.
    select p.resume_from, make_interval(secs => s.tombstone_retention_seconds), s.notify_channel is not null
    into v_from, v_tombstone, v_is_announced
    from web.prune_state as p
    cross join web.settings as s
    for no key update of p skip locked;
    if not found then
        if not exists (select from web.prune_state cross join web.settings) then
            perform web.raise_missing_settings();
        end if;
        return query select 'busy'::text, 0, 0;
        return;
    end if;

    with due as materialized (
        select
            s.key,
            s.handle,
            s.ended_at,
            s.prune_after,
            coalesce(s.ended_at + v_tombstone, s.expires_at) as keep_until
        from web.session as s
        where s.prune_after >= v_from
            and s.prune_after <= v_now
        order by s.prune_after
        limit p_max_rows
        for update skip locked
    ),
    removed as (
        delete from web.session as s
        using due as d
        where s.key = d.key
            and d.keep_until <= v_now
        returning d.handle, d.ended_at
    ),
    rescheduled as (
        update web.session as s
        set prune_after = d.keep_until
        from due as d
        where s.key = d.key
            and d.keep_until > v_now
        returning s.key
    )
    select
        (
            select count(*)
            from removed as r
            left join lateral (
                select web.notify_session_end(r.handle, 'expired')
                where v_is_announced
                    and r.ended_at is null
            ) as a on true
        ),
        (select count(*) from rescheduled),
        (select max(d.prune_after) from due as d)
    into v_deleted, v_rescheduled, v_last_after;

    -- The next batch starts where this one ended. An old snapshot may keep the index entries of deleted rows for hours,
    -- and each batch would read all of them again.
    update web.prune_state as p
    set
        resume_from = case
            when v_deleted + v_rescheduled < p_max_rows then '-infinity'
            else v_last_after
        end,
        last_pruned_at = v_now;

    return query select 'pruned'::text, v_deleted, v_rescheduled;
end;
$body$,
        'web.prune_sessions(integer)',
        'Delete one batch of expired sessions and old tombstones. Returns one row with the outcome pruned or busy; nothing is left once deleted + rescheduled is less than p_max_rows. API: public'
        ],
        array[
        'api',
        'rotate_session',
        $head$create or replace function web.rotate_session(
    p_old_key bytea,
    p_new_key bytea,
    p_grace_seconds integer default 0
)
returns web.saved_session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- The grace is for other requests of the same page, which still carry the old id. Longer than a minute, it would help an
-- attacker who has the old id.
begin
    if p_grace_seconds is null or p_grace_seconds not between 0 and 60 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'the grace of a rotation is 0 to 60 seconds',
            hint = 'Pass 0 when no other request carries the old id.';
    end if;
    return web.change_session_key(p_old_key, p_new_key, 'rotate', p_grace_seconds);
end;
$body$,
        'web.rotate_session(bytea, bytea, integer)',
        'Give a session a new key, and let the old key load it for p_grace_seconds. Returns one row with the outcome rotated, gone or exists. API: public'
        ],
        array[
        'api',
        'save_session',
        $head$create or replace function web.save_session(
    p_key bytea,
    p_data text,
    p_expected_version bigint default null,
    p_idle_timeout_seconds integer default null,
    p_absolute_timeout_seconds integer default null,
    p_expires_at timestamptz default null
)
returns web.saved_session
language plpgsql
volatile
security definer$head$,
$body$
-- Only an update: a slow request cannot bring back a session that was ended or pruned. As in load_session_value, slide_at proves
-- that the session is live, and names are qualified. PostgreSQL compiles every expression at each call, so there are few.
#variable_conflict use_column
declare
    v_saved web.saved_session;
begin
    if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.<>) 'serializable'
        -- The smallest value that max_data_bytes may have, so that the settings need not be read.
        and pg_catalog.octet_length(p_data) operator(pg_catalog.<=) 8192
        and p_absolute_timeout_seconds is null
        and p_expires_at is null
    then
        update web.session as s
        set
            version = s.version operator(pg_catalog.+) 1,
            data = p_data
        where s.key operator(pg_catalog.=) p_key
            and s.slide_at operator(pg_catalog.>) pg_catalog.statement_timestamp()
            and s.version operator(pg_catalog.=) coalesce(p_expected_version, s.version)
            -- The same idle timeout again is no new lifetime.
            and s.idle_timeout_seconds operator(pg_catalog.=) coalesce(p_idle_timeout_seconds, s.idle_timeout_seconds)
            -- A comparison by bytes, whatever collation the caller gives the parameter.
            and s.data operator(pg_catalog.<>) p_data collate pg_catalog."C"
        returning 'saved', s.version, s.expires_at, pg_catalog.statement_timestamp()
        into v_saved;
    end if;
    if not found then
        select d.outcome, d.version, d.expires_at, d.server_time
        into v_saved
        from web.save_session_slow(p_key, p_data, p_expected_version, p_idle_timeout_seconds, p_absolute_timeout_seconds, p_expires_at) as d;
    end if;
    return v_saved;
end;
$body$,
        'web.save_session(bytea, text, bigint, integer, integer, timestamptz)',
        'Replace the data of a live session, if its version is p_expected_version or that is null, and its lifetime if one is passed. Returns one row with the outcome saved, same, conflict or gone. API: public'
        ],
        array[
        'api',
        'save_sessions',
        $head$create or replace function web.save_sessions(
    p_keys bytea[],
    p_data text[],
    p_expected_versions bigint[] default null,
    p_idle_timeout_seconds integer[] default null
)
returns setof web.saved_sessions
language plpgsql
volatile
security definer
set plan_cache_mode = force_generic_plan$head$,
$body$
-- The fast path of save_session for many keys, with qualified names. It locks rows in the order of their keys and skips locked
-- rows, so many saves in one transaction wait for no other. A row that changed after the snapshot is skipped too: the lock is
-- on its newest version, which the outer update does not read.
#variable_conflict use_column
begin
    -- Before it reads, so that it locks no page.
    if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.=) 'serializable' then
        perform web.raise_serializable();
    end if;
    -- A version that is missing would mean any version.
    if pg_catalog.cardinality(p_data) operator(pg_catalog.<>) pg_catalog.cardinality(p_keys)
        or pg_catalog.cardinality(p_expected_versions) operator(pg_catalog.<>) pg_catalog.cardinality(p_keys)
        or pg_catalog.cardinality(p_idle_timeout_seconds) operator(pg_catalog.<>) pg_catalog.cardinality(p_keys)
    then
        perform web.raise_array_lengths();
    end if;

    return query
    update web.session as s
    set
        version = s.version operator(pg_catalog.+) 1,
        data = l.data
    from (
        select d.ctid, k.ordinality, k.data
        from (
            -- Of equal keys the first: one statement updates a row once.
            select distinct on (u.key) u.key, u.ordinality, u.data, u.version, u.idle_timeout_seconds
            from rows from (
                pg_catalog.unnest(p_keys),
                pg_catalog.unnest(p_data),
                pg_catalog.unnest(p_expected_versions),
                pg_catalog.unnest(p_idle_timeout_seconds)
            ) with ordinality as u (key, data, version, idle_timeout_seconds, ordinality)
            order by u.key, u.ordinality
        ) as k
        join web.session as d on d.key operator(pg_catalog.=) k.key
        where pg_catalog.octet_length(k.data) operator(pg_catalog.<=) 8192
            and d.slide_at operator(pg_catalog.>) pg_catalog.statement_timestamp()
            and d.version operator(pg_catalog.=) coalesce(k.version, d.version)
            and d.idle_timeout_seconds operator(pg_catalog.=) coalesce(k.idle_timeout_seconds, d.idle_timeout_seconds)
            and d.data operator(pg_catalog.<>) k.data collate pg_catalog."C"
        order by d.key
        for no key update of d skip locked
    ) as l
    where s.ctid operator(pg_catalog.=) l.ctid
    returning l.ordinality, s.version, s.expires_at, pg_catalog.statement_timestamp();
end;
$body$,
        'web.save_sessions(bytea[], text[], bigint[], integer[])',
        'Save those of many sessions that save_session would save at once. For every position that it does not return, call save_session. API: public'
        ],
        array[
        'api',
        'session_info',
        $head$create or replace function web.session_info(
    p_key bytea
)
returns table (
    state text,
    reason text,
    handle uuid,
    user_id text,
    created_at timestamptz,
    last_used_at timestamptz,
    expires_at timestamptz,
    absolute_expires_at timestamptz,
    client_address inet,
    user_agent text,
    label text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- For logs and metrics after a load that found no session, and for the handle of a session. Visitors must not see whether
-- a session has expired, was ended or never existed.
#variable_conflict use_column
begin
    if current_setting('transaction_isolation') = 'serializable' or octet_length(p_key) is distinct from 32 then
        perform web.check_key(p_key);
    end if;
    return query
    select
        case
            when s.expires_at > statement_timestamp() then 'live'
            when s.ended_at is not null then 'ended'
            else 'expired'
        end,
        s.ended_reason,
        -- After a rotation the session under the new key has the handle.
        case when s.successor is null then s.handle end,
        s.user_id,
        s.created_at,
        s.last_used_at,
        nullif(s.expires_at, '-infinity'),
        s.absolute_expires_at,
        s.client_address,
        s.user_agent,
        s.label
    from web.session as s
    where s.key = p_key;
    if not found then
        return query
        select
            'missing'::text,
            null::text,
            null::uuid,
            null::text,
            null::timestamptz,
            null::timestamptz,
            null::timestamptz,
            null::timestamptz,
            null::inet,
            null::text,
            null::text;
    end if;
end;
$body$,
        'web.session_info(bytea)',
        'Return what is known about a session, except its data. Returns one row with the state live, expired, ended or missing. API: public'
        ],
        array[
        'api',
        'touch_session',
        $head$create or replace function web.touch_session(
    p_key bytea,
    p_idle_timeout_seconds integer default null,
    p_absolute_timeout_seconds integer default null,
    p_expires_at timestamptz default null
)
returns timestamptz
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- For a request that needs no data, only a live session.
declare
    v_expires_at timestamptz;
    v_slide_at timestamptz;
begin
    if current_setting('transaction_isolation') = 'serializable' or octet_length(p_key) is distinct from 32 then
        perform web.check_key(p_key);
    end if;
    if num_nonnulls(p_idle_timeout_seconds, p_absolute_timeout_seconds, p_expires_at) > 0 then
        perform web.check_session_attributes(p_idle_timeout_seconds, p_absolute_timeout_seconds, null, null, p_expires_at);
        return web.set_session_lifetime(p_key, p_idle_timeout_seconds, p_absolute_timeout_seconds, p_expires_at);
    end if;

    select s.expires_at, s.slide_at
    into v_expires_at, v_slide_at
    from web.session as s
    where s.key = p_key
        and s.expires_at > statement_timestamp();

    if v_slide_at <= statement_timestamp() then
        perform web.slide_session(p_key);
        v_expires_at := (
            select s.expires_at
            from web.session as s
            where s.key = p_key
                and s.expires_at > statement_timestamp()
        );
    end if;
    return v_expires_at;
end;
$body$,
        'web.touch_session(bytea, integer, integer, timestamptz)',
        'Slide the expiry of a live session when that is due, set its lifetime if one is passed, and return the expiry. Returns null when there is no live session. API: public'
        ],
        array[
        'api',
        'user_sessions',
        $head$create or replace function web.user_sessions(
    p_user_id text
)
returns table (
    handle uuid,
    created_at timestamptz,
    last_used_at timestamptz,
    expires_at timestamptz,
    client_address inet,
    user_agent text,
    label text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- For a page "your devices". Without keys and data, so that the list gives access to no session.
#variable_conflict use_column
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    return query
    select
        s.handle,
        s.created_at,
        s.last_used_at,
        s.expires_at,
        s.client_address,
        s.user_agent,
        s.label
    from web.session as s
    where s.user_id = p_user_id collate "default"
        and s.ended_at is null
        and s.expires_at > statement_timestamp()
    order by s.last_used_at desc, s.created_at desc;
end;
$body$,
        'web.user_sessions(text)',
        'Return the live sessions of a user, the most recently used one first. API: public'
        ],
        array[
        'compat',
        'clear_sessions',
        $head$create or replace function web.clear_sessions()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- The lock excludes writers, so that no deadlock over rows is possible. Tombstones are deleted too, because callers of this
-- interface use the same ids again. DELETE, because a row filter of logical replication does not apply to TRUNCATE.
begin
    perform web.lock_sessions();
    delete from web.session;
    -- An ended session must not come back after a crash, even if other commits of the connection do not wait for the disk.
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    perform web.notify_session_end(null, 'revoked');
end;
$body$,
        'web.clear_sessions()',
        'connect-pg interface: delete every session and every tombstone. Waits for writers, 10 seconds at most. API: public'
        ],
        array[
        'compat',
        'count_sessions',
        $head$create or replace function web.count_sessions()
returns integer
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
begin
    return (
        select count(*)::integer
        from web.session as s
        where s.expires_at > statement_timestamp()
    );
end;
$body$,
        'web.count_sessions()',
        'connect-pg interface: return the number of live sessions. Reads the whole table. API: public'
        ],
        array[
        'compat',
        'destroy_session',
        $head$create or replace function web.destroy_session(
    sessid text
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
begin
    if sessid is null then
        return;
    end if;
    perform web.end_session(sha256(convert_to(sessid, 'UTF8')));
end;
$body$,
        'web.destroy_session(text)',
        'connect-pg interface: end a session, so that no save brings it back. API: public'
        ],
        array[
        'compat',
        'get_session_data',
        $head$create or replace function web.get_session_data(
    sessid text
)
returns setof text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- The key is in a variable, so that the plan is a lookup by the primary key, on a sharded server too.
declare
    v_key constant bytea := sha256(convert_to(sessid, 'UTF8'));
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    return query
    select s.data
    from web.session as s
    where s.key = v_key
        and s.expires_at > statement_timestamp();
end;
$body$,
        'web.get_session_data(text)',
        'connect-pg interface: return the data of a live session; no row when there is none. Does not slide the expiry. API: public'
        ],
        array[
        'compat',
        'set_session_data',
        $head$create or replace function web.set_session_data(
    sessid text,
    sessdata text,
    expire timestamptz
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- One "set" for create and update, which therefore cannot be told apart. A tombstone keeps a slow request from undoing a
-- logout.
declare
    v_now constant timestamptz := statement_timestamp();
    v_key bytea;
    v_expire timestamptz := expire;
    v_settings record;
    v_idle_timeout_seconds integer;
    v_absolute_expires_at timestamptz;
    v_slide_interval_seconds integer;
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if sessid is null then
        raise exception using
            errcode = 'null_value_not_allowed',
            message = 'the session id must not be null',
            hint = 'Pass the session id as text.';
    end if;
    if octet_length(sessdata) > 8192 then
        perform web.check_data(sessdata);
    end if;
    v_key := sha256(convert_to(sessid, 'UTF8'));

    select n.* into v_settings from web.settings as n;
    if not found then
        perform web.raise_missing_settings();
    end if;
    v_idle_timeout_seconds := v_settings.idle_timeout_seconds;
    -- Null means the default timeout, not a session without an end.
    if v_expire is null then
        v_expire := v_now + make_interval(secs => v_idle_timeout_seconds);
    elsif v_expire > v_now then
        -- Later slides keep the lifetime that the caller chose.
        v_expire := least(v_expire, v_now + make_interval(secs => v_settings.max_timeout_seconds));
        v_idle_timeout_seconds := ceil(extract(epoch from v_expire - v_now))::integer;
    end if;
    v_absolute_expires_at := v_now + make_interval(secs => v_settings.absolute_timeout_seconds);
    v_slide_interval_seconds := web.slide_interval(
        v_idle_timeout_seconds,
        v_settings.slide_percent,
        v_settings.slide_min_seconds,
        v_settings.slide_max_seconds
    );

    loop
        update web.session as s
        set
            expires_at = least(v_expire, s.absolute_expires_at),
            slide_at = least(v_now + make_interval(secs => v_slide_interval_seconds), v_expire, s.absolute_expires_at),
            last_used_at = v_now,
            version = s.version + 1,
            idle_timeout_seconds = v_idle_timeout_seconds,
            slide_interval_seconds = v_slide_interval_seconds,
            data = sessdata
        where s.key = v_key
            and s.expires_at > v_now;
        if found then
            return;
        end if;

        -- With an expiry in the past too: the insert waits for an uncommitted first save of the same id.
        insert into web.session as s (
            expires_at,
            slide_at,
            absolute_expires_at,
            prune_after,
            idle_timeout_seconds,
            slide_interval_seconds,
            key,
            data
        )
        values (
            least(v_expire, v_absolute_expires_at),
            least(v_now + make_interval(secs => v_slide_interval_seconds), v_expire, v_absolute_expires_at),
            v_absolute_expires_at,
            greatest(least(v_expire, v_absolute_expires_at), v_now),
            v_idle_timeout_seconds,
            v_slide_interval_seconds,
            v_key,
            sessdata
        )
        on conflict (key) do nothing;
        if found then
            if random() < 0.0625 then
                perform web.prune_random_pages();
            end if;
            return;
        end if;

        if exists (
            select
            from web.session as s
            where s.key = v_key
                and s.ended_at is not null
        ) then
            return;
        end if;
        -- An expired session is replaced, as if it had been pruned; an ended one is not.
        perform web.delete_expired_session(v_key);
    end loop;
end;
$body$,
        'web.set_session_data(text, text, timestamptz)',
        'connect-pg interface: create or replace a session with this data and expiry. Has no effect on a session that was ended. API: public'
        ],
        array[
        'internal',
        'change_session_key',
        $head$create or replace function web.change_session_key(
    p_old_key bytea,
    p_new_key bytea,
    p_change text,
    p_grace_seconds integer default 0,
    p_user_id text default null,
    p_idle_timeout_seconds integer default null,
    p_absolute_timeout_seconds integer default null,
    p_client_address inet default null,
    p_user_agent text default null,
    p_label text default null,
    p_expires_at timestamptz default null
)
returns web.saved_session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- The row takes the new key, and a tombstone that points to it takes the old one. So a late save under the old key finds an
-- ended session, and a logout with the old key finds the session.
declare
    v_now constant timestamptz := statement_timestamp();
    v_slide_interval_seconds integer;
    v_absolute_expires_at timestamptz;
    v_handle uuid;
    v_is_other_user boolean;
    -- Null for a rotation, which is not announced.
    v_is_announced boolean;
    v_changed web.saved_session;
begin
    if current_setting('transaction_isolation') = 'serializable'
        or octet_length(p_old_key) is distinct from 32
        or octet_length(p_new_key) is distinct from 32
        or p_old_key = p_new_key
    then
        perform web.check_key(p_old_key);
        perform web.check_key(p_new_key);
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'the new key equals the old key',
            hint = 'Generate a new session id.';
    end if;

    -- The unique index finds a new key that is in use, be it by an uncommitted insert.
    begin
        if p_change = 'rotate' then
            update web.session as s
            set
                expires_at = web.expiry_after_use(s.expires_at, s.idle_timeout_seconds, s.absolute_expires_at),
                slide_at = least(v_now + make_interval(secs => s.slide_interval_seconds), s.absolute_expires_at),
                last_used_at = v_now,
                key = p_new_key
            where s.key = p_old_key
                and s.expires_at > v_now
            returning 'rotated', s.version, s.expires_at, v_now
            into v_changed;
        else
            -- Only a change of the key could change these before the update.
            select
                s.handle,
                coalesce(s.user_id <> p_user_id collate "default", p_user_id is null),
                (select n.notify_channel is not null from web.settings as n)
            into v_handle, v_is_other_user, v_is_announced
            from web.session as s
            where s.key = p_old_key
                and s.expires_at > v_now;
            p_idle_timeout_seconds := coalesce(p_idle_timeout_seconds, web.seconds_until(p_expires_at));
            if p_idle_timeout_seconds is not null then
                v_slide_interval_seconds := (select web.slide_interval(p_idle_timeout_seconds, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds) from web.settings as n);
            end if;
            v_absolute_expires_at := coalesce(p_expires_at, v_now + make_interval(secs => p_absolute_timeout_seconds));

            update web.session as s
            set
                expires_at = web.expiry_after_use(
                    case when p_user_id is null then s.expires_at end,
                    coalesce(p_idle_timeout_seconds, s.idle_timeout_seconds),
                    coalesce(v_absolute_expires_at, s.absolute_expires_at)
                ),
                slide_at = least(
                    v_now + make_interval(secs => coalesce(v_slide_interval_seconds, s.slide_interval_seconds)),
                    coalesce(v_absolute_expires_at, s.absolute_expires_at)
                ),
                last_used_at = v_now,
                absolute_expires_at = coalesce(v_absolute_expires_at, s.absolute_expires_at),
                idle_timeout_seconds = coalesce(p_idle_timeout_seconds, s.idle_timeout_seconds),
                slide_interval_seconds = coalesce(v_slide_interval_seconds, s.slide_interval_seconds),
                key = p_new_key,
                user_id = p_user_id,
                -- What is known by the handle of one user's session must not continue as another's.
                handle = case when v_is_other_user then gen_random_uuid() else s.handle end,
                client_address = coalesce(p_client_address, s.client_address),
                user_agent = coalesce(left(p_user_agent, 512), s.user_agent),
                label = coalesce(left(p_label, 256), case when not v_is_other_user then s.label end)
            where s.key = p_old_key
                and s.handle = v_handle
                and s.expires_at > v_now
            returning 'rotated', s.version, s.expires_at, v_now
            into v_changed;
        end if;
    exception
        when unique_violation then
            return ('exists'::text, null::bigint, null::timestamptz, v_now);
    end;

    if not found then
        -- The caller may have repeated the call after a lost answer. Another call with these keys does not count.
        select 'rotated', s.version, s.expires_at, v_now
        into v_changed
        from web.session as o
        join web.session as s on s.key = o.successor
        where o.key = p_old_key
            and o.successor = p_new_key
            and s.expires_at > v_now
            and (p_change = 'rotate' or s.user_id is not distinct from p_user_id collate "default");
        if not found then
            return ('gone'::text, null::bigint, null::timestamptz, v_now);
        end if;
        return v_changed;
    end if;

    -- Without a grace no time is stored: after the clock was set back, or for a load that began before, it would be in the future.
    if web.insert_tombstone(p_old_key, 'rotated', p_new_key, nullif(p_grace_seconds, 0)) and v_is_announced then
        -- A web socket of this session may belong to an attacker who knows the old id: it must reconnect with the new one.
        perform web.notify_session_end(v_handle, case when v_is_other_user then 'logout' else 'rotated' end);
    end if;
    return v_changed;
end;
$body$,
        'web.change_session_key(bytea, bytea, text, integer, text, integer, integer, inet, text, text, timestamptz)',
        'Give a live session a new key, leave a tombstone under the old one, and set the user for the change login or logout. Returns what rotate_session returns. API: private'
        ],
        array[
        'internal',
        'check_data',
        $head$create or replace function web.check_data(
    p_data text
)
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- Callers skip this for data of up to 8 KiB, the smallest value that max_data_bytes may have.
declare
    v_limit integer;
begin
    if p_data is null then
        raise exception using
            errcode = 'null_value_not_allowed',
            message = 'session data must not be null',
            hint = 'Pass JSON text; an empty session is {}.';
    end if;
    select s.max_data_bytes into v_limit from web.settings as s;
    if octet_length(p_data) > v_limit then
        raise exception using
            errcode = 'program_limit_exceeded',
            message = format('session data has %s bytes; the limit of this store is %s', octet_length(p_data), v_limit),
            hint = 'Store less data in the session, or raise the limit: session-admin configure max_data_bytes=2097152';
    end if;
end;
$body$,
        'web.check_data(text)',
        'Raise 22004 when session data is null, 54000 when it is larger than the limit of the store. API: private'
        ],
        array[
        'internal',
        'check_key',
        $head$create or replace function web.check_key(
    p_key bytea
)
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- Not immutable: the planner would call it in advance, and refuse every key.
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if octet_length(p_key) is distinct from 32 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a session key has 32 bytes',
            hint = 'Pass sha256 of the session id, as bytea.';
    end if;
end;
$body$,
        'web.check_key(bytea)',
        'Raise 25000 in a serializable transaction, 22023 when a session key does not have 32 bytes. API: private'
        ],
        array[
        'internal',
        'check_session_attributes',
        $head$create or replace function web.check_session_attributes(
    p_idle_timeout_seconds integer,
    p_absolute_timeout_seconds integer,
    p_user_id text,
    p_max_sessions integer,
    p_expires_at timestamptz default null
)
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
declare
    v_max_timeout_seconds constant integer := (select s.max_timeout_seconds from web.settings as s);
begin
    if v_max_timeout_seconds is null then
        perform web.raise_missing_settings();
    end if;
    if p_idle_timeout_seconds < 1 or p_absolute_timeout_seconds < 1 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a timeout is at least one second',
            hint = 'Pass null for the default.';
    end if;
    if greatest(p_idle_timeout_seconds, p_absolute_timeout_seconds) > v_max_timeout_seconds then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = format('a timeout of this store is at most %s seconds', v_max_timeout_seconds),
            hint = format('Pass less, or raise the limit: session-admin configure max_timeout_seconds=%s',
                greatest(p_idle_timeout_seconds, p_absolute_timeout_seconds));
    end if;
    if p_expires_at is not null then
        if p_idle_timeout_seconds is not null or p_absolute_timeout_seconds is not null then
            raise exception using
                errcode = 'invalid_parameter_value',
                message = 'a session has timeouts or an expiry at a point in time, not both',
                hint = 'Pass null for p_expires_at, or for both timeouts.';
        end if;
        if p_expires_at > statement_timestamp() + make_interval(secs => v_max_timeout_seconds) or not isfinite(p_expires_at) then
            raise exception using
                errcode = 'invalid_parameter_value',
                message = format('the expiry of a session of this store is at most %s seconds from now', v_max_timeout_seconds),
                hint = 'Pass an earlier time, or raise the limit: session-admin configure max_timeout_seconds=SECONDS';
        end if;
    end if;
    if p_user_id = '' or octet_length(p_user_id) > 1024 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a user id has 1 to 1024 bytes',
            hint = 'For a session without a user, call create_session with null.';
    end if;
    if p_max_sessions < 0 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a limit of sessions is at least 0',
            hint = 'Pass null for the limit of the store, 0 for no limit.';
    end if;
end;
$body$,
        'web.check_session_attributes(integer, integer, text, integer, timestamptz)',
        'Raise 22023 when a timeout, the expiry, the user id or the limit of sessions is out of range. API: private'
        ],
        array[
        'internal',
        'delete_expired_session',
        $head$create or replace function web.delete_expired_session(
    p_key bytea
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- Waits for a transaction that uses the row. A session that it has set again is not expired, and stays.
declare
    v_handle uuid;
begin
    delete from web.session as s
    where s.key = p_key
        and s.ended_at is null
        and s.expires_at <= statement_timestamp()
    returning s.handle into v_handle;
    if found then
        perform web.notify_session_end(v_handle, 'expired');
    end if;
end;
$body$,
        'web.delete_expired_session(bytea)',
        'Delete the session under this key if it has expired, and announce it, as pruning does. API: private'
        ],
        array[
        'internal',
        'end_sessions_of_user',
        $head$create or replace function web.end_sessions_of_user(
    p_user_id text,
    p_except_handle uuid
)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- The caller holds lock_user, so that no login adds a session meanwhile. Rows are locked in the order of their keys, which
-- a rotation may change; the handle of the session to keep stays the same.
begin
    return web.tombstone_sessions(
        array(
            select s.handle
            from web.session as s
            where s.user_id = p_user_id collate "default"
                and s.ended_at is null
                and s.expires_at > statement_timestamp()
                and s.handle is distinct from p_except_handle
            order by s.key
            for no key update
        ),
        'revoked'
    )::integer;
end;
$body$,
        'web.end_sessions_of_user(text, uuid)',
        'End the live sessions of a user except the one with this handle, and return their number. API: private'
        ],
        array[
        'internal',
        'enforce_session_limit',
        $head$create or replace function web.enforce_session_limit(
    p_user_id text,
    p_max_sessions integer
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- The caller holds lock_user, so that the count stays correct. Locked sessions are skipped, because their transaction may
-- wait for that lock.
declare
    v_excess bigint;
begin
    select count(*) + 1 - p_max_sessions
    into v_excess
    from web.session as s
    where s.user_id = p_user_id collate "default"
        and s.ended_at is null
        and s.expires_at > statement_timestamp();
    if v_excess <= 0 then
        return true;
    end if;
    if (select n.reject_over_limit from web.settings as n) then
        return false;
    end if;

    perform web.tombstone_sessions(
        array(
            select s.handle
            from web.session as s
            where s.user_id = p_user_id collate "default"
                and s.ended_at is null
                and s.expires_at > statement_timestamp()
            order by s.last_used_at, s.created_at
            limit v_excess
            for no key update skip locked
        ),
        'evicted'
    );
    return true;
end;
$body$,
        'web.enforce_session_limit(text, integer)',
        'Evict the least recently used sessions of a user, so that one more is within the limit. Returns false when the settings reject the new session instead. API: private'
        ],
        array[
        'internal',
        'expiry_after_use',
        $head$create or replace function web.expiry_after_use(
    p_expires_at timestamptz,
    p_idle_timeout_seconds integer,
    p_absolute_expires_at timestamptz
)
returns timestamptz
language sql
stable$head$,
$body$
-- Inlined into the statements that call it, so it is a plain SQL function without settings.
--
-- Never earlier than before: an expiry set by hand, or a clock that was set back, must not end a session early.
select least(
    greatest(p_expires_at, pg_catalog.statement_timestamp() operator(pg_catalog.+) pg_catalog.make_interval(secs => p_idle_timeout_seconds)),
    p_absolute_expires_at
)
$body$,
        'web.expiry_after_use(timestamptz, integer, timestamptz)',
        'Return the expiry of a session that is used now, from the one before, or null for a new session. API: private'
        ],
        array[
        'internal',
        'insert_tombstone',
        $head$create or replace function web.insert_tombstone(
    p_key bytea,
    p_reason text,
    p_successor bytea default null,
    p_grace_seconds integer default null
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- The defaults of the table are those of a session that is not live. The insert waits for an uncommitted insert of the same key.
declare
    v_now constant timestamptz := statement_timestamp();
begin
    insert into web.session as s (
        prune_after,
        ended_at,
        ended_reason,
        successor,
        grace_until,
        key
    )
    select
        v_now + make_interval(secs => n.tombstone_retention_seconds),
        v_now,
        p_reason,
        p_successor,
        v_now + make_interval(secs => p_grace_seconds),
        p_key
    from web.settings as n
    on conflict (key) do nothing;
    if not found then
        if not exists (select from web.settings) then
            perform web.raise_missing_settings();
        end if;
        return false;
    end if;

    -- An ended session must not come back after a crash, even if other commits of the connection do not wait for the disk.
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    if random() < 0.0625 then
        perform web.prune_random_pages();
    end if;
    return true;
end;
$body$,
        'web.insert_tombstone(bytea, text, bytea, integer)',
        'Insert a tombstone under a key. Returns false when a row has the key. API: private'
        ],
        array[
        'internal',
        'is_notify_queue_available',
        $head$create or replace function web.is_notify_queue_available(
    p_usage double precision default pg_catalog.pg_notification_queue_usage()
)
returns boolean
language plpgsql
immutable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- Half of the queue is left for transactions that have passed this check and have not committed.
begin
    return p_usage <= 0.5;
end;
$body$,
        'web.is_notify_queue_available(double precision)',
        'Return true if the NOTIFY queue of the cluster, by default as it is now, is at most half full. API: private'
        ],
        array[
        'internal',
        'load_session_slow',
        $head$create or replace function web.load_session_slow(
    p_key bytea,
    p_slide boolean
)
returns setof web.loaded_session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- The cases that load_session_value leaves: no session, an expired, ended or rotated one, and one whose slide is due.
#variable_conflict use_column
declare
    v_handle uuid;
begin
    if current_setting('transaction_isolation') = 'serializable' or octet_length(p_key) is distinct from 32 then
        perform web.check_key(p_key);
    end if;

    -- Checked first: on a hot standby even an update that would find no row is an error.
    if p_slide and exists (
        select
        from web.session as s
        where s.key = p_key
            and s.expires_at > statement_timestamp()
    ) then
        perform web.slide_session(p_key);
    end if;

    -- A separate statement reads what other sessions have committed meanwhile, above all an end of this session.
    return query
    select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, statement_timestamp()
    from web.session as s
    where s.key = p_key
        and s.expires_at > statement_timestamp();
    if found then
        return;
    end if;

    -- The old key of a rotation loads the session as it is now, while the grace lasts.
    v_handle := web.resolve_key(p_key, true);
    if v_handle is not null then
        return query
        select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, statement_timestamp()
        from web.session as s
        where s.handle = v_handle
            and s.expires_at > statement_timestamp();
    end if;
end;
$body$,
        'web.load_session_slow(bytea, boolean)',
        'Load a session in the cases that load_session_value does not handle itself. API: private'
        ],
        array[
        'internal',
        'lock_sessions',
        $head$create or replace function web.lock_sessions()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- Every create queues behind a table lock that waits. So each attempt is short, and the pause after it lets them through.
-- A weaker mode would let a transaction keep the rows of lock_session: an update under this lock would wait for them without bound.
declare
    v_lock_timeout constant text := current_setting('lock_timeout');
    -- About 10 seconds, or the caller's lock_timeout if that is shorter.
    v_attempts constant integer := (
        select least(25, 1 + nullif(s.setting::integer, 0) / 400)
        from pg_settings as s
        where s.name = 'lock_timeout'
    );
    v_table constant regclass := web.session_table();
    v_database constant oid := (select d.oid from pg_database as d where d.datname = current_database());
    v_milliseconds integer := 200;
    v_holder record;
begin
    for v_attempt in 1..v_attempts loop
        begin
            perform set_config('lock_timeout', v_milliseconds::text, true);
            lock table web.session in exclusive mode;
            perform set_config('lock_timeout', v_lock_timeout, true);
            return;
        exception
            when lock_not_available then
                perform pg_sleep(0.2);
        end;
        -- Autovacuum, which has no role, ends itself for a lock that waits longer than deadlock_timeout, unless it prevents wraparound.
        v_milliseconds := case
            when v_attempt <= 3
                and exists (
                    select
                    from pg_locks as l
                    join pg_stat_activity as a on a.pid = l.pid
                    where l.locktype = 'relation'
                        and l.relation = v_table
                        and l.database = v_database
                        and l.granted
                        and l.mode = 'ShareUpdateExclusiveLock'
                        and a.usesysid is null
                )
                then (select least(s.setting::integer, 2000) + 200 from pg_settings as s where s.name = 'deadlock_timeout')
            else 200
        end;
    end loop;

    -- pg_blocking_pids() answers for a process while it waits, and this one does so no more. The age of a transaction is hidden from
    -- this role.
    select l.pid, coalesce(pg_get_userbyid(a.usesysid)::text, 'unknown') as role
    into v_holder
    from pg_locks as l
    left join pg_stat_activity as a on a.pid = l.pid
    where l.locktype = 'relation'
        and l.relation = v_table
        and l.database = v_database
        and l.granted
        and l.mode <> 'AccessShareLock'
        and l.pid is distinct from pg_backend_pid()
    order by a.xact_start, l.waitstart, l.pid
    limit 1;
    raise exception using
        errcode = 'lock_not_available',
        message = 'the sessions cannot be locked: another transaction has changed some and is still open',
        hint = coalesce(
            format('Process %s (role %s) is in the way. pg_terminate_backend(%s) ends it', v_holder.pid, v_holder.role, v_holder.pid),
            'Try again.'
        );
end;
$body$,
        'web.lock_sessions()',
        'Lock all sessions against changes until the end of the transaction, or fail with 55P03 and name the process in the way. API: private'
        ],
        array[
        'internal',
        'lock_user',
        $head$create or replace function web.lock_user(
    p_user_id text
)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- Callers that add or end sessions of a user take this lock before they lock rows, so limits hold and no deadlock is possible.
-- It is a row that only the owner role can lock. pg_locks shows it to every role, so a secret seed decides which users share
-- it.
declare
    v_has_bound constant boolean := current_setting('lock_timeout') <> '0';
    v_max_sessions integer;
begin
    -- A snapshot from before the wait would not show the sessions that were added meanwhile.
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception using
            errcode = 'invalid_transaction_state',
            message = 'sessions of a user can be counted and ended at isolation level read committed only',
            hint = 'Use that isolation level, or no transaction.';
    end if;
    -- It cannot add or end a session, and cannot lock a row.
    if current_setting('transaction_read_only') = 'on' then
        return null;
    end if;
    if not v_has_bound then
        perform set_config('lock_timeout', '10s', true);
    end if;
    select (select n.max_sessions_per_user from web.settings as n)
    into v_max_sessions
    from web.user_lock as l
    where l.bucket = (
        select (hashtextextended(p_user_id collate "default", n.lock_seed) & 1023)::integer
        from web.settings as n
    )
    for update;
    -- The row is missing until the next install. Null would evict every session of the user.
    if not found then
        v_max_sessions := (select n.max_sessions_per_user from web.settings as n);
    end if;
    if not v_has_bound then
        perform set_config('lock_timeout', '0', true);
    end if;
    return v_max_sessions;
end;
$body$,
        'web.lock_user(text)',
        'Wait for other transactions that add or end sessions of this user, and keep the lock until the end of the transaction. Returns max_sessions_per_user of the store. Raises 55P03 after lock_timeout, or 10 seconds without one. API: private'
        ],
        array[
        'internal',
        'missing_rows',
        $head$create or replace function web.missing_rows()
returns text[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- The owner of the database may call it. So an installer that is no superuser learns that there is nothing to repair without
-- becoming a member of the owner role.
begin
    return array(
        select t.name
        from (
            values
            ((select count(*) from web.settings), 1, 'settings'),
            ((select count(*) from web.prune_state), 1, 'prune_state'),
            ((select count(*) from web.user_lock), 1024, 'user_lock')
        ) as t (existing, required, name)
        where t.existing < t.required
    );
end;
$body$,
        'web.missing_rows()',
        'The tables that lack rows which the functions need. API: private'
        ],
        array[
        'internal',
        'notify_session_end',
        $head$create or replace function web.notify_session_end(
    p_handle uuid,
    p_reason text
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- For applications with open web sockets. Every role can listen, so the payload contains no key. Every role can fill the queue
-- too, and a full queue would fail the commit of a logout.
declare
    v_channel text;
begin
    select s.notify_channel into v_channel from web.settings as s;
    if v_channel is not null and web.is_notify_queue_available() then
        perform pg_notify(v_channel, json_build_object('handle', p_handle, 'reason', p_reason)::text);
    end if;
end;
$body$,
        'web.notify_session_end(uuid, text)',
        'Announce that the session with this handle has ended, or all sessions when it is null. Does nothing when the store has no channel. API: private'
        ],
        array[
        'internal',
        'prune_random_pages',
        $head$create or replace function web.prune_random_pages()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
set enable_seqscan = off
set jit = off$head$,
$body$
-- For stores without a pruner, every sixteenth insert calls this, for about one page an insert. Sixteen pages bound the work, even
-- if an old snapshot keeps millions of deleted rows. Random pages keep callers from probing keys. Where a pruner has run within
-- the hour, there is nothing to do. A run in the future, before the clock was set back, does not count.
--
-- No sequential scan: a plan that was made for a small table stays in use when the table grows. The cost of a disabled scan would
-- start the compiler (jit).
declare
    v_now constant timestamptz := statement_timestamp();
    v_forgotten timestamptz;
    v_is_announced boolean;
    v_found tid[];
    v_handles uuid[];
    v_handle uuid;
begin
    -- On an older snapshot, a row that was used since would be an error.
    if current_setting('transaction_isolation') <> 'read committed' then
        return;
    end if;

    -- Without a lock: most calls find nothing. A missing row of settings gives null.
    select f.forgotten, n.notify_channel is not null, array(
        select d.ctid
        from web.session as d
        where d.ctid >= ('(' || p.first_page || ',0)')::tid
            and d.ctid < ('(' || p.first_page + 16 || ',0)')::tid
            and d.expires_at <= v_now
            and coalesce(d.ended_at <= f.forgotten, true)
    )
    into v_forgotten, v_is_announced, v_found
    from web.settings as n
    cross join lateral (
        select v_now - make_interval(secs => n.tombstone_retention_seconds) as forgotten
    ) as f
    cross join (
        -- The table by its row type, as in session_table().
        select floor(random() * pg_relation_size(t.typrelid) / current_setting('block_size')::integer)::bigint as first_page
        from pg_type as t
        where t.oid = pg_typeof(null::web.session)
    ) as p
    where not exists (
        select
        from web.prune_state as q
        where q.last_pruned_at > v_now - make_interval(hours => 1)
            and q.last_pruned_at <= v_now
    );
    if v_found is null or v_found = '{}' then
        return;
    end if;

    with deleted as (
        delete from web.session as s
        where s.ctid = any (
                array(
                    select d.ctid
                    from web.session as d
                    -- Hidden from the planner, which would otherwise plan for each number of rows.
                    where d.ctid = any ((select v_found)::tid[])
                        and d.expires_at <= v_now
                        and coalesce(d.ended_at <= v_forgotten, true)
                    limit 32
                    for update skip locked
                )
            )
            and s.expires_at <= v_now
            and coalesce(s.ended_at <= v_forgotten, true)
        returning s.handle, s.ended_at
    )
    select array_agg(d.handle)
    into v_handles
    from deleted as d
    where d.ended_at is null;
    if v_is_announced and v_handles is not null then
        foreach v_handle in array v_handles loop
            perform web.notify_session_end(v_handle, 'expired');
        end loop;
    end if;
end;
$body$,
        'web.prune_random_pages()',
        'Unless a pruner has run within the hour, delete up to 32 expired sessions and old tombstones of sixteen neighboring pages, chosen at random. API: private'
        ],
        array[
        'internal',
        'raise_array_lengths',
        $head$create or replace function web.raise_array_lengths()
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
begin
    raise exception using
        errcode = 'invalid_parameter_value',
        message = 'the arrays of save_sessions must have the same length',
        hint = 'Pass an element of each array for each session. For no expected versions or timeouts, pass null for the whole array.';
end;
$body$,
        'web.raise_array_lengths()',
        'Raise 22023: the arrays of a call do not have the same length. API: private'
        ],
        array[
        'internal',
        'raise_missing_settings',
        $head$create or replace function web.raise_missing_settings()
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
begin
    raise exception using
        errcode = 'object_not_in_prerequisite_state',
        message = 'the settings of the session store are missing',
        hint = 'Run session-admin install: it restores them with their defaults.';
end;
$body$,
        'web.raise_missing_settings()',
        'Raise 55000: the row of settings is missing. API: private'
        ],
        array[
        'internal',
        'raise_serializable',
        $head$create or replace function web.raise_serializable()
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- A serializable transaction locks the index page that it has read, and pg_locks shows that page to every role. So a caller
-- could find out keys that it does not know.
begin
    raise exception using
        errcode = 'invalid_transaction_state',
        message = 'sessions cannot be used in a serializable transaction',
        hint = 'Use isolation level read committed or repeatable read, or another connection for sessions.';
end;
$body$,
        'web.raise_serializable()',
        'Raise 25000: the isolation level is serializable. API: private'
        ],
        array[
        'internal',
        'resolve_key',
        $head$create or replace function web.resolve_key(
    p_key bytea,
    p_within_grace boolean
)
returns uuid
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- Returns a handle, not a key: settings of the caller can print what passes between two statements. With the present key, a
-- caller with an old key could take the session over.
declare
    v_handle uuid;
begin
    select s.handle
    into v_handle
    from web.session as s
    where s.key = p_key
        and s.expires_at > statement_timestamp();
    if found then
        return v_handle;
    end if;

    return (
        with recursive chain as (
            select s.handle, s.successor, s.expires_at, s.grace_until
            from web.session as s
            where s.key = p_key
            union all
            select s.handle, s.successor, s.expires_at, s.grace_until
            from chain as c
            join web.session as s on s.key = c.successor
            where not p_within_grace
                or c.grace_until > statement_timestamp()
        )
        select c.handle
        from chain as c
        where c.expires_at > statement_timestamp()
        -- A transaction on an old snapshot may see a deleted row beside a new one with the same key.
        limit 1
    );
end;
$body$,
        'web.resolve_key(bytea, boolean)',
        'Return the handle of the live session that a key means, by way of the rotations since; null when there is none. With p_within_grace only rotations whose grace lasts count. API: private'
        ],
        array[
        'internal',
        'save_session_slow',
        $head$create or replace function web.save_session_slow(
    p_key bytea,
    p_data text,
    p_expected_version bigint,
    p_idle_timeout_seconds integer default null,
    p_absolute_timeout_seconds integer default null,
    p_expires_at timestamptz default null
)
returns table (
    outcome text,
    version bigint,
    expires_at timestamptz,
    server_time timestamptz
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- The cases that save_session leaves: no session, another version, equal data, large data, a slide that is due, and a new
-- lifetime.
#variable_conflict use_column
declare
    v_now constant timestamptz := statement_timestamp();
    v_has_lifetime constant boolean := num_nonnulls(p_idle_timeout_seconds, p_absolute_timeout_seconds, p_expires_at) > 0;
    v_slide_at timestamptz;
    v_is_same boolean;
begin
    server_time := v_now;
    if current_setting('transaction_isolation') = 'serializable' or octet_length(p_key) is distinct from 32 then
        perform web.check_key(p_key);
    end if;
    if p_data is null or octet_length(p_data) > 8192 then
        perform web.check_data(p_data);
    end if;
    if v_has_lifetime then
        perform web.check_session_attributes(p_idle_timeout_seconds, p_absolute_timeout_seconds, null, null, p_expires_at);
    end if;

    loop
        update web.session as s
        set
            version = s.version + 1,
            data = p_data
        where s.key = p_key
            and s.expires_at > v_now
            and (p_expected_version is null or s.version = p_expected_version)
            and s.data is distinct from p_data collate "C"
        returning s.version, s.expires_at, s.slide_at
        into version, expires_at, v_slide_at;
        if found then
            outcome := 'saved';
            exit;
        end if;

        -- Nothing was written. A new statement finds the reason: it reads what was committed while the update waited.
        select s.version, s.expires_at, s.slide_at, s.data is not distinct from p_data collate "C"
        into version, expires_at, v_slide_at, v_is_same
        from web.session as s
        where s.key = p_key
            and s.expires_at > v_now;
        if not found then
            return query select 'gone'::text, null::bigint, null::timestamptz, v_now;
            return;
        end if;

        -- The data is stored already. With another version, only the caller can find out whether its own save did that, with a
        -- lost answer, or another one: two callers that each count from 1 to 2 must come to 3.
        if v_is_same then
            outcome := case when p_expected_version <> version then 'same' else 'saved' end;
            exit;
        end if;

        if p_expected_version is not null then
            outcome := 'conflict';
            return next;
            return;
        end if;
        -- Without an expected version: the data changed between the two statements, so try again.
    end loop;

    -- A save slides the expiry too. The version stays that of the data that was written or compared: the row may have changed since.
    if v_has_lifetime then
        expires_at := web.set_session_lifetime(p_key, p_idle_timeout_seconds, p_absolute_timeout_seconds, p_expires_at);
    elsif v_slide_at <= v_now then
        perform web.slide_session(p_key);
        expires_at := (
            select s.expires_at
            from web.session as s
            where s.key = p_key
                and s.expires_at > v_now
        );
    end if;
    if expires_at is null then
        return query select 'gone'::text, null::bigint, null::timestamptz, v_now;
        return;
    end if;
    return next;
end;
$body$,
        'web.save_session_slow(bytea, text, bigint, integer, integer, timestamptz)',
        'Save a session in the cases that save_session does not handle itself. API: private'
        ],
        array[
        'internal',
        'seconds_until',
        $head$create or replace function web.seconds_until(
    p_expires_at timestamptz
)
returns integer
language sql
stable$head$,
$body$
-- The idle timeout of a session whose expiry is a point in time. Its absolute timeout is that point, so no use moves the expiry.
select case
    when p_expires_at is not null then
        greatest(pg_catalog.ceil(extract(epoch from p_expires_at operator(pg_catalog.-) pg_catalog.statement_timestamp())), 1)::pg_catalog.int4
end
$body$,
        'web.seconds_until(timestamptz)',
        'Return the whole seconds from now to a point in time, at least 1; null for null. API: private'
        ],
        array[
        'internal',
        'session_table',
        $head$create or replace function web.session_table()
returns regclass
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- By its row type, because a name in a text would have to be quoted for every schema.
begin
    return (select t.typrelid::regclass from pg_type as t where t.oid = pg_typeof(null::web.session));
end;
$body$,
        'web.session_table()',
        'Return the table of the sessions. API: private'
        ],
        array[
        'internal',
        'set_session_lifetime',
        $head$create or replace function web.set_session_lifetime(
    p_key bytea,
    p_idle_timeout_seconds integer,
    p_absolute_timeout_seconds integer,
    p_expires_at timestamptz
)
returns timestamptz
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- The caller has checked the values. Web frameworks pass a lifetime with every save. So it is written like a slide: not before one
-- is due, unless the expiry would be earlier, or later by more than the time between two slides.
declare
    v_now constant timestamptz := statement_timestamp();
    v_idle_timeout_seconds constant integer := coalesce(p_idle_timeout_seconds, web.seconds_until(p_expires_at));
    v_slide_interval_seconds constant integer := (
        select web.slide_interval(v_idle_timeout_seconds, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds)
        from web.settings as n
        where v_idle_timeout_seconds is not null
    );
    v_absolute_expires_at constant timestamptz := coalesce(p_expires_at, v_now + make_interval(secs => p_absolute_timeout_seconds));
    v_session record;
    v_expires_at timestamptz;
begin
    select
        s.expires_at,
        s.slide_at > v_now
            -- A client that rounds to whole seconds passes the same lifetime again.
            and l.expires_at between s.expires_at - make_interval(secs => 1) and s.expires_at + make_interval(secs => s.slide_interval_seconds)
            and (
                v_absolute_expires_at is null
                or v_absolute_expires_at between s.absolute_expires_at - make_interval(secs => 1) and s.absolute_expires_at + make_interval(secs => s.slide_interval_seconds)
            )
            and (p_expires_at is null or p_expires_at = s.expires_at) as is_kept
    into v_session
    from web.session as s
    cross join lateral (
        select least(
            v_now + make_interval(secs => coalesce(v_idle_timeout_seconds, s.idle_timeout_seconds)),
            coalesce(v_absolute_expires_at, s.absolute_expires_at)
        ) as expires_at
    ) as l
    where s.key = p_key
        and s.expires_at > v_now;
    if v_session.is_kept is not false then
        return v_session.expires_at;
    end if;

    update web.session as s
    set
        expires_at = least(
            v_now + make_interval(secs => coalesce(v_idle_timeout_seconds, s.idle_timeout_seconds)),
            coalesce(v_absolute_expires_at, s.absolute_expires_at)
        ),
        slide_at = least(
            v_now + make_interval(secs => coalesce(v_slide_interval_seconds, s.slide_interval_seconds)),
            coalesce(v_absolute_expires_at, s.absolute_expires_at)
        ),
        last_used_at = v_now,
        absolute_expires_at = coalesce(v_absolute_expires_at, s.absolute_expires_at),
        -- Otherwise pruning would look at the row too late. It finds out by itself that an expiry is later.
        prune_after = least(
            s.prune_after,
            v_now + make_interval(secs => coalesce(v_idle_timeout_seconds, s.idle_timeout_seconds)),
            v_absolute_expires_at
        ),
        idle_timeout_seconds = coalesce(v_idle_timeout_seconds, s.idle_timeout_seconds),
        slide_interval_seconds = coalesce(v_slide_interval_seconds, s.slide_interval_seconds)
    where s.key = p_key
        and s.expires_at > v_now
    returning s.expires_at
    into v_expires_at;
    -- It ends a session, which a crash must not bring back.
    if v_expires_at <= v_now and current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    return v_expires_at;
end;
$body$,
        'web.set_session_lifetime(bytea, integer, integer, timestamptz)',
        'Set the timeouts or the expiry of a live session, if that moves its expiry or a slide is due. Returns the expiry, or null when there is no live session. API: private'
        ],
        array[
        'internal',
        'slide_interval',
        $head$create or replace function web.slide_interval(
    p_idle_timeout_seconds integer,
    p_percent integer,
    p_min_seconds integer,
    p_max_seconds integer
)
returns integer
language sql
immutable$head$,
$body$
-- An interval makes most requests a read. Its maximum keeps last_used_at exact enough to find the least recently used
-- session; half the idle timeout keeps a session with a short timeout from expiring while in use.
select least(
    greatest(
        p_min_seconds,
        (p_idle_timeout_seconds::pg_catalog.int8 operator(pg_catalog.*) p_percent operator(pg_catalog./) 100)::pg_catalog.int4
    ),
    p_max_seconds,
    p_idle_timeout_seconds operator(pg_catalog./) 2
)
$body$,
        'web.slide_interval(integer, integer, integer, integer)',
        'Return the seconds between two slides of a session with this idle timeout, by the settings of the store. API: private'
        ],
        array[
        'internal',
        'slide_session',
        $head$create or replace function web.slide_session(
    p_key bytea
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- A part with an exception clause takes a transaction id of its own if it writes. So at read committed the update is in none.
begin
    -- In a read-only transaction a later request slides. On a hot standby the update raises 25006 instead, so that a client
    -- notices that its primary was demoted.
    if current_setting('transaction_read_only') = 'on' and not pg_is_in_recovery() then
        return;
    end if;

    -- A request waits for no lock: clear_sessions may hold the table, or wait for a long transaction.
    begin
        lock table web.session in row exclusive mode nowait;
    exception
        when lock_not_available then
            return;
    end;

    if current_setting('transaction_isolation') = 'read committed' then
        perform web.write_slide(p_key);
    else
        begin
            perform web.write_slide(p_key);
        exception
            -- The snapshot is older than the last slide. A later request slides.
            when serialization_failure then
                return;
        end;
    end if;
end;
$body$,
        'web.slide_session(bytea)',
        'Slide the expiry of a live session, if that is due and no other transaction holds its row or the table. API: private'
        ],
        array[
        'internal',
        'tombstone_sessions',
        $head$create or replace function web.tombstone_sessions(
    p_handles uuid[],
    p_reason text,
    p_is_announced boolean default true
)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off$head$,
$body$
-- The caller has locked the rows, if there are several. The user stays for logs until the row is pruned; all other data of the
-- visitor is erased.
declare
    v_prune_after timestamptz;
    v_is_announced boolean;
    v_ended bigint;
    v_handle uuid;
begin
    select statement_timestamp() + make_interval(secs => n.tombstone_retention_seconds), p_is_announced and n.notify_channel is not null
    into v_prune_after, v_is_announced
    from web.settings as n;

    update web.session as s
    set
        expires_at = '-infinity',
        slide_at = '-infinity',
        version = s.version + 1,
        prune_after = least(s.prune_after, v_prune_after),
        ended_at = statement_timestamp(),
        ended_reason = p_reason,
        client_address = null,
        user_agent = null,
        label = null,
        data = null
    -- The subquery hides the number of handles from the planner, which would otherwise plan each call anew.
    where s.handle = any (array(select unnest(p_handles)))
        and s.expires_at > statement_timestamp();
    get diagnostics v_ended = row_count;

    -- An ended session must not come back after a crash, even if other commits of the connection do not wait for the disk.
    if v_ended > 0 and current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    if v_is_announced and v_ended > 0 then
        foreach v_handle in array p_handles loop
            perform web.notify_session_end(v_handle, p_reason);
        end loop;
    end if;
    return v_ended;
end;
$body$,
        'web.tombstone_sessions(uuid[], text, boolean)',
        'Turn the live sessions with these handles into tombstones, announce each if p_is_announced, and return their number. API: private'
        ],
        array[
        'internal',
        'write_slide',
        $head$create or replace function web.write_slide(
    p_key bytea
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp$head$,
$body$
-- No indexed column changes, so that the update is heap-only.
begin
    update web.session as s
    set
        expires_at = web.expiry_after_use(s.expires_at, s.idle_timeout_seconds, s.absolute_expires_at),
        slide_at = least(statement_timestamp() + make_interval(secs => s.slide_interval_seconds), s.absolute_expires_at),
        last_used_at = statement_timestamp()
    where s.key = (
        -- A request waits for no row that another one saves, ends or locks.
        select d.key
        from web.session as d
        where d.key = p_key
            and d.expires_at > statement_timestamp()
            and d.slide_at <= statement_timestamp()
        for no key update skip locked
    );
end;
$body$,
        'web.write_slide(bytea)',
        'Slide the expiry of a live session, if that is due and no other transaction holds its row. API: private'
        ]
    ];
    v_function_names constant text[] := (
        select array_agg(v_functions[i][2])
        from generate_subscripts(v_functions, 1) as i
    );
    v_runtime_functions constant text[] := (
        select array_agg(v_functions[i][2])
        from generate_subscripts(v_functions, 1) as i
        where v_functions[i][1] in ('api', 'compat')
    );

    v_step text;
    -- What one step finds and later steps need.
    v_caller_role constant text := current_setting('role');
    v_took_membership boolean := false;
    v_schema oid;
    v_is_upgrade boolean := false;
    v_durability text;
    v_schedule text;
    v_is_comparable boolean;
    v_catalog jsonb;
    v_catalog_before jsonb;
    v_catalog_after jsonb;
    -- Rows of the report that are about more than the catalog of the store: what catalog_snapshot.sql cannot see.
    v_other_changes jsonb := jsonb '[]';
    v_report jsonb;
begin
    v_step := 'check_caller.sql';
    -- Checked before the first statement is built from a name. Names go into SQL by %I and bodies by %L, never into a comment
    -- of the SQL, which a newline in a name would end.
    declare
        v_name record;
    begin
        if current_setting('transaction_isolation') <> 'read committed' then
            raise exception using
                errcode = 'invalid_transaction_state',
                message = format('correct_web() cannot run in a transaction of isolation level %s', current_setting('transaction_isolation')),
                hint = 'Use read committed: it must see what other sessions commit while it waits for them.';
        end if;

        for v_name in
            select n.text, n.kind, n.max_bytes
            from (
                values
                (p_schema, 'schema', 63),
                (p_role, 'role', 63 - octet_length('_owner'))
            ) as n (text, kind, max_bytes)
        loop
            if v_name.text is null or v_name.text = '' or v_name.text ~ '[[:cntrl:]]' then
                raise exception using
                    errcode = 'invalid_name',
                    message = format('the name of the %s is empty or holds a control character', v_name.kind),
                    hint = 'Choose a name such as web or nodepg.';
            end if;
            if octet_length(v_name.text) > v_name.max_bytes then
                raise exception using
                    errcode = 'name_too_long',
                    message = format('the name of the %s has %s bytes; the limit is %s', v_name.kind, octet_length(v_name.text), v_name.max_bytes),
                    hint = 'Choose a shorter name. The owner role is named after the role: its name and _owner.';
            end if;
            if v_name.text ~ '^pg_' or v_name.text in ('public', 'none', 'information_schema') then
                raise exception using
                    errcode = 'reserved_name',
                    message = format('the name %s is reserved by PostgreSQL', v_name.text),
                    hint = format('Choose another name for the %s.', v_name.kind);
            end if;
        end loop;
    end;

    v_step := 'durability.sql';
    -- How durable the store is to be: as the caller asks, or else as an earlier install has recorded it in the comment of the session
    -- table. Every role that checks can read a comment, and a crash that empties the table leaves it.
    declare
        v_table constant oid := (
            select c.oid
            from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = p_schema
                and c.relname = 'session'
        );
        v_asked constant text := nullif(current_setting('connect_pg.durability', true), '');
        v_found record;
    begin
        v_durability := coalesce(
            v_asked,
            substring(obj_description(v_table, 'pg_class') from ' Durability: (relaxed|unlogged)\. API: private$'),
            'full'
        );
        if v_durability not in ('full', 'relaxed', 'unlogged') then
            raise exception using
                errcode = 'invalid_parameter_value',
                message = format('connect_pg.durability is %s', quote_literal(v_durability)),
                hint = 'Set it to full, relaxed or unlogged, or leave it unset.';
        end if;

        -- A relaxed store is a setting of its runtime role in the database, and holds for every store of that role.
        select n.nspname as schema_name
        into v_found
        from pg_namespace as n
        join pg_class as c on c.relnamespace = n.oid and c.relname = 'session'
        where n.nspname <> p_schema
            and pg_get_userbyid(n.nspowner) = v_owner
            and (v_durability = 'relaxed' or obj_description(c.oid, 'pg_class') ~ ' Durability: relaxed\. API: private$')
        limit 1;
        if found then
            raise exception using
                errcode = 'feature_not_supported',
                message = format('the store in schema %s has the runtime role %s too, and a relaxed store needs a role of its own', v_found.schema_name, p_role),
                hint = 'Choose another name for the role. Or give both stores the durability full or unlogged, one after the other.';
        end if;

        select p.pubname as name
        into v_found
        from pg_publication_rel as r
        join pg_publication as p on p.oid = r.prpubid
        where v_durability = 'unlogged'
            and r.prrelid = v_table
        limit 1;
        if found then
            raise exception using
                errcode = 'object_not_in_prerequisite_state',
                message = format('the publication %s contains the session table, and PostgreSQL does not publish an unlogged table', v_found.name),
                hint = format('alter publication %I drop table %I.session', v_found.name, p_schema);
        end if;
    end;

    v_step := 'schedule.sql';
    -- The schedule by which pg_cron prunes this store: as the caller asks, or else as the comment of prune_state has it. The job may be
    -- in another database, so session-admin makes it. Here the schedule is only recorded.
    begin
        v_schedule := nullif(
            coalesce(
                nullif(current_setting('connect_pg.schedule', true), ''),
                (
                    select substring(obj_description(c.oid, 'pg_class') from ' Schedule: ([^.]+)\. API: private$')
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    where n.nspname = p_schema
                        and c.relname = 'prune_state'
                )
            ),
            'none'
        );
        if v_schedule !~ '^[0-9A-Za-z*/,$ -]{1,100}$' then
            raise exception using
                errcode = 'invalid_parameter_value',
                message = format('connect_pg.schedule is %s', quote_literal(v_schedule)),
                hint = 'Set it to the five fields of a cron expression, to none, or leave it unset.';
        end if;
    end;

    -- The comparison reads the catalog and writes nothing. src/install/comparison.rs runs the text up to its last line alone,
    -- for a check.
    v_step := 'catalog_snapshot.sql';
    -- What the catalog says about the store. Taken before and after the work: the report is the difference of the two, so it
    -- claims no change that did not happen, and misses none that did. What the steps repair must show here, or in compare_rows.sql:
    -- a store that shows no difference from expected_snapshot.sql is left as it is.
    v_catalog := (
        with store_object as (
            -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
            -- because their owners are checked.
            select
                -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                o.kind,
                -- Quoted for SQL. Of a column, it is the table's.
                o.name,
                o.column_name,
                -- As in the report.
                o.label,
                o.oid,
                o.owner,
                a.acl,
                (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                -- True if an install makes an object of this name.
                o.is_of_store,
                o.runtime_privilege,
                o.installer_privilege,
                o.monitor_privilege
            from (
                select
                    'schema' as kind,
                    quote_ident(n.nspname) as name,
                    null::text as column_name,
                    n.nspname::text as label,
                    n.oid,
                    n.nspowner as owner,
                    n.nspacl as acl,
                    'n'::"char" as acl_type,
                    true as is_of_store,
                    'USAGE' as runtime_privilege,
                    'USAGE' as installer_privilege,
                    'USAGE' as monitor_privilege
                from pg_namespace as n
                where n.nspname = p_schema
                union all
                select
                    'table',
                    c.oid::regclass::text,
                    null,
                    c.relname,
                    c.oid,
                    c.relowner,
                    c.relacl,
                    'r',
                    c.relname = any (v_tables),
                    null,
                    null,
                    null
                from pg_class as c
                join pg_namespace as n on n.oid = c.relnamespace
                where n.nspname = p_schema
                    and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                union all
                select
                    'column',
                    c.oid::regclass::text,
                    quote_ident(a.attname),
                    c.relname || '.' || a.attname,
                    c.oid,
                    c.relowner,
                    a.attacl,
                    'c',
                    true,
                    null,
                    null,
                    null
                from pg_class as c
                join pg_namespace as n on n.oid = c.relnamespace
                join pg_attribute as a on a.attrelid = c.oid
                where n.nspname = p_schema
                    and c.relname = any (v_tables)
                    and a.attacl is not null
                union all
                select
                    'type',
                    t.oid::regtype::text,
                    null,
                    t.typname,
                    t.oid,
                    t.typowner,
                    t.typacl,
                    'T',
                    true,
                    null,
                    null,
                    null
                from pg_type as t
                join pg_namespace as n on n.oid = t.typnamespace
                where n.nspname = p_schema
                    and t.typname = any (v_types)
                    -- ALTER TABLE changes the owner of the row type too.
                    and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                union all
                select
                    'routine',
                    p.oid::regprocedure::text,
                    null,
                    format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                    p.oid,
                    p.proowner,
                    p.proacl,
                    'f',
                    p.proname = any (v_function_names),
                    case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                    case when p.proname = 'missing_rows' then 'EXECUTE' end,
                    case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                from pg_proc as p
                join pg_namespace as n on n.oid = p.pronamespace
                where n.nspname = p_schema
            ) as o
            cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
        ),
        store_grant as (
            -- What roles other than the owner hold on the objects of the store (store_object, by store_objects.sql), on their columns and
            -- on row types; of the runtime role alone, also on the database. grantee is quoted for SQL. is_declared is true if an install
            -- grants it.
            select
                o.kind,
                o.name,
                o.column_name,
                format('%s on %s to %s', x.privilege_type, o.label, coalesce(r.rolname, 'PUBLIC')) as label,
                o.is_of_store,
                o.owner,
                coalesce(quote_ident(r.rolname), 'public') as grantee,
                x.grantor,
                x.privilege_type,
                x.is_grantable,
                coalesce((x.privilege_type, r.rolname) in ((o.runtime_privilege, p_role), (o.installer_privilege, v_installer), (o.monitor_privilege, 'pg_monitor')), false)
                    and not x.is_grantable
                    and (x.grantor = o.owner or o.kind = 'database') as is_declared
            from (
                select
                    o.kind,
                    o.name,
                    o.column_name,
                    case o.kind when 'routine' then 'function' else o.kind end || ' ' || o.label as label,
                    o.owner,
                    o.acl,
                    o.is_of_store,
                    o.runtime_privilege,
                    o.installer_privilege,
                    o.monitor_privilege
                from store_object as o
                union all
                select 'type', t.oid::regtype::text, null, 'type ' || c.relname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), true, null, null, null
                from pg_class as c
                join pg_namespace as n on n.oid = c.relnamespace
                join pg_type as t on t.oid = c.reltype
                where n.nspname = p_schema
                    and c.relname = any (v_tables)
                union all
                select 'database', quote_ident(d.datname), null, 'database ' || d.datname, d.datdba, d.datacl, true, 'CONNECT', null, null
                from pg_database as d
                where d.datname = current_database()
            ) as o
            cross join aclexplode(o.acl) as x
            left join pg_roles as r on r.oid = x.grantee
            where x.grantee <> o.owner
                and (o.kind <> 'database' or r.rolname = p_role)
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
                                    -- The storage parameters of the table c as ALTER TABLE names them, with those of its TOAST table, which keeps large values.
                                    c.reloptions || array(
                                        select 'toast.' || o.option
                                        from pg_class as t
                                        cross join unnest(t.reloptions) as o (option)
                                        where t.oid = c.reltoastrelid
                                    )
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
    v_catalog_before := v_catalog;

    v_step := 'verify_roles.sql';
    -- Roles that cannot be restricted to the store are refused.
    declare
        v_role record;
    begin
        for v_role in
            select r.*
            from pg_roles as r
            where r.rolname in (p_role, v_owner)
            order by r.rolname <> p_role
        loop
            if v_role.rolsuper or v_role.rolname in (current_user, session_user)
                or v_role.oid = (select d.datdba from pg_database as d where d.datname = current_database())
            then
                raise exception using
                    errcode = 'insufficient_privilege',
                    message = format('role %s cannot be restricted to the session functions: it is a superuser, the owner of the database, or the current role', v_role.rolname),
                    hint = 'Choose another name for the role. A role that does not exist is created.';
            end if;
            -- The owner role of another store, for one. A large object or a temporary table is harmless: any role may have them.
            if v_role.rolname = p_role and exists (
                select
                from pg_shdepend as s
                where s.refclassid = 'pg_authid'::regclass
                    and s.refobjid = v_role.oid
                    and s.deptype = 'o'
                    and s.dbid = (select d.oid from pg_database as d where d.datname = current_database())
                    and (
                        s.classid in ('pg_proc'::regclass, 'pg_namespace'::regclass)
                        and not exists (select from pg_namespace as n where n.oid = s.objid and n.nspname ~ '^pg_(toast_)?temp_')
                        and not exists (
                            select
                            from pg_proc as p
                            join pg_namespace as n on n.oid = p.pronamespace
                            where p.oid = s.objid
                                and n.nspname ~ '^pg_temp_'
                        )
                        or s.classid = 'pg_class'::regclass
                        and exists (select from pg_class as c where c.oid = s.objid and c.relpersistence <> 't')
                    )
            ) then
                raise exception using
                    errcode = 'insufficient_privilege',
                    message = format('role %s cannot be restricted to the session functions: it owns objects in this database', v_role.rolname),
                    hint = 'Choose another name for the role; a role that does not exist is created. Or give its objects to another role (reassign owned).';
            end if;
            -- A role that can log in is in use, and would lose its login in every database of the cluster.
            if v_role.rolname = v_owner
                and v_role.rolcanlogin
                and not exists (select from pg_namespace as n where n.nspname = p_schema and n.nspowner = v_role.oid)
            then
                raise exception using
                    errcode = 'duplicate_object',
                    message = format('role %s exists and can log in, so it is not the owner role of a store', v_owner),
                    hint = 'Choose another name for the role; its owner role is named after it.';
            end if;
        end loop;
    end;

    v_step := 'verify_owners.sql';
    -- Objects of an untrusted role are refused: its functions, triggers and index expressions would run with the rights of
    -- the next caller.
    declare
        v_foreign record;
    begin
        for v_foreign in
            select o.kind, o.name, r.rolname as owner
            from (
                -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
                -- because their owners are checked.
                select
                    -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                    o.kind,
                    -- Quoted for SQL. Of a column, it is the table's.
                    o.name,
                    o.column_name,
                    -- As in the report.
                    o.label,
                    o.oid,
                    o.owner,
                    a.acl,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                    -- True if an install makes an object of this name.
                    o.is_of_store,
                    o.runtime_privilege,
                    o.installer_privilege,
                    o.monitor_privilege
                from (
                    select
                        'schema' as kind,
                        quote_ident(n.nspname) as name,
                        null::text as column_name,
                        n.nspname::text as label,
                        n.oid,
                        n.nspowner as owner,
                        n.nspacl as acl,
                        'n'::"char" as acl_type,
                        true as is_of_store,
                        'USAGE' as runtime_privilege,
                        'USAGE' as installer_privilege,
                        'USAGE' as monitor_privilege
                    from pg_namespace as n
                    where n.nspname = p_schema
                    union all
                    select
                        'table',
                        c.oid::regclass::text,
                        null,
                        c.relname,
                        c.oid,
                        c.relowner,
                        c.relacl,
                        'r',
                        c.relname = any (v_tables),
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    where n.nspname = p_schema
                        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                    union all
                    select
                        'column',
                        c.oid::regclass::text,
                        quote_ident(a.attname),
                        c.relname || '.' || a.attname,
                        c.oid,
                        c.relowner,
                        a.attacl,
                        'c',
                        true,
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    join pg_attribute as a on a.attrelid = c.oid
                    where n.nspname = p_schema
                        and c.relname = any (v_tables)
                        and a.attacl is not null
                    union all
                    select
                        'type',
                        t.oid::regtype::text,
                        null,
                        t.typname,
                        t.oid,
                        t.typowner,
                        t.typacl,
                        'T',
                        true,
                        null,
                        null,
                        null
                    from pg_type as t
                    join pg_namespace as n on n.oid = t.typnamespace
                    where n.nspname = p_schema
                        and t.typname = any (v_types)
                        -- ALTER TABLE changes the owner of the row type too.
                        and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                    union all
                    select
                        'routine',
                        p.oid::regprocedure::text,
                        null,
                        format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                        p.oid,
                        p.proowner,
                        p.proacl,
                        'f',
                        p.proname = any (v_function_names),
                        case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                        case when p.proname = 'missing_rows' then 'EXECUTE' end,
                        case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                    from pg_proc as p
                    join pg_namespace as n on n.oid = p.pronamespace
                    where n.nspname = p_schema
                ) as o
                cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
            ) as o
            join pg_roles as r on r.oid = o.owner
            where o.kind <> 'column'
                and r.rolname not in (v_owner, current_user)
                and not r.rolsuper
            order by array_position(array['schema', 'table', 'type', 'routine'], o.kind), o.name
        loop
            raise exception using
                errcode = 'insufficient_privilege',
                message = format('%s %s belongs to %s', v_foreign.kind, v_foreign.name, v_foreign.owner),
                detail = 'The owner of a part of the store can read every session, and can act with the rights of its callers.',
                hint = 'Choose another schema. Or find out where it comes from, drop it, and run this again.';
        end loop;
    end;

    -- What an upgrade of connect-pg 1.1.5 does is not predicted.
    v_is_comparable := not exists (
        select
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid
        join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = p_schema
            and c.relname = 'session'
            and a.attname = 'sess_id'
            and not a.attisdropped
    );
    if v_is_comparable then
        v_step := 'verify_tables.sql';
        -- What no repair can turn into a table of the store.
        declare
            v_relation regclass;
        begin
            v_schema := (select n.oid from pg_namespace as n where n.nspname = p_schema);
            for v_relation in
                select c.oid
                from pg_class as c
                where c.relnamespace = v_schema
                    and c.relname = any (v_tables)
                    and (c.relkind <> 'r' or exists (select from pg_inherits as i where c.oid in (i.inhrelid, i.inhparent)))
            loop
                raise exception using
                    errcode = 'wrong_object_type',
                    message = format('%s is not a plain table', v_relation),
                    hint = 'Partitions, inheritance and views are not supported. Choose another schema, or drop it and run this again.';
            end loop;
        end;

        v_step := 'verify_column_types.sql';
        -- The check of a domain would run with every insert.
        declare
            v_column record;
        begin
            for v_column in
                select c.oid::regclass as table_name, a.attname as name, format_type(a.atttypid, a.atttypmod) as type
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
                    message = format('column %I of %s has the type %s, which is not one of PostgreSQL', v_column.name, v_column.table_name, v_column.type),
                    hint = 'Drop the column or the table, and run this again.';
            end loop;
        end;

        v_step := 'verify_foreign_keys.sql';
        -- Looked at again after the work, since another session can add one.
        declare
            v_foreign_key record;
        begin
            -- A foreign key to these rows would make pruning fail always, and creating a session now and then.
            for v_foreign_key in
                select c.conname as name, c.conrelid::regclass as table_name, c.confrelid::regclass as referenced_table
                from pg_constraint as c
                join pg_class as t on t.oid = c.confrelid
                where c.contype = 'f'
                    and t.relnamespace = (select n.oid from pg_namespace as n where n.nspname = p_schema)
                    and t.relname = any (v_tables)
                    -- One of the store's own tables is an additional constraint.
                    and not exists (
                        select
                        from pg_class as o
                        where o.oid = c.conrelid
                            and o.relnamespace = t.relnamespace
                            and o.relname = any (v_tables)
                    )
            loop
                raise exception using
                    errcode = 'dependent_objects_still_exist',
                    message = format('the foreign key %s of table %s references %s, whose rows are deleted', v_foreign_key.name, v_foreign_key.table_name, v_foreign_key.referenced_table),
                    hint = 'Drop the foreign key. Store the handle of a session in a column without one.';
            end loop;
        end;

        v_step := 'expected_snapshot.sql';
        -- What the catalog shows of a correct store, in the form of catalog_snapshot.sql: what an install makes, and what it finds and
        -- leaves alone.
        v_catalog_after := (
            with declared (kind, object, attributes) as (
                -- What an install makes, with places for the names. Written by: bin/with-pg bin/lib/schema-snapshot
                values
                ('column', 'prune_state.last_pruned_at', '{"collation": null, "comment": "The time at which a batch was last pruned.", "default": null, "generated": "", "identity": "", "not null": "false", "type": "timestamp with time zone"}'),
                ('column', 'prune_state.only_row', '{"collation": null, "comment": "Keeps the table at one row.", "default": "true", "generated": "", "identity": "", "not null": "true", "type": "boolean"}'),
                ('column', 'prune_state.resume_from', '{"collation": null, "comment": "The prune_after at which an unfinished prune continues.", "default": "''-infinity''::timestamp with time zone", "generated": "", "identity": "", "not null": "true", "type": "timestamp with time zone"}'),
                ('column', 'session.absolute_expires_at', '{"collation": null, "comment": "The absolute timeout: no use moves the expiry beyond this time (OWASP ASVS 5.0, 7.3.2).", "default": "statement_timestamp()", "generated": "", "identity": "", "not null": "true", "type": "timestamp with time zone"}'),
                ('column', 'session.client_address', '{"collation": null, "comment": "The address that the session was created from, for the user''s list of devices. No decision depends on it.", "default": null, "generated": "", "identity": "", "not null": "false", "type": "inet"}'),
                ('column', 'session.created_at', '{"collation": null, "comment": "The time at which the session was created.", "default": "statement_timestamp()", "generated": "", "identity": "", "not null": "true", "type": "timestamp with time zone"}'),
                ('column', 'session.data', E'{"collation": "default", "comment": "The data of the session: JSON from the native interface, any text from the connect-pg interface, null in a tombstone. Text, since jsonb refuses \\\\u0000 and parses every write.", "default": null, "generated": "", "identity": "", "not null": "false", "type": "text"}'),
                ('column', 'session.ended_at', '{"collation": null, "comment": "The time at which the session was ended on purpose. The row is a tombstone then, and no save revives it.", "default": null, "generated": "", "identity": "", "not null": "false", "type": "timestamp with time zone"}'),
                ('column', 'session.ended_reason', '{"collation": "default", "comment": "Why the session was ended: logout, revoked, evicted or rotated.", "default": null, "generated": "", "identity": "", "not null": "false", "type": "text"}'),
                ('column', 'session.expires_at', '{"collation": null, "comment": "The session is live while this is in the future by the clock of the database; -infinity once it has ended. Not indexed, so that slides are heap-only.", "default": "''-infinity''::timestamp with time zone", "generated": "", "identity": "", "not null": "true", "type": "timestamp with time zone"}'),
                ('column', 'session.grace_until', '{"collation": null, "comment": "In the tombstone of an old key after a rotation: until this time the old key still loads, for requests in progress.", "default": null, "generated": "", "identity": "", "not null": "false", "type": "timestamp with time zone"}'),
                ('column', 'session.handle', '{"collation": null, "comment": "Names the session where its id must not appear: in lists, messages and other tables.", "default": "gen_random_uuid()", "generated": "", "identity": "", "not null": "true", "type": "uuid"}'),
                ('column', 'session.idle_timeout_seconds', '{"collation": null, "comment": "The idle timeout: seconds from a use to the expiry (OWASP ASVS 5.0, 7.3.1).", "default": "0", "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('column', 'session.key', '{"collation": null, "comment": "sha256 of the session id. The database never holds the id itself, so a reader of the table cannot impersonate a user.", "default": null, "generated": "", "identity": "", "not null": "true", "type": "bytea"}'),
                ('column', 'session.label', '{"collation": "default", "comment": "The application''s name for the device, cut at 256 characters.", "default": null, "generated": "", "identity": "", "not null": "false", "type": "text"}'),
                ('column', 'session.last_used_at', '{"collation": null, "comment": "The time of the last use that was written, exact to the time between two slides.", "default": "statement_timestamp()", "generated": "", "identity": "", "not null": "true", "type": "timestamp with time zone"}'),
                ('column', 'session.prune_after', '{"collation": null, "comment": "The time from which pruning looks at the row. Slides do not move it.", "default": null, "generated": "", "identity": "", "not null": "true", "type": "timestamp with time zone"}'),
                ('column', 'session.slide_at', '{"collation": null, "comment": "From this time on, a use writes a slide. Never later than expires_at.", "default": "''-infinity''::timestamp with time zone", "generated": "", "identity": "", "not null": "true", "type": "timestamp with time zone"}'),
                ('column', 'session.slide_interval_seconds', '{"collation": null, "comment": "Seconds from one slide to the next.", "default": "0", "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('column', 'session.successor', '{"collation": null, "comment": "In the tombstone of an old key after a rotation: the key that the session has now.", "default": null, "generated": "", "identity": "", "not null": "false", "type": "bytea"}'),
                ('column', 'session.user_agent', '{"collation": "default", "comment": "The user agent that the session was created with, cut at 512 characters, for the list of devices.", "default": null, "generated": "", "identity": "", "not null": "false", "type": "text"}'),
                ('column', 'session.user_id', '{"collation": "default", "comment": "The user that is logged in; null without a login.", "default": null, "generated": "", "identity": "", "not null": "false", "type": "text"}'),
                ('column', 'session.version', '{"collation": null, "comment": "Grows with each change of the data. A slide does not change it.", "default": "1", "generated": "", "identity": "", "not null": "true", "type": "bigint"}'),
                ('column', 'settings.absolute_timeout_seconds', '{"collation": null, "comment": "The absolute timeout of a session that asks for none, in seconds. 30 days by default.", "default": "2592000", "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('column', 'settings.idle_timeout_seconds', '{"collation": null, "comment": "The idle timeout of a session that asks for none, in seconds. One day by default.", "default": "86400", "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('column', 'settings.lock_seed', '{"collation": null, "comment": "Decides which row of user_lock stands for a user. Secret and random, so that pg_locks does not show who logs in.", "default": "hashtextextended((gen_random_uuid())::text, (0)::bigint)", "generated": "", "identity": "", "not null": "true", "type": "bigint"}'),
                ('column', 'settings.max_data_bytes', '{"collation": null, "comment": "The largest session data, in bytes of the database''s encoding. 1 MiB by default, 8 KiB at least.", "default": "1048576", "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('column', 'settings.max_sessions_per_user', '{"collation": null, "comment": "How many live sessions a user may have; 0 for any number (OWASP ASVS 5.0, 7.1.2).", "default": "0", "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('column', 'settings.max_timeout_seconds', '{"collation": null, "comment": "The longest timeout that a session may ask for, in seconds. 400 days by default, as browsers limit cookies (RFC 6265bis, 5.6.2).", "default": "34560000", "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('column', 'settings.notify_channel', '{"collation": "default", "comment": "The NOTIFY channel that announces the end of a session; null for none.", "default": null, "generated": "", "identity": "", "not null": "false", "type": "text"}'),
                ('column', 'settings.only_row', '{"collation": null, "comment": "Keeps the table at one row.", "default": "true", "generated": "", "identity": "", "not null": "true", "type": "boolean"}'),
                ('column', 'settings.reject_over_limit', '{"collation": null, "comment": "What happens at that limit: true rejects the new session, false ends the least recently used one.", "default": "false", "generated": "", "identity": "", "not null": "true", "type": "boolean"}'),
                ('column', 'settings.slide_max_seconds', '{"collation": null, "comment": "The longest time between two slides, in seconds, so that last_used_at stays useful.", "default": "600", "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('column', 'settings.slide_min_seconds', '{"collation": null, "comment": "The shortest time between two slides, in seconds; half the idle timeout if that is shorter.", "default": "60", "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('column', 'settings.slide_percent', '{"collation": null, "comment": "A slide is due after this percentage of the idle timeout.", "default": "5", "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('column', 'settings.tombstone_retention_seconds', '{"collation": null, "comment": "The least time that the tombstone of an ended session is kept, in seconds: longer than any request takes. One hour by default.", "default": "3600", "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('column', 'user_lock.bucket', '{"collation": null, "comment": "A part of the hash of a user id: 0 to 1023.", "default": null, "generated": "", "identity": "", "not null": "true", "type": "integer"}'),
                ('constraint', 'prune_state.prune_state_only_row', '{"definition": "CHECK (only_row)", "valid": "true"}'),
                ('constraint', 'prune_state.prune_state_pkey', '{"definition": "PRIMARY KEY (only_row)", "valid": "true"}'),
                ('constraint', 'session.session_pkey', '{"definition": "PRIMARY KEY (key)", "valid": "true"}'),
                ('constraint', 'settings.settings_absolute_timeout_seconds', '{"definition": "CHECK ((absolute_timeout_seconds >= 1))", "valid": "true"}'),
                ('constraint', 'settings.settings_idle_timeout_seconds', '{"definition": "CHECK ((idle_timeout_seconds >= 1))", "valid": "true"}'),
                ('constraint', 'settings.settings_max_absolute_timeout', '{"definition": "CHECK ((max_timeout_seconds >= absolute_timeout_seconds))", "valid": "true"}'),
                ('constraint', 'settings.settings_max_data_bytes', '{"definition": "CHECK ((max_data_bytes >= 8192))", "valid": "true"}'),
                ('constraint', 'settings.settings_max_idle_timeout', '{"definition": "CHECK ((max_timeout_seconds >= idle_timeout_seconds))", "valid": "true"}'),
                ('constraint', 'settings.settings_max_sessions_per_user', '{"definition": "CHECK ((max_sessions_per_user >= 0))", "valid": "true"}'),
                ('constraint', 'settings.settings_notify_channel', '{"definition": "CHECK (((octet_length(notify_channel) >= 1) AND (octet_length(notify_channel) <= 63)))", "valid": "true"}'),
                ('constraint', 'settings.settings_only_row', '{"definition": "CHECK (only_row)", "valid": "true"}'),
                ('constraint', 'settings.settings_pkey', '{"definition": "PRIMARY KEY (only_row)", "valid": "true"}'),
                ('constraint', 'settings.settings_slide_interval_seconds', '{"definition": "CHECK (((slide_min_seconds >= 0) AND (slide_max_seconds >= slide_min_seconds)))", "valid": "true"}'),
                ('constraint', 'settings.settings_slide_percent', '{"definition": "CHECK (((slide_percent >= 0) AND (slide_percent <= 50)))", "valid": "true"}'),
                ('constraint', 'settings.settings_tombstone_retention_seconds', '{"definition": "CHECK ((tombstone_retention_seconds >= 60))", "valid": "true"}'),
                ('constraint', 'user_lock.user_lock_pkey', '{"definition": "PRIMARY KEY (bucket)", "valid": "true"}'),
                ('function', 'change_session_key(bytea, bytea, text, integer, text, integer, integer, inet, text, text, timestamp with time zone)', '{"arguments": "p_old_key bytea, p_new_key bytea, p_change text, p_grace_seconds integer DEFAULT 0, p_user_id text DEFAULT NULL::text, p_idle_timeout_seconds integer DEFAULT NULL::integer, p_absolute_timeout_seconds integer DEFAULT NULL::integer, p_client_address inet DEFAULT NULL::inet, p_user_agent text DEFAULT NULL::text, p_label text DEFAULT NULL::text, p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "%2$s.saved_session", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'check_data(text)', '{"arguments": "p_data text", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'check_key(bytea)', '{"arguments": "p_key bytea", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'check_session_attributes(integer, integer, text, integer, timestamp with time zone)', '{"arguments": "p_idle_timeout_seconds integer, p_absolute_timeout_seconds integer, p_user_id text, p_max_sessions integer, p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'clear_sessions()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'configure_store(jsonb)', '{"arguments": "p_settings jsonb", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "TABLE(name text, before text, after text)", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'count_sessions()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "integer", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'create_session(bytea, text, integer, integer, text, inet, text, text, integer, timestamp with time zone)', '{"arguments": "p_key bytea, p_data text, p_idle_timeout_seconds integer DEFAULT NULL::integer, p_absolute_timeout_seconds integer DEFAULT NULL::integer, p_user_id text DEFAULT NULL::text, p_client_address inet DEFAULT NULL::inet, p_user_agent text DEFAULT NULL::text, p_label text DEFAULT NULL::text, p_max_sessions integer DEFAULT NULL::integer, p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "%2$s.created_session", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'delete_expired_session(bytea)', '{"arguments": "p_key bytea", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'destroy_session(text)', '{"arguments": "sessid text", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'end_all_sessions()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "bigint", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'end_session(bytea)', '{"arguments": "p_key bytea", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "boolean", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'end_session_by_handle(uuid)', '{"arguments": "p_handle uuid", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "boolean", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'end_sessions_of_user(text, uuid)', '{"arguments": "p_user_id text, p_except_handle uuid", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "integer", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'end_user_session(text, uuid)', '{"arguments": "p_user_id text, p_handle uuid", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "boolean", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'end_user_sessions(text, bytea)', '{"arguments": "p_user_id text, p_except_key bytea DEFAULT NULL::bytea", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "integer", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'end_user_sessions_except_handle(text, uuid)', '{"arguments": "p_user_id text, p_handle uuid", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "integer", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'enforce_session_limit(text, integer)', '{"arguments": "p_user_id text, p_max_sessions integer", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "boolean", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'expiry_after_use(timestamp with time zone, integer, timestamp with time zone)', '{"arguments": "p_expires_at timestamp with time zone, p_idle_timeout_seconds integer, p_absolute_expires_at timestamp with time zone", "cost": "100", "kind": "f", "language": "sql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "timestamp with time zone", "rows": "0", "security definer": "false", "settings": null, "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'export_sessions(bytea, integer)', '{"arguments": "p_after_key bytea DEFAULT NULL::bytea, p_max_rows integer DEFAULT 1000", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "TABLE(key bytea, data text, created_at timestamp with time zone, last_used_at timestamp with time zone, expires_at timestamp with time zone, absolute_expires_at timestamp with time zone, idle_timeout_seconds integer, user_id text, client_address inet, user_agent text, label text)", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'find_session(uuid)', '{"arguments": "p_handle uuid", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "TABLE(handle uuid, user_id text, created_at timestamp with time zone, last_used_at timestamp with time zone, expires_at timestamp with time zone, client_address inet, user_agent text, label text)", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'get_session_data(text)', '{"arguments": "sessid text", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "SETOF text", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'import_sessions(bytea[], text[], timestamp with time zone[], timestamp with time zone[], timestamp with time zone[], timestamp with time zone[], integer[], text[], inet[], text[], text[])', '{"arguments": "p_keys bytea[], p_data text[], p_created_at timestamp with time zone[], p_last_used_at timestamp with time zone[], p_expires_at timestamp with time zone[], p_absolute_expires_at timestamp with time zone[], p_idle_timeout_seconds integer[], p_user_ids text[], p_client_addresses inet[], p_user_agents text[], p_labels text[]", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "TABLE(ordinality integer, outcome text)", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'insert_tombstone(bytea, text, bytea, integer)', '{"arguments": "p_key bytea, p_reason text, p_successor bytea DEFAULT NULL::bytea, p_grace_seconds integer DEFAULT NULL::integer", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "boolean", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'is_notify_queue_available(double precision)', '{"arguments": "p_usage double precision DEFAULT pg_notification_queue_usage()", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "boolean", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "i"}'),
                ('function', 'load_session(bytea, boolean)', '{"arguments": "p_key bytea, p_slide boolean DEFAULT true", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "SETOF %2$s.loaded_session", "rows": "1000", "security definer": "true", "settings": null, "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'load_session_slow(bytea, boolean)', '{"arguments": "p_key bytea, p_slide boolean", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "SETOF %2$s.loaded_session", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'load_session_value(bytea, boolean)', '{"arguments": "p_key bytea, p_slide boolean DEFAULT true", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "%2$s.loaded_session", "rows": "0", "security definer": "true", "settings": null, "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'load_sessions(bytea[], boolean)', '{"arguments": "p_keys bytea[], p_slide boolean DEFAULT true", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "SETOF %2$s.loaded_sessions", "rows": "1000", "security definer": "true", "settings": null, "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'lock_session(bytea, integer)', '{"arguments": "p_key bytea, p_lock_timeout_milliseconds integer DEFAULT 5000", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "SETOF %2$s.loaded_session", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'lock_sessions()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'lock_user(text)', '{"arguments": "p_user_id text", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "integer", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'login_session(bytea, bytea, text, integer, integer, inet, text, text, integer, timestamp with time zone)', '{"arguments": "p_old_key bytea, p_new_key bytea, p_user_id text, p_idle_timeout_seconds integer DEFAULT NULL::integer, p_absolute_timeout_seconds integer DEFAULT NULL::integer, p_client_address inet DEFAULT NULL::inet, p_user_agent text DEFAULT NULL::text, p_label text DEFAULT NULL::text, p_max_sessions integer DEFAULT NULL::integer, p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "%2$s.saved_session", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'logout_session(bytea, bytea)', '{"arguments": "p_old_key bytea, p_new_key bytea", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "%2$s.saved_session", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'missing_rows()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "text[]", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'notify_channel()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "text", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'notify_session_end(uuid, text)', '{"arguments": "p_handle uuid, p_reason text", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'prune_random_pages()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off, enable_seqscan=off, jit=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'prune_sessions(integer)', '{"arguments": "p_max_rows integer DEFAULT 1000", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "TABLE(outcome text, deleted integer, rescheduled integer)", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'raise_array_lengths()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'raise_missing_settings()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'raise_serializable()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'resolve_key(bytea, boolean)', '{"arguments": "p_key bytea, p_within_grace boolean", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "uuid", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'rotate_session(bytea, bytea, integer)', '{"arguments": "p_old_key bytea, p_new_key bytea, p_grace_seconds integer DEFAULT 0", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "%2$s.saved_session", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'save_session(bytea, text, bigint, integer, integer, timestamp with time zone)', '{"arguments": "p_key bytea, p_data text, p_expected_version bigint DEFAULT NULL::bigint, p_idle_timeout_seconds integer DEFAULT NULL::integer, p_absolute_timeout_seconds integer DEFAULT NULL::integer, p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "%2$s.saved_session", "rows": "0", "security definer": "true", "settings": null, "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'save_session_slow(bytea, text, bigint, integer, integer, timestamp with time zone)', '{"arguments": "p_key bytea, p_data text, p_expected_version bigint, p_idle_timeout_seconds integer DEFAULT NULL::integer, p_absolute_timeout_seconds integer DEFAULT NULL::integer, p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "TABLE(outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone)", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'save_sessions(bytea[], text[], bigint[], integer[])', '{"arguments": "p_keys bytea[], p_data text[], p_expected_versions bigint[] DEFAULT NULL::bigint[], p_idle_timeout_seconds integer[] DEFAULT NULL::integer[]", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "SETOF %2$s.saved_sessions", "rows": "1000", "security definer": "true", "settings": "plan_cache_mode=force_generic_plan", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'seconds_until(timestamp with time zone)', '{"arguments": "p_expires_at timestamp with time zone", "cost": "100", "kind": "f", "language": "sql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "integer", "rows": "0", "security definer": "false", "settings": null, "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'session_info(bytea)', '{"arguments": "p_key bytea", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "TABLE(state text, reason text, handle uuid, user_id text, created_at timestamp with time zone, last_used_at timestamp with time zone, expires_at timestamp with time zone, absolute_expires_at timestamp with time zone, client_address inet, user_agent text, label text)", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'session_table()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "regclass", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'set_session_data(text, text, timestamp with time zone)', '{"arguments": "sessid text, sessdata text, expire timestamp with time zone", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'set_session_lifetime(bytea, integer, integer, timestamp with time zone)', '{"arguments": "p_key bytea, p_idle_timeout_seconds integer, p_absolute_timeout_seconds integer, p_expires_at timestamp with time zone", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "timestamp with time zone", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'slide_interval(integer, integer, integer, integer)', '{"arguments": "p_idle_timeout_seconds integer, p_percent integer, p_min_seconds integer, p_max_seconds integer", "cost": "100", "kind": "f", "language": "sql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "integer", "rows": "0", "security definer": "false", "settings": null, "strict": "false", "support": null, "volatility": "i"}'),
                ('function', 'slide_session(bytea)', '{"arguments": "p_key bytea", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'store_settings()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "TABLE(name text, type text, required boolean, default_value text, rules text, meaning text, value text)", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'store_status()', '{"arguments": "", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "TABLE(live bigint, expired bigint, ended bigint, total_bytes bigint, table_bytes bigint, index_bytes bigint, dead_rows bigint, updates bigint, hot_updates bigint, last_pruned_at timestamp with time zone, oldest_prune_after timestamp with time zone, oldest_expired_at timestamp with time zone, server_time timestamp with time zone)", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'tombstone_sessions(uuid[], text, boolean)', '{"arguments": "p_handles uuid[], p_reason text, p_is_announced boolean DEFAULT true", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "bigint", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp, debug_print_plan=off", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'touch_session(bytea, integer, integer, timestamp with time zone)', '{"arguments": "p_key bytea, p_idle_timeout_seconds integer DEFAULT NULL::integer, p_absolute_timeout_seconds integer DEFAULT NULL::integer, p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "timestamp with time zone", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('function', 'user_sessions(text)', '{"arguments": "p_user_id text", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "TABLE(handle uuid, created_at timestamp with time zone, last_used_at timestamp with time zone, expires_at timestamp with time zone, client_address inet, user_agent text, label text)", "rows": "1000", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "s"}'),
                ('function', 'write_slide(bytea)', '{"arguments": "p_key bytea", "cost": "100", "kind": "f", "language": "plpgsql", "leakproof": "false", "owner": "%4$s", "parallel": "u", "result": "void", "rows": "0", "security definer": "true", "settings": "search_path=pg_catalog, pg_temp", "strict": "false", "support": null, "volatility": "v"}'),
                ('index', 'session_handle', '{"definition": "CREATE UNIQUE INDEX session_handle ON %2$s.session USING btree (handle)", "valid": "true"}'),
                ('index', 'session_prune_after', '{"definition": "CREATE INDEX session_prune_after ON %2$s.session USING btree (prune_after)", "valid": "true"}'),
                ('index', 'session_user_id', '{"definition": "CREATE INDEX session_user_id ON %2$s.session USING btree (user_id) WHERE ((user_id IS NOT NULL) AND (ended_at IS NULL))", "valid": "true"}'),
                ('privilege', 'EXECUTE on function clear_sessions() to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function count_sessions() to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function create_session(bytea, text, integer, integer, text, inet, text, text, integer, timestamp with time zone) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function destroy_session(text) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function end_session(bytea) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function end_user_session(text, uuid) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function end_user_sessions(text, bytea) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function get_session_data(text) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function load_session(bytea, boolean) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function load_session_value(bytea, boolean) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function load_sessions(bytea[], boolean) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function lock_session(bytea, integer) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function login_session(bytea, bytea, text, integer, integer, inet, text, text, integer, timestamp with time zone) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function logout_session(bytea, bytea) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function missing_rows() to pg_monitor', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function notify_channel() to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function prune_sessions(integer) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function rotate_session(bytea, bytea, integer) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function save_session(bytea, text, bigint, integer, integer, timestamp with time zone) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function save_sessions(bytea[], text[], bigint[], integer[]) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function session_info(bytea) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function set_session_data(text, text, timestamp with time zone) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function store_status() to pg_monitor', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function touch_session(bytea, integer, integer, timestamp with time zone) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'EXECUTE on function user_sessions(text) to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'USAGE on schema %1$s to %3$s', '{"grant option": "false", "granted by": "%4$s"}'),
                ('privilege', 'USAGE on schema %1$s to pg_monitor', '{"grant option": "false", "granted by": "%4$s"}'),
                ('role', '%3$s', '{"bypassrls": "false", "createdb": "false", "createrole": "false", "login": "true", "replication": "false", "settings": "enable_seqscan=off, jit=off, lock_timeout=10s", "superuser": "false"}'),
                ('role', '%4$s', '{"bypassrls": "false", "createdb": "false", "createrole": "false", "login": "false", "replication": "false", "settings": null, "superuser": "false"}'),
                ('schema', '%1$s', '{"owner": "%4$s"}'),
                ('table', 'prune_state', '{"comment": "The state of pruning, in one row. API: private", "forced row security": "false", "options": null, "owner": "%4$s", "persistence": "logged", "row security": "false"}'),
                ('table', 'session', '{"comment": "Web sessions, one row each, and the tombstones of ended sessions for a while. Clients reach them through the functions of this schema only. API: private", "forced row security": "false", "options": "fillfactor=90, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.1, toast.autovacuum_vacuum_scale_factor=0.05", "owner": "%4$s", "persistence": "logged", "row security": "false"}'),
                ('table', 'settings', '{"comment": "The settings of this store, in one row. API: private", "forced row security": "false", "options": null, "owner": "%4$s", "persistence": "logged", "row security": "false"}'),
                ('table', 'user_lock', '{"comment": "Rows that functions lock while they add or end sessions of a user. API: private", "forced row security": "false", "options": null, "owner": "%4$s", "persistence": "logged", "row security": "false"}'),
                ('type', 'created_session', '{"columns": "outcome text, version bigint, expires_at timestamp with time zone, handle uuid, server_time timestamp with time zone", "comment": "What create_session returns. API: public", "owner": "%4$s"}'),
                ('type', 'loaded_session', '{"columns": "data text, version bigint, expires_at timestamp with time zone, user_id text, server_time timestamp with time zone", "comment": "What load_session returns. API: public", "owner": "%4$s"}'),
                ('type', 'loaded_sessions', '{"columns": "key bytea, data text, version bigint, expires_at timestamp with time zone, user_id text, server_time timestamp with time zone", "comment": "What load_sessions returns for each session. API: public", "owner": "%4$s"}'),
                ('type', 'saved_session', '{"columns": "outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone", "comment": "What save_session, rotate_session, login_session and logout_session return. API: public", "owner": "%4$s"}'),
                ('type', 'saved_sessions', '{"columns": "ordinality bigint, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone", "comment": "What save_sessions returns for each session. API: public", "owner": "%4$s"}')
            ),
            store_object as (
                -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
                -- because their owners are checked.
                select
                    -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                    o.kind,
                    -- Quoted for SQL. Of a column, it is the table's.
                    o.name,
                    o.column_name,
                    -- As in the report.
                    o.label,
                    o.oid,
                    o.owner,
                    a.acl,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                    -- True if an install makes an object of this name.
                    o.is_of_store,
                    o.runtime_privilege,
                    o.installer_privilege,
                    o.monitor_privilege
                from (
                    select
                        'schema' as kind,
                        quote_ident(n.nspname) as name,
                        null::text as column_name,
                        n.nspname::text as label,
                        n.oid,
                        n.nspowner as owner,
                        n.nspacl as acl,
                        'n'::"char" as acl_type,
                        true as is_of_store,
                        'USAGE' as runtime_privilege,
                        'USAGE' as installer_privilege,
                        'USAGE' as monitor_privilege
                    from pg_namespace as n
                    where n.nspname = p_schema
                    union all
                    select
                        'table',
                        c.oid::regclass::text,
                        null,
                        c.relname,
                        c.oid,
                        c.relowner,
                        c.relacl,
                        'r',
                        c.relname = any (v_tables),
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    where n.nspname = p_schema
                        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                    union all
                    select
                        'column',
                        c.oid::regclass::text,
                        quote_ident(a.attname),
                        c.relname || '.' || a.attname,
                        c.oid,
                        c.relowner,
                        a.attacl,
                        'c',
                        true,
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    join pg_attribute as a on a.attrelid = c.oid
                    where n.nspname = p_schema
                        and c.relname = any (v_tables)
                        and a.attacl is not null
                    union all
                    select
                        'type',
                        t.oid::regtype::text,
                        null,
                        t.typname,
                        t.oid,
                        t.typowner,
                        t.typacl,
                        'T',
                        true,
                        null,
                        null,
                        null
                    from pg_type as t
                    join pg_namespace as n on n.oid = t.typnamespace
                    where n.nspname = p_schema
                        and t.typname = any (v_types)
                        -- ALTER TABLE changes the owner of the row type too.
                        and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                    union all
                    select
                        'routine',
                        p.oid::regprocedure::text,
                        null,
                        format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                        p.oid,
                        p.proowner,
                        p.proacl,
                        'f',
                        p.proname = any (v_function_names),
                        case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                        case when p.proname = 'missing_rows' then 'EXECUTE' end,
                        case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                    from pg_proc as p
                    join pg_namespace as n on n.oid = p.pronamespace
                    where n.nspname = p_schema
                ) as o
                cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
            ),
            store_grant as (
                -- What roles other than the owner hold on the objects of the store (store_object, by store_objects.sql), on their columns and
                -- on row types; of the runtime role alone, also on the database. grantee is quoted for SQL. is_declared is true if an install
                -- grants it.
                select
                    o.kind,
                    o.name,
                    o.column_name,
                    format('%s on %s to %s', x.privilege_type, o.label, coalesce(r.rolname, 'PUBLIC')) as label,
                    o.is_of_store,
                    o.owner,
                    coalesce(quote_ident(r.rolname), 'public') as grantee,
                    x.grantor,
                    x.privilege_type,
                    x.is_grantable,
                    coalesce((x.privilege_type, r.rolname) in ((o.runtime_privilege, p_role), (o.installer_privilege, v_installer), (o.monitor_privilege, 'pg_monitor')), false)
                        and not x.is_grantable
                        and (x.grantor = o.owner or o.kind = 'database') as is_declared
                from (
                    select
                        o.kind,
                        o.name,
                        o.column_name,
                        case o.kind when 'routine' then 'function' else o.kind end || ' ' || o.label as label,
                        o.owner,
                        o.acl,
                        o.is_of_store,
                        o.runtime_privilege,
                        o.installer_privilege,
                        o.monitor_privilege
                    from store_object as o
                    union all
                    select 'type', t.oid::regtype::text, null, 'type ' || c.relname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), true, null, null, null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    join pg_type as t on t.oid = c.reltype
                    where n.nspname = p_schema
                        and c.relname = any (v_tables)
                    union all
                    select 'database', quote_ident(d.datname), null, 'database ' || d.datname, d.datdba, d.datacl, true, 'CONNECT', null, null
                    from pg_database as d
                    where d.datname = current_database()
                ) as o
                cross join aclexplode(o.acl) as x
                left join pg_roles as r on r.oid = x.grantee
                where x.grantee <> o.owner
                    and (o.kind <> 'database' or r.rolname = p_role)
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
                        -- Returns true for a setting of a role (c.setting, in the row d of pg_db_role_setting) that an install keeps: what it sets itself, and
                        -- what is an operator's. Any other may come from an attacker with the role's password: a role may change most of its settings.
                        case
                            when lower(split_part(c.setting, '=', 1)) in ('application_name', 'timezone', 'work_mem', 'log_min_duration_statement') then true
                            -- 100 ms at least, or off. A number without a unit is in milliseconds.
                            when split_part(c.setting, '=', 1) in (
                                'statement_timeout',
                                'lock_timeout',
                                'transaction_timeout',
                                'idle_in_transaction_session_timeout',
                                'idle_session_timeout'
                            ) then case
                                when c.setting ~ '= *[0.]+ *[a-z]*$' then true
                                when c.setting ~ '= *[0-9]+(\.[0-9]+)? *(us|ms|s|min|h|d)?$' then
                                    substring(c.setting from '= *([0-9.]+)')::numeric * case
                                        when c.setting ~ 'us$' then 0.001
                                        when c.setting ~ '(ms|[0-9])$' then 1
                                        when c.setting ~ '[0-9 ]s$' then 1000
                                        else 60000
                                    end >= 100
                                else false
                            end
                            -- An operator's, unless it takes from a change what the durability of the store promises.
                            when split_part(c.setting, '=', 1) = 'synchronous_commit' then case
                                when v_durability = 'relaxed' and d.setrole = (select y.oid from pg_roles as y where y.rolname = p_role) then
                                    d.setdatabase <> 0 and c.setting = 'synchronous_commit=off'
                                else c.setting in ('synchronous_commit=on', 'synchronous_commit=local', 'synchronous_commit=remote_write', 'synchronous_commit=remote_apply')
                            end
                            else d.setdatabase <> 0 and c.setting in ('enable_seqscan=off', 'jit=off')
                        end
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

        v_step := 'compare_rows.sql';
        -- The rows that the functions need. The function that looks runs as the owner role, even if it is not as declared. Where it cannot
        -- work, the catalog differs, and the install looks.
        declare
            v_missing text[];
        begin
            if exists (
                select
                from pg_proc as p
                join pg_roles as r on r.oid = p.proowner
                where p.pronamespace = v_schema
                    and p.proname = 'missing_rows'
                    and p.pronargs = 0
                    and p.prorettype = 'text[]'::regtype
                    and p.prosecdef
                    and r.rolname = v_owner
                    and has_schema_privilege(r.oid, v_schema, 'USAGE')
                    and (
                        select count(*)
                        from pg_class as c
                        where c.relnamespace = v_schema
                            and c.relname in ('settings', 'prune_state', 'user_lock')
                            and has_table_privilege(r.oid, c.oid, 'SELECT')
                    ) = 3
            ) then
                -- A caller without the privilege cannot tell.
                v_is_comparable := has_schema_privilege(v_schema, 'USAGE')
                    and has_function_privilege(format('%I.missing_rows()', p_schema), 'EXECUTE');
                if v_is_comparable then
                    execute format('select %I.missing_rows()', p_schema) into v_missing;
                    v_other_changes := v_other_changes || (
                        select coalesce(jsonb_agg(jsonb_build_object('action', 'created', 'kind', 'row', 'object', m.name)), '[]')
                        from unnest(v_missing) as m (name)
                    );
                end if;
            end if;
        end;

        v_step := 'report.sql';
        -- The report, written here alone: what the catalog does not show, then the difference of the two snapshots. One row for
        -- each thing that is new or gone, and for each attribute that changed.
        v_report := v_other_changes || (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'action', c.action,
                        'kind', c.kind,
                        'object', c.object,
                        'attribute', c.attribute,
                        'before', c.before,
                        'after', c.after
                    )
                    order by
                        array_position(
                            array['role', 'membership', 'schema', 'table', 'column', 'constraint', 'index', 'trigger', 'rule', 'policy', 'type', 'function', 'privilege'],
                            c.kind
                        ),
                        c.kind,
                        c.object,
                        c.attribute
                ),
                '[]'
            )
            from (
                select
                    case when b.key is null then 'created' when a.key is null then 'removed' else 'changed' end as action,
                    split_part(k.key, ' ', 1) as kind,
                    substr(k.key, strpos(k.key, ' ') + 1) as object,
                    v.attribute,
                    v.before,
                    v.after
                from (
                    select jsonb_object_keys(coalesce(v_catalog_before, '{}')) as key
                    union
                    select jsonb_object_keys(coalesce(v_catalog_after, '{}'))
                ) as k
                left join jsonb_each(v_catalog_before) as b on b.key = k.key
                left join jsonb_each(v_catalog_after) as a on a.key = k.key
                left join lateral (
                    select x.key as attribute, b.value ->> x.key as before, a.value ->> x.key as after
                    from jsonb_object_keys(a.value) as x (key)
                    where b.key is not null
                        and b.value ->> x.key is distinct from a.value ->> x.key
                ) as v on true
                where b.key is null
                    or a.key is null
                    or v.attribute is not null
            ) as c
        );
    end if;
    -- End of the comparison.

    if v_is_comparable and v_report = '[]' then
        return;
    end if;

    v_step := 'wait_for_other_installs.sql';
    -- One install at a time in a database. An install that waited here finds nothing to do. Any role can hold the lock, so the wait is
    -- bounded.
    declare
        v_key constant bigint := hashtextextended('connect-pg correct_web', 0);
        v_start constant timestamptz := clock_timestamp();
        v_holder record;
    begin
        while not pg_try_advisory_xact_lock(v_key) loop
            if clock_timestamp() > v_start + interval '10 seconds' then
                select l.pid, pg_get_userbyid(a.usesysid) as role
                into v_holder
                from pg_locks as l
                left join pg_stat_activity as a on a.pid = l.pid
                where l.locktype = 'advisory'
                    and l.granted
                    and l.objsubid = 1
                    and l.database = (select d.oid from pg_database as d where d.datname = current_database())
                    and l.classid::bigint << 32 | l.objid::bigint = v_key;
                raise exception using
                    errcode = 'lock_not_available',
                    message = format('process %s (role %s) holds the lock of installs', v_holder.pid, v_holder.role),
                    hint = format('If it is no install: select pg_terminate_backend(%s)', v_holder.pid);
            end if;
            perform pg_sleep(0.1);
        end loop;
    end;

    v_step := 'durability.sql';
    -- How durable the store is to be: as the caller asks, or else as an earlier install has recorded it in the comment of the session
    -- table. Every role that checks can read a comment, and a crash that empties the table leaves it.
    declare
        v_table constant oid := (
            select c.oid
            from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = p_schema
                and c.relname = 'session'
        );
        v_asked constant text := nullif(current_setting('connect_pg.durability', true), '');
        v_found record;
    begin
        v_durability := coalesce(
            v_asked,
            substring(obj_description(v_table, 'pg_class') from ' Durability: (relaxed|unlogged)\. API: private$'),
            'full'
        );
        if v_durability not in ('full', 'relaxed', 'unlogged') then
            raise exception using
                errcode = 'invalid_parameter_value',
                message = format('connect_pg.durability is %s', quote_literal(v_durability)),
                hint = 'Set it to full, relaxed or unlogged, or leave it unset.';
        end if;

        -- A relaxed store is a setting of its runtime role in the database, and holds for every store of that role.
        select n.nspname as schema_name
        into v_found
        from pg_namespace as n
        join pg_class as c on c.relnamespace = n.oid and c.relname = 'session'
        where n.nspname <> p_schema
            and pg_get_userbyid(n.nspowner) = v_owner
            and (v_durability = 'relaxed' or obj_description(c.oid, 'pg_class') ~ ' Durability: relaxed\. API: private$')
        limit 1;
        if found then
            raise exception using
                errcode = 'feature_not_supported',
                message = format('the store in schema %s has the runtime role %s too, and a relaxed store needs a role of its own', v_found.schema_name, p_role),
                hint = 'Choose another name for the role. Or give both stores the durability full or unlogged, one after the other.';
        end if;

        select p.pubname as name
        into v_found
        from pg_publication_rel as r
        join pg_publication as p on p.oid = r.prpubid
        where v_durability = 'unlogged'
            and r.prrelid = v_table
        limit 1;
        if found then
            raise exception using
                errcode = 'object_not_in_prerequisite_state',
                message = format('the publication %s contains the session table, and PostgreSQL does not publish an unlogged table', v_found.name),
                hint = format('alter publication %I drop table %I.session', v_found.name, p_schema);
        end if;
    end;

    v_step := 'schedule.sql';
    -- The schedule by which pg_cron prunes this store: as the caller asks, or else as the comment of prune_state has it. The job may be
    -- in another database, so session-admin makes it. Here the schedule is only recorded.
    begin
        v_schedule := nullif(
            coalesce(
                nullif(current_setting('connect_pg.schedule', true), ''),
                (
                    select substring(obj_description(c.oid, 'pg_class') from ' Schedule: ([^.]+)\. API: private$')
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    where n.nspname = p_schema
                        and c.relname = 'prune_state'
                )
            ),
            'none'
        );
        if v_schedule !~ '^[0-9A-Za-z*/,$ -]{1,100}$' then
            raise exception using
                errcode = 'invalid_parameter_value',
                message = format('connect_pg.schedule is %s', quote_literal(v_schedule)),
                hint = 'Set it to the five fields of a cron expression, to none, or leave it unset.';
        end if;
    end;

    v_step := 'catalog_snapshot.sql';
    -- What the catalog says about the store. Taken before and after the work: the report is the difference of the two, so it
    -- claims no change that did not happen, and misses none that did. What the steps repair must show here, or in compare_rows.sql:
    -- a store that shows no difference from expected_snapshot.sql is left as it is.
    v_catalog := (
        with store_object as (
            -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
            -- because their owners are checked.
            select
                -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                o.kind,
                -- Quoted for SQL. Of a column, it is the table's.
                o.name,
                o.column_name,
                -- As in the report.
                o.label,
                o.oid,
                o.owner,
                a.acl,
                (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                -- True if an install makes an object of this name.
                o.is_of_store,
                o.runtime_privilege,
                o.installer_privilege,
                o.monitor_privilege
            from (
                select
                    'schema' as kind,
                    quote_ident(n.nspname) as name,
                    null::text as column_name,
                    n.nspname::text as label,
                    n.oid,
                    n.nspowner as owner,
                    n.nspacl as acl,
                    'n'::"char" as acl_type,
                    true as is_of_store,
                    'USAGE' as runtime_privilege,
                    'USAGE' as installer_privilege,
                    'USAGE' as monitor_privilege
                from pg_namespace as n
                where n.nspname = p_schema
                union all
                select
                    'table',
                    c.oid::regclass::text,
                    null,
                    c.relname,
                    c.oid,
                    c.relowner,
                    c.relacl,
                    'r',
                    c.relname = any (v_tables),
                    null,
                    null,
                    null
                from pg_class as c
                join pg_namespace as n on n.oid = c.relnamespace
                where n.nspname = p_schema
                    and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                union all
                select
                    'column',
                    c.oid::regclass::text,
                    quote_ident(a.attname),
                    c.relname || '.' || a.attname,
                    c.oid,
                    c.relowner,
                    a.attacl,
                    'c',
                    true,
                    null,
                    null,
                    null
                from pg_class as c
                join pg_namespace as n on n.oid = c.relnamespace
                join pg_attribute as a on a.attrelid = c.oid
                where n.nspname = p_schema
                    and c.relname = any (v_tables)
                    and a.attacl is not null
                union all
                select
                    'type',
                    t.oid::regtype::text,
                    null,
                    t.typname,
                    t.oid,
                    t.typowner,
                    t.typacl,
                    'T',
                    true,
                    null,
                    null,
                    null
                from pg_type as t
                join pg_namespace as n on n.oid = t.typnamespace
                where n.nspname = p_schema
                    and t.typname = any (v_types)
                    -- ALTER TABLE changes the owner of the row type too.
                    and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                union all
                select
                    'routine',
                    p.oid::regprocedure::text,
                    null,
                    format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                    p.oid,
                    p.proowner,
                    p.proacl,
                    'f',
                    p.proname = any (v_function_names),
                    case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                    case when p.proname = 'missing_rows' then 'EXECUTE' end,
                    case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                from pg_proc as p
                join pg_namespace as n on n.oid = p.pronamespace
                where n.nspname = p_schema
            ) as o
            cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
        ),
        store_grant as (
            -- What roles other than the owner hold on the objects of the store (store_object, by store_objects.sql), on their columns and
            -- on row types; of the runtime role alone, also on the database. grantee is quoted for SQL. is_declared is true if an install
            -- grants it.
            select
                o.kind,
                o.name,
                o.column_name,
                format('%s on %s to %s', x.privilege_type, o.label, coalesce(r.rolname, 'PUBLIC')) as label,
                o.is_of_store,
                o.owner,
                coalesce(quote_ident(r.rolname), 'public') as grantee,
                x.grantor,
                x.privilege_type,
                x.is_grantable,
                coalesce((x.privilege_type, r.rolname) in ((o.runtime_privilege, p_role), (o.installer_privilege, v_installer), (o.monitor_privilege, 'pg_monitor')), false)
                    and not x.is_grantable
                    and (x.grantor = o.owner or o.kind = 'database') as is_declared
            from (
                select
                    o.kind,
                    o.name,
                    o.column_name,
                    case o.kind when 'routine' then 'function' else o.kind end || ' ' || o.label as label,
                    o.owner,
                    o.acl,
                    o.is_of_store,
                    o.runtime_privilege,
                    o.installer_privilege,
                    o.monitor_privilege
                from store_object as o
                union all
                select 'type', t.oid::regtype::text, null, 'type ' || c.relname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), true, null, null, null
                from pg_class as c
                join pg_namespace as n on n.oid = c.relnamespace
                join pg_type as t on t.oid = c.reltype
                where n.nspname = p_schema
                    and c.relname = any (v_tables)
                union all
                select 'database', quote_ident(d.datname), null, 'database ' || d.datname, d.datdba, d.datacl, true, 'CONNECT', null, null
                from pg_database as d
                where d.datname = current_database()
            ) as o
            cross join aclexplode(o.acl) as x
            left join pg_roles as r on r.oid = x.grantee
            where x.grantee <> o.owner
                and (o.kind <> 'database' or r.rolname = p_role)
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
                                    -- The storage parameters of the table c as ALTER TABLE names them, with those of its TOAST table, which keeps large values.
                                    c.reloptions || array(
                                        select 'toast.' || o.option
                                        from pg_class as t
                                        cross join unnest(t.reloptions) as o (option)
                                        where t.oid = c.reltoastrelid
                                    )
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
    v_catalog_before := v_catalog;
    v_other_changes := '[]';

    -- No request waits for a role, but an install in another database may be at work on it.
    perform set_config('lock_timeout', '10s', true);
    v_step := 'create_roles.sql';
    -- Roles belong to the cluster, and the lock above to the database, so another database may create them at the same time:
    -- both errors of that race are caught. No password is set, so the runtime role cannot log in until it gets one.
    declare
        v_role record;
    begin
        for v_role in
            select r.name, r.can_login
            from (
                values
                (p_role, true),
                (v_owner, false)
            ) as r (name, can_login)
        loop
            if not exists (select from pg_roles as r where r.rolname = v_role.name) then
                begin
                    execute format('create role %I %s', v_role.name, case when v_role.can_login then 'login' else 'nologin' end);
                exception
                    when duplicate_object or unique_violation then
                        null;
                end;
            end if;
        end loop;
    end;

    v_step := 'verify_roles.sql';
    -- Roles that cannot be restricted to the store are refused.
    declare
        v_role record;
    begin
        for v_role in
            select r.*
            from pg_roles as r
            where r.rolname in (p_role, v_owner)
            order by r.rolname <> p_role
        loop
            if v_role.rolsuper or v_role.rolname in (current_user, session_user)
                or v_role.oid = (select d.datdba from pg_database as d where d.datname = current_database())
            then
                raise exception using
                    errcode = 'insufficient_privilege',
                    message = format('role %s cannot be restricted to the session functions: it is a superuser, the owner of the database, or the current role', v_role.rolname),
                    hint = 'Choose another name for the role. A role that does not exist is created.';
            end if;
            -- The owner role of another store, for one. A large object or a temporary table is harmless: any role may have them.
            if v_role.rolname = p_role and exists (
                select
                from pg_shdepend as s
                where s.refclassid = 'pg_authid'::regclass
                    and s.refobjid = v_role.oid
                    and s.deptype = 'o'
                    and s.dbid = (select d.oid from pg_database as d where d.datname = current_database())
                    and (
                        s.classid in ('pg_proc'::regclass, 'pg_namespace'::regclass)
                        and not exists (select from pg_namespace as n where n.oid = s.objid and n.nspname ~ '^pg_(toast_)?temp_')
                        and not exists (
                            select
                            from pg_proc as p
                            join pg_namespace as n on n.oid = p.pronamespace
                            where p.oid = s.objid
                                and n.nspname ~ '^pg_temp_'
                        )
                        or s.classid = 'pg_class'::regclass
                        and exists (select from pg_class as c where c.oid = s.objid and c.relpersistence <> 't')
                    )
            ) then
                raise exception using
                    errcode = 'insufficient_privilege',
                    message = format('role %s cannot be restricted to the session functions: it owns objects in this database', v_role.rolname),
                    hint = 'Choose another name for the role; a role that does not exist is created. Or give its objects to another role (reassign owned).';
            end if;
            -- A role that can log in is in use, and would lose its login in every database of the cluster.
            if v_role.rolname = v_owner
                and v_role.rolcanlogin
                and not exists (select from pg_namespace as n where n.nspname = p_schema and n.nspowner = v_role.oid)
            then
                raise exception using
                    errcode = 'duplicate_object',
                    message = format('role %s exists and can log in, so it is not the owner role of a store', v_owner),
                    hint = 'Choose another name for the role; its owner role is named after it.';
            end if;
        end loop;
    end;

    v_step := 'roles.sql';
    -- A role is altered only where it differs, since two alterations at once fail ("tuple concurrently updated").
    declare
        v_role record;
        v_existing record;
        v_corrections text;
        v_setting record;
        v_group name;
    begin
        for v_role in
            select r.name, r.can_login
            from (
                values
                (p_role, true),
                (v_owner, false)
            ) as r (name, can_login)
        loop
            select r.* into v_existing from pg_roles as r where r.rolname = v_role.name;
            v_corrections := concat_ws(
                ' ',
                case when v_existing.rolcanlogin <> v_role.can_login then case when v_role.can_login then 'login' else 'nologin' end end,
                case when v_existing.rolcreatedb then 'nocreatedb' end,
                case when v_existing.rolcreaterole then 'nocreaterole' end,
                case when v_existing.rolreplication then 'noreplication' end,
                case when v_existing.rolbypassrls then 'nobypassrls' end
            );
            if v_corrections <> '' then
                execute format('alter role %I %s', v_role.name, v_corrections);
            end if;

            for v_setting in
                select split_part(c.setting, '=', 1) as name, b.datname as database
                from pg_db_role_setting as d
                cross join unnest(d.setconfig) as c (setting)
                left join pg_database as b on b.oid = d.setdatabase
                where d.setrole = (select r.oid from pg_roles as r where r.rolname = v_role.name)
                    and (d.setdatabase = 0 or b.datname = current_database())
                    and not (
                        -- Returns true for a setting of a role (c.setting, in the row d of pg_db_role_setting) that an install keeps: what it sets itself, and
                        -- what is an operator's. Any other may come from an attacker with the role's password: a role may change most of its settings.
                        case
                            when lower(split_part(c.setting, '=', 1)) in ('application_name', 'timezone', 'work_mem', 'log_min_duration_statement') then true
                            -- 100 ms at least, or off. A number without a unit is in milliseconds.
                            when split_part(c.setting, '=', 1) in (
                                'statement_timeout',
                                'lock_timeout',
                                'transaction_timeout',
                                'idle_in_transaction_session_timeout',
                                'idle_session_timeout'
                            ) then case
                                when c.setting ~ '= *[0.]+ *[a-z]*$' then true
                                when c.setting ~ '= *[0-9]+(\.[0-9]+)? *(us|ms|s|min|h|d)?$' then
                                    substring(c.setting from '= *([0-9.]+)')::numeric * case
                                        when c.setting ~ 'us$' then 0.001
                                        when c.setting ~ '(ms|[0-9])$' then 1
                                        when c.setting ~ '[0-9 ]s$' then 1000
                                        else 60000
                                    end >= 100
                                else false
                            end
                            -- An operator's, unless it takes from a change what the durability of the store promises.
                            when split_part(c.setting, '=', 1) = 'synchronous_commit' then case
                                when v_durability = 'relaxed' and d.setrole = (select y.oid from pg_roles as y where y.rolname = p_role) then
                                    d.setdatabase <> 0 and c.setting = 'synchronous_commit=off'
                                else c.setting in ('synchronous_commit=on', 'synchronous_commit=local', 'synchronous_commit=remote_write', 'synchronous_commit=remote_apply')
                            end
                            else d.setdatabase <> 0 and c.setting in ('enable_seqscan=off', 'jit=off')
                        end
                    )
            loop
                begin
                    execute format(
                        'alter role %I %sreset %I',
                        v_role.name,
                        'in database ' || quote_ident(v_setting.database) || ' ',
                        v_setting.name
                    );
                exception
                    -- Only a superuser may reset what a superuser has set. Check reports it.
                    when insufficient_privilege or undefined_object then
                        null;
                end;
            end loop;

            -- A cached plan must not read the whole table because it was made while the table was small. A plan with a disabled
            -- scan would then be compiled, which costs more than it does. A limit for waits that the operator has set stays.
            for v_setting in
                select d.name, d.value
                from (
                    values
                    ('enable_seqscan', 'off', true),
                    ('jit', 'off', true),
                    ('lock_timeout', '10s', false),
                    -- Commits of the role do not wait for the disk. The functions that end a session make theirs wait.
                    (case when v_durability = 'relaxed' then 'synchronous_commit' end, 'off', true)
                ) as d (name, value, is_fixed)
                where v_role.name = p_role
                    and d.name is not null
                    and not exists (
                        select
                        from pg_db_role_setting as s
                        cross join unnest(s.setconfig) as c (setting)
                        where s.setrole = (select r.oid from pg_roles as r where r.rolname = p_role)
                            and case
                                when d.is_fixed then
                                    c.setting = d.name || '=' || d.value
                                    and s.setdatabase = (select b.oid from pg_database as b where b.datname = current_database())
                                else
                                    split_part(c.setting, '=', 1) = d.name
                                    and s.setdatabase in (0, (select b.oid from pg_database as b where b.datname = current_database()))
                            end
                    )
            loop
                execute format('alter role %I in database %I set %I = %L', p_role, current_database(), v_setting.name, v_setting.value);
            end loop;

            -- A membership would give privileges beside the list.
            for v_group in
                select distinct g.rolname
                from pg_auth_members as m
                join pg_roles as g on g.oid = m.roleid
                where m.member = (select r.oid from pg_roles as r where r.rolname = v_role.name)
            loop
                execute format('revoke %I from %I', v_group, v_role.name);
            end loop;
        end loop;

        -- The owner role does most of the work. An installer that is no superuser becomes its member for this transaction.
        if not (select r.rolsuper from pg_roles as r where r.rolname = current_user)
            and not pg_has_role(current_user, v_owner, case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end)
        then
            execute format('grant %I to %I', v_owner, current_user);
            v_took_membership := true;
        end if;
    end;

    v_step := 'lock_timeout.sql';
    -- Requests queue behind a lock that waits. session-admin repeats a call that fails because of this. Autovacuum, which has no role,
    -- ends itself for a lock that waits longer than deadlock_timeout, unless it prevents wraparound. That is no reason to wait for long.
    perform set_config(
        'lock_timeout',
        coalesce(
            (
                select (s.setting::integer + 200)::text
                from pg_settings as s
                where s.name = 'deadlock_timeout'
                    and s.setting::integer <= 2000
                    and exists (
                        select
                        from pg_locks as l
                        join pg_stat_activity as a on a.pid = l.pid
                        join pg_class as c on c.oid = l.relation
                        join pg_namespace as n on n.oid = c.relnamespace
                        where l.locktype = 'relation'
                            and l.database = (select d.oid from pg_database as d where d.datname = current_database())
                            and l.granted
                            and l.mode = 'ShareUpdateExclusiveLock'
                            and a.usesysid is null
                            and n.nspname = p_schema
                            and age(c.relfrozenxid) <= current_setting('autovacuum_freeze_max_age')::integer
                            and mxid_age(c.relminmxid) <= current_setting('autovacuum_multixact_freeze_max_age')::integer
                    )
            ),
            '200'
        ),
        true
    );

    v_step := 'ownership.sql';
    -- Objects of the installer or a superuser (after a restore without the roles) go to the owner role.
    declare
        v_object record;
    begin
        if not exists (select from pg_namespace as n where n.nspname = p_schema) then
            execute format('create schema %I authorization %I', p_schema, v_owner);
        end if;
        v_schema := (select n.oid from pg_namespace as n where n.nspname = p_schema);

        -- Again: another session may have created one since.
        -- Objects of an untrusted role are refused: its functions, triggers and index expressions would run with the rights of
        -- the next caller.
        declare
            v_foreign record;
        begin
            for v_foreign in
                select o.kind, o.name, r.rolname as owner
                from (
                    -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
                    -- because their owners are checked.
                    select
                        -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                        o.kind,
                        -- Quoted for SQL. Of a column, it is the table's.
                        o.name,
                        o.column_name,
                        -- As in the report.
                        o.label,
                        o.oid,
                        o.owner,
                        a.acl,
                        (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                        (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                        -- True if an install makes an object of this name.
                        o.is_of_store,
                        o.runtime_privilege,
                        o.installer_privilege,
                        o.monitor_privilege
                    from (
                        select
                            'schema' as kind,
                            quote_ident(n.nspname) as name,
                            null::text as column_name,
                            n.nspname::text as label,
                            n.oid,
                            n.nspowner as owner,
                            n.nspacl as acl,
                            'n'::"char" as acl_type,
                            true as is_of_store,
                            'USAGE' as runtime_privilege,
                            'USAGE' as installer_privilege,
                            'USAGE' as monitor_privilege
                        from pg_namespace as n
                        where n.nspname = p_schema
                        union all
                        select
                            'table',
                            c.oid::regclass::text,
                            null,
                            c.relname,
                            c.oid,
                            c.relowner,
                            c.relacl,
                            'r',
                            c.relname = any (v_tables),
                            null,
                            null,
                            null
                        from pg_class as c
                        join pg_namespace as n on n.oid = c.relnamespace
                        where n.nspname = p_schema
                            and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                        union all
                        select
                            'column',
                            c.oid::regclass::text,
                            quote_ident(a.attname),
                            c.relname || '.' || a.attname,
                            c.oid,
                            c.relowner,
                            a.attacl,
                            'c',
                            true,
                            null,
                            null,
                            null
                        from pg_class as c
                        join pg_namespace as n on n.oid = c.relnamespace
                        join pg_attribute as a on a.attrelid = c.oid
                        where n.nspname = p_schema
                            and c.relname = any (v_tables)
                            and a.attacl is not null
                        union all
                        select
                            'type',
                            t.oid::regtype::text,
                            null,
                            t.typname,
                            t.oid,
                            t.typowner,
                            t.typacl,
                            'T',
                            true,
                            null,
                            null,
                            null
                        from pg_type as t
                        join pg_namespace as n on n.oid = t.typnamespace
                        where n.nspname = p_schema
                            and t.typname = any (v_types)
                            -- ALTER TABLE changes the owner of the row type too.
                            and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                        union all
                        select
                            'routine',
                            p.oid::regprocedure::text,
                            null,
                            format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                            p.oid,
                            p.proowner,
                            p.proacl,
                            'f',
                            p.proname = any (v_function_names),
                            case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                            case when p.proname = 'missing_rows' then 'EXECUTE' end,
                            case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                        from pg_proc as p
                        join pg_namespace as n on n.oid = p.pronamespace
                        where n.nspname = p_schema
                    ) as o
                    cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
                ) as o
                join pg_roles as r on r.oid = o.owner
                where o.kind <> 'column'
                    and r.rolname not in (v_owner, current_user)
                    and not r.rolsuper
                order by array_position(array['schema', 'table', 'type', 'routine'], o.kind), o.name
            loop
                raise exception using
                    errcode = 'insufficient_privilege',
                    message = format('%s %s belongs to %s', v_foreign.kind, v_foreign.name, v_foreign.owner),
                    detail = 'The owner of a part of the store can read every session, and can act with the rights of its callers.',
                    hint = 'Choose another schema. Or find out where it comes from, drop it, and run this again.';
            end loop;
        end;

        -- Other objects of the schema keep their owner.
        for v_object in
            select o.kind, o.name
            from (
                -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
                -- because their owners are checked.
                select
                    -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                    o.kind,
                    -- Quoted for SQL. Of a column, it is the table's.
                    o.name,
                    o.column_name,
                    -- As in the report.
                    o.label,
                    o.oid,
                    o.owner,
                    a.acl,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                    -- True if an install makes an object of this name.
                    o.is_of_store,
                    o.runtime_privilege,
                    o.installer_privilege,
                    o.monitor_privilege
                from (
                    select
                        'schema' as kind,
                        quote_ident(n.nspname) as name,
                        null::text as column_name,
                        n.nspname::text as label,
                        n.oid,
                        n.nspowner as owner,
                        n.nspacl as acl,
                        'n'::"char" as acl_type,
                        true as is_of_store,
                        'USAGE' as runtime_privilege,
                        'USAGE' as installer_privilege,
                        'USAGE' as monitor_privilege
                    from pg_namespace as n
                    where n.nspname = p_schema
                    union all
                    select
                        'table',
                        c.oid::regclass::text,
                        null,
                        c.relname,
                        c.oid,
                        c.relowner,
                        c.relacl,
                        'r',
                        c.relname = any (v_tables),
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    where n.nspname = p_schema
                        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                    union all
                    select
                        'column',
                        c.oid::regclass::text,
                        quote_ident(a.attname),
                        c.relname || '.' || a.attname,
                        c.oid,
                        c.relowner,
                        a.attacl,
                        'c',
                        true,
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    join pg_attribute as a on a.attrelid = c.oid
                    where n.nspname = p_schema
                        and c.relname = any (v_tables)
                        and a.attacl is not null
                    union all
                    select
                        'type',
                        t.oid::regtype::text,
                        null,
                        t.typname,
                        t.oid,
                        t.typowner,
                        t.typacl,
                        'T',
                        true,
                        null,
                        null,
                        null
                    from pg_type as t
                    join pg_namespace as n on n.oid = t.typnamespace
                    where n.nspname = p_schema
                        and t.typname = any (v_types)
                        -- ALTER TABLE changes the owner of the row type too.
                        and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                    union all
                    select
                        'routine',
                        p.oid::regprocedure::text,
                        null,
                        format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                        p.oid,
                        p.proowner,
                        p.proacl,
                        'f',
                        p.proname = any (v_function_names),
                        case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                        case when p.proname = 'missing_rows' then 'EXECUTE' end,
                        case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                    from pg_proc as p
                    join pg_namespace as n on n.oid = p.pronamespace
                    where n.nspname = p_schema
                ) as o
                cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
            ) as o
            where o.is_of_store
                and o.kind <> 'column'
                and pg_get_userbyid(o.owner) <> v_owner
            order by array_position(array['schema', 'table', 'type', 'routine'], o.kind), o.name
        loop
            execute format('alter %s %s owner to %I', v_object.kind, v_object.name, v_owner);
        end loop;

        -- An owner can lose privileges on its own objects, even the one to read them.
        for v_object in
            select o.kind, o.name
            from (
                -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
                -- because their owners are checked.
                select
                    -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                    o.kind,
                    -- Quoted for SQL. Of a column, it is the table's.
                    o.name,
                    o.column_name,
                    -- As in the report.
                    o.label,
                    o.oid,
                    o.owner,
                    a.acl,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                    -- True if an install makes an object of this name.
                    o.is_of_store,
                    o.runtime_privilege,
                    o.installer_privilege,
                    o.monitor_privilege
                from (
                    select
                        'schema' as kind,
                        quote_ident(n.nspname) as name,
                        null::text as column_name,
                        n.nspname::text as label,
                        n.oid,
                        n.nspowner as owner,
                        n.nspacl as acl,
                        'n'::"char" as acl_type,
                        true as is_of_store,
                        'USAGE' as runtime_privilege,
                        'USAGE' as installer_privilege,
                        'USAGE' as monitor_privilege
                    from pg_namespace as n
                    where n.nspname = p_schema
                    union all
                    select
                        'table',
                        c.oid::regclass::text,
                        null,
                        c.relname,
                        c.oid,
                        c.relowner,
                        c.relacl,
                        'r',
                        c.relname = any (v_tables),
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    where n.nspname = p_schema
                        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                    union all
                    select
                        'column',
                        c.oid::regclass::text,
                        quote_ident(a.attname),
                        c.relname || '.' || a.attname,
                        c.oid,
                        c.relowner,
                        a.attacl,
                        'c',
                        true,
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    join pg_attribute as a on a.attrelid = c.oid
                    where n.nspname = p_schema
                        and c.relname = any (v_tables)
                        and a.attacl is not null
                    union all
                    select
                        'type',
                        t.oid::regtype::text,
                        null,
                        t.typname,
                        t.oid,
                        t.typowner,
                        t.typacl,
                        'T',
                        true,
                        null,
                        null,
                        null
                    from pg_type as t
                    join pg_namespace as n on n.oid = t.typnamespace
                    where n.nspname = p_schema
                        and t.typname = any (v_types)
                        -- ALTER TABLE changes the owner of the row type too.
                        and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                    union all
                    select
                        'routine',
                        p.oid::regprocedure::text,
                        null,
                        format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                        p.oid,
                        p.proowner,
                        p.proacl,
                        'f',
                        p.proname = any (v_function_names),
                        case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                        case when p.proname = 'missing_rows' then 'EXECUTE' end,
                        case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                    from pg_proc as p
                    join pg_namespace as n on n.oid = p.pronamespace
                    where n.nspname = p_schema
                ) as o
                cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
            ) as o
            where o.is_of_store
                and o.kind <> 'column'
                and o.owner_privileges is distinct from o.all_owner_privileges
        loop
            execute format('grant all on %s %s to %I', v_object.kind, v_object.name, v_owner);
        end loop;
    end;

    v_step := 'upgrade_1_1_5_schema.sql';
    -- A database of connect-pg 1.1.5 for Node: its table is renamed here, still as the installer, and its sessions move to the
    -- new table once the functions exist (upgrade_1_1_5_sessions.sql). Additions of its users are named and refused.
    declare
        v_table constant regclass := to_regclass(format('%I.session', p_schema));
        v_additions text;
        v_statement text;
        v_function text;
    begin
        if exists (
            select
            from pg_attribute as a
            where a.attrelid = v_table
                and a.attname = 'sess_id'
                and not a.attisdropped
        ) then
            -- Locked, so that no other session replaces the table. Its columns must have types of PostgreSQL, or reading them would
            -- run another role's code.
            execute format('lock table %s in access exclusive mode', v_table);
            if not exists (
                select
                from pg_class as c
                join pg_attribute as a on a.attrelid = c.oid
                where c.oid = v_table
                    and c.relkind = 'r'
                    and pg_get_userbyid(c.relowner) = v_owner
                    and (a.attname, a.atttypid) in (
                        ('sess_id', 'text'::regtype),
                        ('sess_data', 'text'::regtype),
                        ('expiration', 'timestamptz'::regtype)
                    )
                having count(*) = 3
            ) then
                raise exception using
                    errcode = 'datatype_mismatch',
                    message = format('%s has a column sess_id, but is not the table of connect-pg 1.1.5', v_table),
                    hint = 'Choose another schema, or rename the table.';
            end if;

            v_additions := (
                select string_agg(e.what, '; ' order by e.what)
                from (
                    select format('column %I', a.attname) as what
                    from pg_attribute as a
                    where a.attrelid = v_table
                        and a.attnum > 0
                        and not a.attisdropped
                        and a.attname not in ('sess_id', 'sess_data', 'expiration')
                    union all
                    select format('trigger %I', t.tgname)
                    from pg_trigger as t
                    where t.tgrelid = v_table
                        and not t.tgisinternal
                        and t.tgname <> 'delete_expired_trig'
                    union all
                    select format('policy %I', p.polname)
                    from pg_policy as p
                    where p.polrelid = v_table
                    union all
                    select format('publication %I', p.pubname)
                    from pg_publication_rel as r
                    join pg_publication as p on p.oid = r.prpubid
                    where r.prrelid = v_table
                    union all
                    select 'row level security'
                    from pg_class as c
                    where c.oid = v_table
                        and (c.relrowsecurity or c.relforcerowsecurity)
                    union all
                    select format('constraint %I', c.conname)
                    from pg_constraint as c
                    where c.conrelid = v_table
                        and c.contype not in ('p', 'n')
                    union all
                    select format('index %I', x.relname)
                    from pg_index as i
                    join pg_class as x on x.oid = i.indexrelid
                    where i.indrelid = v_table
                        and not i.indisprimary
                        and x.relname <> 'expire_idx'
                    union all
                    -- Views, functions and foreign keys of any role that depend on the table, or on a function that is dropped below.
                    select distinct pg_describe_object(d.classid, d.objid, 0)
                    from pg_depend as d
                    where (
                            d.refclassid = 'pg_class'::regclass and d.refobjid = v_table
                            or d.refclassid = 'pg_type'::regclass
                            and d.refobjid in (
                                select x.oid
                                from pg_type as t
                                cross join lateral (values (t.oid), (t.typarray)) as x (oid)
                                where t.typrelid = v_table
                            )
                            or d.refclassid = 'pg_proc'::regclass
                            and d.refobjid in (
                                select p.oid
                                from pg_proc as p
                                where p.pronamespace = v_schema
                                    and p.proname in ('valid_sessions', 'remove_expired', 'all_session_ids')
                                    and p.pronargs = 0
                            )
                        )
                        and d.deptype = 'n'
                        and not exists (select from pg_trigger as t where d.classid = 'pg_trigger'::regclass and t.oid = d.objid and t.tgrelid = v_table)
                        and not exists (select from pg_constraint as c where d.classid = 'pg_constraint'::regclass and c.oid = d.objid and c.conrelid = v_table)
                        and not exists (select from pg_proc as p where d.classid = 'pg_proc'::regclass and p.oid = d.objid and p.pronamespace = v_schema)
                ) as e
            );
            if v_additions <> '' and coalesce(current_setting('connect_pg.drop_additions', true), '') <> 'on' then
                raise exception using
                    errcode = 'dependent_objects_still_exist',
                    message = format('the table session of connect-pg 1.1.5 has additions that an upgrade would drop: %s', v_additions),
                    hint = 'Save what you need of them and drop them. Or let the upgrade drop them: session-admin install --drop-additions, or in psql first: set connect_pg.drop_additions = on';
            end if;

            v_is_upgrade := true;
            -- What would act on the rows while they move.
            for v_statement in
                select format('drop policy %I on %s', p.polname, v_table)
                from pg_policy as p
                where p.polrelid = v_table
                union all
                select format('drop rule %I on %s', r.rulename, v_table)
                from pg_rewrite as r
                where r.ev_class = v_table
                union all
                select format('alter table %s disable row level security, no force row level security', v_table)
                from pg_class as c
                where c.oid = v_table
                    and (c.relrowsecurity or c.relforcerowsecurity)
            loop
                execute v_statement;
            end loop;
            execute format('drop trigger if exists delete_expired_trig on %s', v_table);
            for v_function in
                select p.oid::regprocedure::text
                from pg_proc as p
                where p.pronamespace = v_schema
                    and p.proname in ('valid_sessions', 'remove_expired', 'all_session_ids')
                    and p.pronargs = 0
            loop
                execute format('drop function %s%s', v_function, case when current_setting('connect_pg.drop_additions', true) = 'on' then ' cascade' end);
            end loop;
            -- The new table needs the names of its indexes.
            for v_statement in
                select format('alter index %s rename to %I', i.indexrelid::regclass, x.relname || '_of_connect_pg_1')
                from pg_index as i
                join pg_class as x on x.oid = i.indexrelid
                where i.indrelid = v_table
            loop
                execute v_statement;
            end loop;
            execute format('alter table %s rename to session_of_connect_pg_1', v_table);

            -- Helpers and tests that its installer left in public: those whose text is the original's, and no others.
            for v_function in
                select p.oid::regprocedure::text
                from pg_proc as p
                where p.pronamespace = (select n.oid from pg_namespace as n where n.nspname = 'public')
                    and md5(replace(p.prosrc, chr(13), '')) = any (array[
                        '2be1e70fc2474a4be759b9feb86690a0', -- create_test_session()
                        'ca00d9ff881a6dcad972094d595580db', -- failed_test(text)
                        '61ccfb015b4bd735dacaf0c1f3367906', -- new_session_id()
                        '41886da93ecf745681c7f45e2558beaf', -- setup_10_web()
                        'b9ffd320d0ef9e5a6358785fdf1d7c6b', -- test_web_function_allids_is_removed()
                        '3ea680dbaa4e8cedaaab21486787ce91', -- test_web_function_clearsessions_exists()
                        '8ea4f66631d4cbff489ea9acc32bc3ea', -- test_web_function_clearsessions_removes_data()
                        '5d11f8e0b29348060d33f6e2305e472e', -- test_web_function_countsessions_counts_nulls()
                        '556483f11034c41bb3c5b3151b0dd98d', -- test_web_function_countsessions_exists()
                        '817e2c24e3f5256bc1d2d6a5a4e4e6d0', -- test_web_function_countsessions_ignores_expired()
                        '537df53d398937ca3d203a409df9860d', -- test_web_function_countsessions_returns_count()
                        'a6f4287a02b6d8c8b17647f4779cedbd', -- test_web_function_deleteexpired_after_insert()
                        '619419da13357497afa881531f088f96', -- test_web_function_deleteexpired_after_update()
                        '64ac0e3f13f4eaa371c717655966a857', -- test_web_function_deleteexpired_exists()
                        'e639b1c674d9cf0e312299b788d70493', -- test_web_function_destroysession_exists()
                        'f77ada9f490dde2ae426fd48755a3696', -- test_web_function_destroysession_removes_data()
                        '3645f6027db76f938330e97ef53f0381', -- test_web_function_getsessiondata_data()
                        'c578608ec3ffd379c4cc3b9aae520d18', -- test_web_function_getsessiondata_exists()
                        '9fbea26c041dc091105f3dfe8f6929b1', -- test_web_function_getsessiondata_ignores_expired()
                        '8f98551f09afe020fd6e81f0a96e8295', -- test_web_function_setsessiondata_exists()
                        'a9ffa7aa337edb44ca984b51d1822185', -- test_web_function_setsessiondata_save_data()
                        '9a81bdd0bae358184b6ba5ab7d3af68c', -- test_web_function_setsessiondata_update_data()
                        'a5ade8a7cf6b3b7a41120c78a6b722ce', -- test_web_schema()
                        'b851d2ea2f95dc7eedbb5c0aec7dc9fb', -- test_web_session_data_exists()
                        'cbaf1b9ac498b0887703361c5508812b', -- test_web_session_data_type()
                        '64dff928a795b63e96d384cb00f43254', -- test_web_session_expiration_default()
                        '3a7f8f8b99eca7aeaf6727aeb5b7b7ee', -- test_web_session_expiration_exists()
                        'd446f67ac83343517d221cda73641bf2', -- test_web_session_expiration_has_index()
                        'a186aa9460baadf49cbd21d3581b263a', -- test_web_session_expiration_type()
                        '80f64e0315ffab78512445d9faa46e2f', -- test_web_session_id_exists()
                        'e0fbf4664cc52808bd0f645ba70b7271', -- test_web_session_id_is_pk()
                        '01f4b97c84521f8e7e0369a411597b3e', -- test_web_session_id_type()
                        '9152b7e236c4ade16c821005276c7c98', -- test_web_session_table()
                        '8f8c7c23057dca6fb8fb8eb7bd748cb0', -- test_web_trigger_deleteexpired_exists()
                        '86680a8279d15e8770c99710c3dacf6b' -- test_web_user_exists()
                    ])
                order by p.proname
            loop
                execute format('drop function %s', v_function);
                v_other_changes := v_other_changes || jsonb_build_object('action', 'removed', 'kind', 'function', 'object', v_function);
            end loop;
        end if;
    end;

    -- From here on the owner role does the work: code that another role has left in the schema never runs as a superuser.
    perform set_config('role', v_owner, true);

    v_step := 'tables.sql';
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

        -- What no repair can turn into a table of the store.
        declare
            v_relation regclass;
        begin
            v_schema := (select n.oid from pg_namespace as n where n.nspname = p_schema);
            for v_relation in
                select c.oid
                from pg_class as c
                where c.relnamespace = v_schema
                    and c.relname = any (v_tables)
                    and (c.relkind <> 'r' or exists (select from pg_inherits as i where c.oid in (i.inhrelid, i.inhparent)))
            loop
                raise exception using
                    errcode = 'wrong_object_type',
                    message = format('%s is not a plain table', v_relation),
                    hint = 'Partitions, inheritance and views are not supported. Choose another schema, or drop it and run this again.';
            end loop;
        end;

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

    v_step := 'columns.sql';
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

        -- The check of a domain would run with every insert.
        declare
            v_column record;
        begin
            for v_column in
                select c.oid::regclass as table_name, a.attname as name, format_type(a.atttypid, a.atttypmod) as type
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
                    message = format('column %I of %s has the type %s, which is not one of PostgreSQL', v_column.name, v_column.table_name, v_column.type),
                    hint = 'Drop the column or the table, and run this again.';
            end loop;
        end;

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

    v_step := 'storage.sql';
    -- Slides and saves stay in their page (heap-only tuples), and vacuum runs before the table has grown by much. Other storage
    -- parameters are an operator's, but vacuum stays on. A TOAST table exists once the columns do.
    declare
        v_statement text;
    begin
        for v_statement in
            with existing as (
                select
                    c.oid::regclass as table_name,
                    c.relname,
                    -- The storage parameters of the table c as ALTER TABLE names them, with those of its TOAST table, which keeps large values.
                    c.reloptions || array(
                        select 'toast.' || o.option
                        from pg_class as t
                        cross join unnest(t.reloptions) as o (option)
                        where t.oid = c.reltoastrelid
                    )
                    as options
                from pg_class as c
                where c.relnamespace = v_schema
                    and c.relname = any (v_tables)
            )
            select format('alter table %s reset (%s)', e.table_name, split_part(o.option, '=', 1))
            from existing as e
            cross join unnest(e.options) as o (option)
            where o.option ~ '^(toast\.)?autovacuum_enabled='
            union all
            select format('alter table %s set (%s)', e.table_name, d.option)
            from (
                values
                ('session', 'fillfactor=90'),
                ('session', 'autovacuum_vacuum_scale_factor=0.05'),
                ('session', 'autovacuum_analyze_scale_factor=0.1'),
                ('session', 'toast.autovacuum_vacuum_scale_factor=0.05')
            ) as d (table_name, option)
            join existing as e on e.relname = d.table_name
            where d.option <> all (e.options)
        loop
            execute v_statement;
        end loop;
    end;

    v_step := 'constraints.sql';
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

    v_step := 'indexes.sql';
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

    v_step := 'rows.sql';
    -- The functions need one row of settings, one of prune_state, and the rows of user_lock.
    declare
        v_table text;
        v_inserted bigint;
    begin
        foreach v_table in array array['settings', 'prune_state']
        loop
            execute format(
                'insert into %1$I.%2$I (only_row) select true where not exists (select from %1$I.%2$I)',
                p_schema,
                v_table
            );
            get diagnostics v_inserted = row_count;
            -- The row of a new table is not reported: the table is.
            if v_inserted > 0 and v_catalog_before ? ('table ' || v_table) then
                v_other_changes := v_other_changes || jsonb_build_object('action', 'created', 'kind', 'row', 'object', v_table);
            end if;
        end loop;

        execute format(
            'insert into %1$I.user_lock (bucket)
            select b.bucket
            from generate_series(0, 1023) as b (bucket)
            where not exists (select from %1$I.user_lock as l where l.bucket = b.bucket)',
            p_schema
        );
        get diagnostics v_inserted = row_count;
        if v_inserted > 0 and v_catalog_before ? 'table user_lock' then
            v_other_changes := v_other_changes || jsonb_build_object('action', 'created', 'kind', 'row', 'object', 'user_lock');
        end if;
    end;

    v_step := 'types.sql';
    -- Row types for the functions that every request calls. PostgreSQL describes the row of a "returns table" anew at every
    -- call, and that of a type once.
    declare
        v_declared record;
        v_type text;
        v_existing record;
        v_function regprocedure;
    begin
        for v_declared in
            select d.name, d.columns, d.comment
            from (
                values
                (
                    'loaded_session',
                    'data text, version bigint, expires_at timestamp with time zone, user_id text, server_time timestamp with time zone',
                    'What load_session returns. API: public'
                ),
                (
                    'saved_session',
                    'outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone',
                    'What save_session, rotate_session, login_session and logout_session return. API: public'
                ),
                (
                    'created_session',
                    'outcome text, version bigint, expires_at timestamp with time zone, handle uuid, server_time timestamp with time zone',
                    'What create_session returns. API: public'
                ),
                (
                    'loaded_sessions',
                    'key bytea, data text, version bigint, expires_at timestamp with time zone, user_id text, server_time timestamp with time zone',
                    'What load_sessions returns for each session. API: public'
                ),
                (
                    'saved_sessions',
                    'ordinality bigint, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone',
                    'What save_sessions returns for each session. API: public'
                )
            ) as d (name, columns, comment)
        loop
            v_type := format('%I.%I', p_schema, v_declared.name);
            select
                t.typrelid::regclass as name,
                c.relkind = 'c' as is_row_type,
                (
                    select string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
                    from pg_attribute as a
                    where a.attrelid = c.oid
                        and not a.attisdropped
                ) as columns
            into v_existing
            from pg_type as t
            left join pg_class as c on c.oid = t.typrelid
            where t.typnamespace = v_schema
                and t.typname = v_declared.name;
            if found and v_existing.is_row_type is not true then
                raise exception using
                    errcode = 'wrong_object_type',
                    message = format('%s is not a row type', v_type),
                    hint = 'Choose another schema, or drop it and run this again.';
            end if;
            if found and v_existing.columns is distinct from v_declared.columns then
                -- The next step creates the functions that return it. Other objects that depend on it are not dropped, but
                -- end this with an error.
                for v_function in
                    select p.oid::regprocedure
                    from pg_proc as p
                    where p.pronamespace = v_schema
                        and pg_get_userbyid(p.proowner) = v_owner
                        and p.prorettype = (select c.reltype from pg_class as c where c.oid = v_existing.name)
                loop
                    execute format('drop function %s', v_function);
                end loop;
                execute format('drop type %s', v_type);
            end if;

            if to_regtype(v_type) is null then
                execute format('create type %s as (%s)', v_type, v_declared.columns);
            end if;
            if obj_description(to_regtype(v_type), 'pg_type') is distinct from v_declared.comment then
                execute format('comment on type %s is %L', v_type, v_declared.comment);
            end if;
        end loop;
    end;

    v_step := 'functions.sql';
    -- "create or replace" keeps grants, and takes no lock that a caller would wait for.
    declare
        v_routine regprocedure;
        v_function record;
        v_statement text;
    begin
        -- A procedure or an aggregate of one of the names cannot be replaced by a function.
        for v_routine in
            select p.oid::regprocedure
            from pg_proc as p
            where p.pronamespace = v_schema
                and p.prokind <> 'f'
                and p.proname = any (v_function_names)
        loop
            execute format('drop routine %s', v_routine);
        end loop;

        for v_function in
            select
                replace(v_functions[i][3], 'web.', v_prefix) as declaration,
                replace(v_functions[i][4], 'web.', v_prefix) as body,
                replace(v_functions[i][5], 'web.', v_prefix) as signature,
                v_functions[i][6] as comment
            from generate_subscripts(v_functions, 1) as i
            order by i
        loop
            v_statement := format('%s as %L', v_function.declaration, v_function.body);
            begin
                execute v_statement;
            exception
                -- Other result columns or parameter names cannot be replaced.
                when invalid_function_definition then
                    execute format('drop function %s', v_function.signature);
                    execute v_statement;
            end;
            execute format('comment on function %s is %L', v_function.signature, v_function.comment);
        end loop;

        -- Other routines of the owner role are another release's, or planted. An overload of a function must not stay either:
        -- an untyped parameter from a driver must resolve to one function.
        for v_routine in
            select p.oid::regprocedure
            from pg_proc as p
            where p.pronamespace = v_schema
                and (p.proname = any (v_function_names) or pg_get_userbyid(p.proowner) = v_owner)
                and not exists (
                    select
                    from generate_subscripts(v_functions, 1) as i
                    where p.oid = to_regprocedure(replace(v_functions[i][5], 'web.', v_prefix))
                )
        loop
            execute format('drop routine %s', v_routine);
        end loop;
    end;

    v_step := 'upgrade_1_1_5_sessions.sql';
    -- The live sessions of connect-pg 1.1.5, their ids hashed. A session without an expiry never ended there; it gets the idle
    -- timeout of the store from now on. The old table is dropped, and with it the raw ids.
    declare
        v_moved bigint;
    begin
        if v_is_upgrade then
            execute replace(
                $statement$
                insert into web.session (
                    expires_at,
                    slide_at,
                    absolute_expires_at,
                    prune_after,
                    idle_timeout_seconds,
                    slide_interval_seconds,
                    key,
                    data
                )
                select
                    n.expires_at,
                    least(statement_timestamp() + make_interval(secs => web.slide_interval(n.idle_timeout_seconds, s.slide_percent, s.slide_min_seconds, s.slide_max_seconds)), n.expires_at),
                    n.absolute_expires_at,
                    n.expires_at,
                    n.idle_timeout_seconds,
                    web.slide_interval(n.idle_timeout_seconds, s.slide_percent, s.slide_min_seconds, s.slide_max_seconds),
                    sha256(convert_to(n.id, 'UTF8')),
                    n.data
                from (
                    select
                        o.sess_id as id,
                        o.sess_data as data,
                        least(e.expires_at, a.absolute_expires_at) as expires_at,
                        a.absolute_expires_at,
                        ceil(extract(epoch from least(e.expires_at, a.absolute_expires_at) - statement_timestamp()))::integer as idle_timeout_seconds
                    from web.session_of_connect_pg_1 as o
                    cross join web.settings as s
                    cross join lateral (
                        select coalesce(o.expiration, statement_timestamp() + make_interval(secs => s.idle_timeout_seconds)) as expires_at
                    ) as e
                    cross join lateral (
                        select statement_timestamp() + make_interval(secs => s.absolute_timeout_seconds) as absolute_expires_at
                    ) as a
                    where e.expires_at > statement_timestamp()
                    -- The planner inlines slide_interval with a column for its argument, and with no long expression.
                    offset 0
                ) as n
                cross join web.settings as s
                $statement$,
                'web.',
                v_prefix
            );
            get diagnostics v_moved = row_count;
            v_other_changes := v_other_changes || jsonb_build_object(
                'action', 'changed',
                'kind', 'table',
                'object', 'session',
                'attribute', 'live sessions of connect-pg 1.1.5',
                'after', v_moved::text
            );
            execute format('drop table %I.session_of_connect_pg_1%s', p_schema, case when current_setting('connect_pg.drop_additions', true) = 'on' then ' cascade' end);
        end if;
    end;

    v_step := 'verify_ownership.sql';
    -- Since the first check, a role with CREATE on the schema may have created an object of a name of the store. "create or
    -- replace" does not change its owner.
    declare
        v_object record;
    begin
        for v_object in
            select o.kind, o.name, pg_get_userbyid(o.owner) as owner
            from (
                -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
                -- because their owners are checked.
                select
                    -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                    o.kind,
                    -- Quoted for SQL. Of a column, it is the table's.
                    o.name,
                    o.column_name,
                    -- As in the report.
                    o.label,
                    o.oid,
                    o.owner,
                    a.acl,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                    -- True if an install makes an object of this name.
                    o.is_of_store,
                    o.runtime_privilege,
                    o.installer_privilege,
                    o.monitor_privilege
                from (
                    select
                        'schema' as kind,
                        quote_ident(n.nspname) as name,
                        null::text as column_name,
                        n.nspname::text as label,
                        n.oid,
                        n.nspowner as owner,
                        n.nspacl as acl,
                        'n'::"char" as acl_type,
                        true as is_of_store,
                        'USAGE' as runtime_privilege,
                        'USAGE' as installer_privilege,
                        'USAGE' as monitor_privilege
                    from pg_namespace as n
                    where n.nspname = p_schema
                    union all
                    select
                        'table',
                        c.oid::regclass::text,
                        null,
                        c.relname,
                        c.oid,
                        c.relowner,
                        c.relacl,
                        'r',
                        c.relname = any (v_tables),
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    where n.nspname = p_schema
                        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                    union all
                    select
                        'column',
                        c.oid::regclass::text,
                        quote_ident(a.attname),
                        c.relname || '.' || a.attname,
                        c.oid,
                        c.relowner,
                        a.attacl,
                        'c',
                        true,
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    join pg_attribute as a on a.attrelid = c.oid
                    where n.nspname = p_schema
                        and c.relname = any (v_tables)
                        and a.attacl is not null
                    union all
                    select
                        'type',
                        t.oid::regtype::text,
                        null,
                        t.typname,
                        t.oid,
                        t.typowner,
                        t.typacl,
                        'T',
                        true,
                        null,
                        null,
                        null
                    from pg_type as t
                    join pg_namespace as n on n.oid = t.typnamespace
                    where n.nspname = p_schema
                        and t.typname = any (v_types)
                        -- ALTER TABLE changes the owner of the row type too.
                        and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                    union all
                    select
                        'routine',
                        p.oid::regprocedure::text,
                        null,
                        format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                        p.oid,
                        p.proowner,
                        p.proacl,
                        'f',
                        p.proname = any (v_function_names),
                        case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                        case when p.proname = 'missing_rows' then 'EXECUTE' end,
                        case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                    from pg_proc as p
                    join pg_namespace as n on n.oid = p.pronamespace
                    where n.nspname = p_schema
                ) as o
                cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
            ) as o
            where o.is_of_store
                and o.kind <> 'column'
                and pg_get_userbyid(o.owner) <> v_owner
        loop
            raise exception using
                errcode = 'insufficient_privilege',
                message = format('%s %s belongs to %s, which created it during this install', v_object.kind, v_object.name, v_object.owner),
                hint = format('Revoke CREATE on the schema from %s, drop the object, and run this again.', v_object.owner);
        end loop;
    end;

    v_step := 'verify_foreign_keys.sql';
    -- Looked at again after the work, since another session can add one.
    declare
        v_foreign_key record;
    begin
        -- A foreign key to these rows would make pruning fail always, and creating a session now and then.
        for v_foreign_key in
            select c.conname as name, c.conrelid::regclass as table_name, c.confrelid::regclass as referenced_table
            from pg_constraint as c
            join pg_class as t on t.oid = c.confrelid
            where c.contype = 'f'
                and t.relnamespace = (select n.oid from pg_namespace as n where n.nspname = p_schema)
                and t.relname = any (v_tables)
                -- One of the store's own tables is an additional constraint.
                and not exists (
                    select
                    from pg_class as o
                    where o.oid = c.conrelid
                        and o.relnamespace = t.relnamespace
                        and o.relname = any (v_tables)
                )
        loop
            raise exception using
                errcode = 'dependent_objects_still_exist',
                message = format('the foreign key %s of table %s references %s, whose rows are deleted', v_foreign_key.name, v_foreign_key.table_name, v_foreign_key.referenced_table),
                hint = 'Drop the foreign key. Store the handle of a session in a column without one.';
        end loop;
    end;

    v_step := 'privileges.sql';
    -- The runtime role holds USAGE on the schema and EXECUTE on its functions. An installer that is no superuser holds USAGE, and
    -- EXECUTE on missing_rows(). pg_monitor holds the same and EXECUTE on store_status(). Every other privilege of other roles on the
    -- store is revoked, on columns, on row types (a column of such a type prevents changes) and by other grantors too.
    declare
        v_grant record;
        v_is_clean boolean;
        v_object record;
    begin
        -- Revoking one grant may leave others behind that depend on it, so look again.
        for v_round in 1..3 loop
            v_is_clean := true;
            for v_grant in
                with store_object as (
                    -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
                    -- because their owners are checked.
                    select
                        -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                        o.kind,
                        -- Quoted for SQL. Of a column, it is the table's.
                        o.name,
                        o.column_name,
                        -- As in the report.
                        o.label,
                        o.oid,
                        o.owner,
                        a.acl,
                        (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                        (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                        -- True if an install makes an object of this name.
                        o.is_of_store,
                        o.runtime_privilege,
                        o.installer_privilege,
                        o.monitor_privilege
                    from (
                        select
                            'schema' as kind,
                            quote_ident(n.nspname) as name,
                            null::text as column_name,
                            n.nspname::text as label,
                            n.oid,
                            n.nspowner as owner,
                            n.nspacl as acl,
                            'n'::"char" as acl_type,
                            true as is_of_store,
                            'USAGE' as runtime_privilege,
                            'USAGE' as installer_privilege,
                            'USAGE' as monitor_privilege
                        from pg_namespace as n
                        where n.nspname = p_schema
                        union all
                        select
                            'table',
                            c.oid::regclass::text,
                            null,
                            c.relname,
                            c.oid,
                            c.relowner,
                            c.relacl,
                            'r',
                            c.relname = any (v_tables),
                            null,
                            null,
                            null
                        from pg_class as c
                        join pg_namespace as n on n.oid = c.relnamespace
                        where n.nspname = p_schema
                            and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                        union all
                        select
                            'column',
                            c.oid::regclass::text,
                            quote_ident(a.attname),
                            c.relname || '.' || a.attname,
                            c.oid,
                            c.relowner,
                            a.attacl,
                            'c',
                            true,
                            null,
                            null,
                            null
                        from pg_class as c
                        join pg_namespace as n on n.oid = c.relnamespace
                        join pg_attribute as a on a.attrelid = c.oid
                        where n.nspname = p_schema
                            and c.relname = any (v_tables)
                            and a.attacl is not null
                        union all
                        select
                            'type',
                            t.oid::regtype::text,
                            null,
                            t.typname,
                            t.oid,
                            t.typowner,
                            t.typacl,
                            'T',
                            true,
                            null,
                            null,
                            null
                        from pg_type as t
                        join pg_namespace as n on n.oid = t.typnamespace
                        where n.nspname = p_schema
                            and t.typname = any (v_types)
                            -- ALTER TABLE changes the owner of the row type too.
                            and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                        union all
                        select
                            'routine',
                            p.oid::regprocedure::text,
                            null,
                            format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                            p.oid,
                            p.proowner,
                            p.proacl,
                            'f',
                            p.proname = any (v_function_names),
                            case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                            case when p.proname = 'missing_rows' then 'EXECUTE' end,
                            case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                        from pg_proc as p
                        join pg_namespace as n on n.oid = p.pronamespace
                        where n.nspname = p_schema
                    ) as o
                    cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
                ),
                store_grant as (
                    -- What roles other than the owner hold on the objects of the store (store_object, by store_objects.sql), on their columns and
                    -- on row types; of the runtime role alone, also on the database. grantee is quoted for SQL. is_declared is true if an install
                    -- grants it.
                    select
                        o.kind,
                        o.name,
                        o.column_name,
                        format('%s on %s to %s', x.privilege_type, o.label, coalesce(r.rolname, 'PUBLIC')) as label,
                        o.is_of_store,
                        o.owner,
                        coalesce(quote_ident(r.rolname), 'public') as grantee,
                        x.grantor,
                        x.privilege_type,
                        x.is_grantable,
                        coalesce((x.privilege_type, r.rolname) in ((o.runtime_privilege, p_role), (o.installer_privilege, v_installer), (o.monitor_privilege, 'pg_monitor')), false)
                            and not x.is_grantable
                            and (x.grantor = o.owner or o.kind = 'database') as is_declared
                    from (
                        select
                            o.kind,
                            o.name,
                            o.column_name,
                            case o.kind when 'routine' then 'function' else o.kind end || ' ' || o.label as label,
                            o.owner,
                            o.acl,
                            o.is_of_store,
                            o.runtime_privilege,
                            o.installer_privilege,
                            o.monitor_privilege
                        from store_object as o
                        union all
                        select 'type', t.oid::regtype::text, null, 'type ' || c.relname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), true, null, null, null
                        from pg_class as c
                        join pg_namespace as n on n.oid = c.relnamespace
                        join pg_type as t on t.oid = c.reltype
                        where n.nspname = p_schema
                            and c.relname = any (v_tables)
                        union all
                        select 'database', quote_ident(d.datname), null, 'database ' || d.datname, d.datdba, d.datacl, true, 'CONNECT', null, null
                        from pg_database as d
                        where d.datname = current_database()
                    ) as o
                    cross join aclexplode(o.acl) as x
                    left join pg_roles as r on r.oid = x.grantee
                    where x.grantee <> o.owner
                        and (o.kind <> 'database' or r.rolname = p_role)
                )
                select
                    case g.kind when 'column' then 'table' else g.kind end as kind,
                    g.name,
                    g.column_name,
                    g.grantor = g.owner as is_by_owner,
                    pg_get_userbyid(g.grantor) as grantor,
                    g.grantee
                from store_grant as g
                where g.is_of_store
                    and g.kind <> 'database'
                    and not g.is_declared
            loop
                v_is_clean := false;
                if v_grant.column_name is not null and not v_grant.is_by_owner and v_round > 1 then
                    -- Only its grantor can revoke a grant on a column, so that role owns the table for one statement. No
                    -- other session sees that.
                    perform set_config('role', v_caller_role, true);
                    execute format('alter table %s owner to %I', v_grant.name, v_grant.grantor);
                    execute format('revoke all (%s) on table %s from %s cascade', v_grant.column_name, v_grant.name, v_grant.grantee);
                    execute format('alter table %s owner to %I', v_grant.name, v_owner);
                    perform set_config('role', v_owner, true);
                else
                    execute format(
                        'revoke all %son %s %s from %s cascade',
                        '(' || v_grant.column_name || ') ',
                        v_grant.kind,
                        v_grant.name,
                        v_grant.grantee
                    );
                end if;
            end loop;
            exit when v_is_clean;
        end loop;
        if not v_is_clean then
            raise exception using
                errcode = 'insufficient_privilege',
                message = format('%s keeps a privilege on %s that could not be revoked', v_grant.grantee, v_grant.name),
                hint = format('As a superuser, revoke what role %s has granted on it.', v_grant.grantor);
        end if;

        for v_object in
            with store_object as (
                -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
                -- because their owners are checked.
                select
                    -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                    o.kind,
                    -- Quoted for SQL. Of a column, it is the table's.
                    o.name,
                    o.column_name,
                    -- As in the report.
                    o.label,
                    o.oid,
                    o.owner,
                    a.acl,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                    -- True if an install makes an object of this name.
                    o.is_of_store,
                    o.runtime_privilege,
                    o.installer_privilege,
                    o.monitor_privilege
                from (
                    select
                        'schema' as kind,
                        quote_ident(n.nspname) as name,
                        null::text as column_name,
                        n.nspname::text as label,
                        n.oid,
                        n.nspowner as owner,
                        n.nspacl as acl,
                        'n'::"char" as acl_type,
                        true as is_of_store,
                        'USAGE' as runtime_privilege,
                        'USAGE' as installer_privilege,
                        'USAGE' as monitor_privilege
                    from pg_namespace as n
                    where n.nspname = p_schema
                    union all
                    select
                        'table',
                        c.oid::regclass::text,
                        null,
                        c.relname,
                        c.oid,
                        c.relowner,
                        c.relacl,
                        'r',
                        c.relname = any (v_tables),
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    where n.nspname = p_schema
                        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                    union all
                    select
                        'column',
                        c.oid::regclass::text,
                        quote_ident(a.attname),
                        c.relname || '.' || a.attname,
                        c.oid,
                        c.relowner,
                        a.attacl,
                        'c',
                        true,
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    join pg_attribute as a on a.attrelid = c.oid
                    where n.nspname = p_schema
                        and c.relname = any (v_tables)
                        and a.attacl is not null
                    union all
                    select
                        'type',
                        t.oid::regtype::text,
                        null,
                        t.typname,
                        t.oid,
                        t.typowner,
                        t.typacl,
                        'T',
                        true,
                        null,
                        null,
                        null
                    from pg_type as t
                    join pg_namespace as n on n.oid = t.typnamespace
                    where n.nspname = p_schema
                        and t.typname = any (v_types)
                        -- ALTER TABLE changes the owner of the row type too.
                        and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                    union all
                    select
                        'routine',
                        p.oid::regprocedure::text,
                        null,
                        format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                        p.oid,
                        p.proowner,
                        p.proacl,
                        'f',
                        p.proname = any (v_function_names),
                        case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                        case when p.proname = 'missing_rows' then 'EXECUTE' end,
                        case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                    from pg_proc as p
                    join pg_namespace as n on n.oid = p.pronamespace
                    where n.nspname = p_schema
                ) as o
                cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
            ),
            store_grant as (
                -- What roles other than the owner hold on the objects of the store (store_object, by store_objects.sql), on their columns and
                -- on row types; of the runtime role alone, also on the database. grantee is quoted for SQL. is_declared is true if an install
                -- grants it.
                select
                    o.kind,
                    o.name,
                    o.column_name,
                    format('%s on %s to %s', x.privilege_type, o.label, coalesce(r.rolname, 'PUBLIC')) as label,
                    o.is_of_store,
                    o.owner,
                    coalesce(quote_ident(r.rolname), 'public') as grantee,
                    x.grantor,
                    x.privilege_type,
                    x.is_grantable,
                    coalesce((x.privilege_type, r.rolname) in ((o.runtime_privilege, p_role), (o.installer_privilege, v_installer), (o.monitor_privilege, 'pg_monitor')), false)
                        and not x.is_grantable
                        and (x.grantor = o.owner or o.kind = 'database') as is_declared
                from (
                    select
                        o.kind,
                        o.name,
                        o.column_name,
                        case o.kind when 'routine' then 'function' else o.kind end || ' ' || o.label as label,
                        o.owner,
                        o.acl,
                        o.is_of_store,
                        o.runtime_privilege,
                        o.installer_privilege,
                        o.monitor_privilege
                    from store_object as o
                    union all
                    select 'type', t.oid::regtype::text, null, 'type ' || c.relname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), true, null, null, null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    join pg_type as t on t.oid = c.reltype
                    where n.nspname = p_schema
                        and c.relname = any (v_tables)
                    union all
                    select 'database', quote_ident(d.datname), null, 'database ' || d.datname, d.datdba, d.datacl, true, 'CONNECT', null, null
                    from pg_database as d
                    where d.datname = current_database()
                ) as o
                cross join aclexplode(o.acl) as x
                left join pg_roles as r on r.oid = x.grantee
                where x.grantee <> o.owner
                    and (o.kind <> 'database' or r.rolname = p_role)
            )
            select o.kind, o.name, w.privilege, w.grantee
            from store_object as o
            cross join lateral (
                values
                (o.runtime_privilege, p_role),
                (o.installer_privilege, v_installer),
                (o.monitor_privilege, 'pg_monitor')
            ) as w (privilege, grantee)
            where w.privilege is not null
                and w.grantee is not null
                and not exists (
                    select
                    from store_grant as g
                    where g.kind = o.kind
                        and g.name = o.name
                        and g.is_declared
                        and g.grantee = quote_ident(w.grantee)
                )
        loop
            execute format('grant %s on %s %s to %I', v_object.privilege, v_object.kind, v_object.name, v_object.grantee);
        end loop;
    end;

    perform set_config('role', v_caller_role, true);

    v_step := 'database_privileges.sql';
    -- The runtime role may connect to the database, and needs nothing else on it. The installer gives the membership in the
    -- owner role back.
    declare
        v_privilege text;
    begin
        for v_privilege in
            with store_object as (
                -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
                -- because their owners are checked.
                select
                    -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                    o.kind,
                    -- Quoted for SQL. Of a column, it is the table's.
                    o.name,
                    o.column_name,
                    -- As in the report.
                    o.label,
                    o.oid,
                    o.owner,
                    a.acl,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                    -- True if an install makes an object of this name.
                    o.is_of_store,
                    o.runtime_privilege,
                    o.installer_privilege,
                    o.monitor_privilege
                from (
                    select
                        'schema' as kind,
                        quote_ident(n.nspname) as name,
                        null::text as column_name,
                        n.nspname::text as label,
                        n.oid,
                        n.nspowner as owner,
                        n.nspacl as acl,
                        'n'::"char" as acl_type,
                        true as is_of_store,
                        'USAGE' as runtime_privilege,
                        'USAGE' as installer_privilege,
                        'USAGE' as monitor_privilege
                    from pg_namespace as n
                    where n.nspname = p_schema
                    union all
                    select
                        'table',
                        c.oid::regclass::text,
                        null,
                        c.relname,
                        c.oid,
                        c.relowner,
                        c.relacl,
                        'r',
                        c.relname = any (v_tables),
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    where n.nspname = p_schema
                        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                    union all
                    select
                        'column',
                        c.oid::regclass::text,
                        quote_ident(a.attname),
                        c.relname || '.' || a.attname,
                        c.oid,
                        c.relowner,
                        a.attacl,
                        'c',
                        true,
                        null,
                        null,
                        null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    join pg_attribute as a on a.attrelid = c.oid
                    where n.nspname = p_schema
                        and c.relname = any (v_tables)
                        and a.attacl is not null
                    union all
                    select
                        'type',
                        t.oid::regtype::text,
                        null,
                        t.typname,
                        t.oid,
                        t.typowner,
                        t.typacl,
                        'T',
                        true,
                        null,
                        null,
                        null
                    from pg_type as t
                    join pg_namespace as n on n.oid = t.typnamespace
                    where n.nspname = p_schema
                        and t.typname = any (v_types)
                        -- ALTER TABLE changes the owner of the row type too.
                        and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                    union all
                    select
                        'routine',
                        p.oid::regprocedure::text,
                        null,
                        format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                        p.oid,
                        p.proowner,
                        p.proacl,
                        'f',
                        p.proname = any (v_function_names),
                        case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                        case when p.proname = 'missing_rows' then 'EXECUTE' end,
                        case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                    from pg_proc as p
                    join pg_namespace as n on n.oid = p.pronamespace
                    where n.nspname = p_schema
                ) as o
                cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
            ),
            store_grant as (
                -- What roles other than the owner hold on the objects of the store (store_object, by store_objects.sql), on their columns and
                -- on row types; of the runtime role alone, also on the database. grantee is quoted for SQL. is_declared is true if an install
                -- grants it.
                select
                    o.kind,
                    o.name,
                    o.column_name,
                    format('%s on %s to %s', x.privilege_type, o.label, coalesce(r.rolname, 'PUBLIC')) as label,
                    o.is_of_store,
                    o.owner,
                    coalesce(quote_ident(r.rolname), 'public') as grantee,
                    x.grantor,
                    x.privilege_type,
                    x.is_grantable,
                    coalesce((x.privilege_type, r.rolname) in ((o.runtime_privilege, p_role), (o.installer_privilege, v_installer), (o.monitor_privilege, 'pg_monitor')), false)
                        and not x.is_grantable
                        and (x.grantor = o.owner or o.kind = 'database') as is_declared
                from (
                    select
                        o.kind,
                        o.name,
                        o.column_name,
                        case o.kind when 'routine' then 'function' else o.kind end || ' ' || o.label as label,
                        o.owner,
                        o.acl,
                        o.is_of_store,
                        o.runtime_privilege,
                        o.installer_privilege,
                        o.monitor_privilege
                    from store_object as o
                    union all
                    select 'type', t.oid::regtype::text, null, 'type ' || c.relname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), true, null, null, null
                    from pg_class as c
                    join pg_namespace as n on n.oid = c.relnamespace
                    join pg_type as t on t.oid = c.reltype
                    where n.nspname = p_schema
                        and c.relname = any (v_tables)
                    union all
                    select 'database', quote_ident(d.datname), null, 'database ' || d.datname, d.datdba, d.datacl, true, 'CONNECT', null, null
                    from pg_database as d
                    where d.datname = current_database()
                ) as o
                cross join aclexplode(o.acl) as x
                left join pg_roles as r on r.oid = x.grantee
                where x.grantee <> o.owner
                    and (o.kind <> 'database' or r.rolname = p_role)
            )
            select g.privilege_type
            from store_grant as g
            where g.kind = 'database'
                and not g.is_declared
        loop
            execute format('revoke %s on database %I from %I cascade', v_privilege, current_database(), p_role);
        end loop;
        if not has_database_privilege(p_role, current_database(), 'CONNECT') then
            execute format('grant connect on database %I to %I', current_database(), p_role);
        end if;

        if v_took_membership then
            execute format('revoke %I from %I', v_owner, current_user);
        end if;
    end;

    v_step := 'catalog_snapshot.sql';
    -- What the catalog says about the store. Taken before and after the work: the report is the difference of the two, so it
    -- claims no change that did not happen, and misses none that did. What the steps repair must show here, or in compare_rows.sql:
    -- a store that shows no difference from expected_snapshot.sql is left as it is.
    v_catalog := (
        with store_object as (
            -- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
            -- because their owners are checked.
            select
                -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
                o.kind,
                -- Quoted for SQL. Of a column, it is the table's.
                o.name,
                o.column_name,
                -- As in the report.
                o.label,
                o.oid,
                o.owner,
                a.acl,
                (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
                (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
                -- True if an install makes an object of this name.
                o.is_of_store,
                o.runtime_privilege,
                o.installer_privilege,
                o.monitor_privilege
            from (
                select
                    'schema' as kind,
                    quote_ident(n.nspname) as name,
                    null::text as column_name,
                    n.nspname::text as label,
                    n.oid,
                    n.nspowner as owner,
                    n.nspacl as acl,
                    'n'::"char" as acl_type,
                    true as is_of_store,
                    'USAGE' as runtime_privilege,
                    'USAGE' as installer_privilege,
                    'USAGE' as monitor_privilege
                from pg_namespace as n
                where n.nspname = p_schema
                union all
                select
                    'table',
                    c.oid::regclass::text,
                    null,
                    c.relname,
                    c.oid,
                    c.relowner,
                    c.relacl,
                    'r',
                    c.relname = any (v_tables),
                    null,
                    null,
                    null
                from pg_class as c
                join pg_namespace as n on n.oid = c.relnamespace
                where n.nspname = p_schema
                    and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                union all
                select
                    'column',
                    c.oid::regclass::text,
                    quote_ident(a.attname),
                    c.relname || '.' || a.attname,
                    c.oid,
                    c.relowner,
                    a.attacl,
                    'c',
                    true,
                    null,
                    null,
                    null
                from pg_class as c
                join pg_namespace as n on n.oid = c.relnamespace
                join pg_attribute as a on a.attrelid = c.oid
                where n.nspname = p_schema
                    and c.relname = any (v_tables)
                    and a.attacl is not null
                union all
                select
                    'type',
                    t.oid::regtype::text,
                    null,
                    t.typname,
                    t.oid,
                    t.typowner,
                    t.typacl,
                    'T',
                    true,
                    null,
                    null,
                    null
                from pg_type as t
                join pg_namespace as n on n.oid = t.typnamespace
                where n.nspname = p_schema
                    and t.typname = any (v_types)
                    -- ALTER TABLE changes the owner of the row type too.
                    and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
                union all
                select
                    'routine',
                    p.oid::regprocedure::text,
                    null,
                    format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
                    p.oid,
                    p.proowner,
                    p.proacl,
                    'f',
                    p.proname = any (v_function_names),
                    case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
                    case when p.proname = 'missing_rows' then 'EXECUTE' end,
                    case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
                from pg_proc as p
                join pg_namespace as n on n.oid = p.pronamespace
                where n.nspname = p_schema
            ) as o
            cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
        ),
        store_grant as (
            -- What roles other than the owner hold on the objects of the store (store_object, by store_objects.sql), on their columns and
            -- on row types; of the runtime role alone, also on the database. grantee is quoted for SQL. is_declared is true if an install
            -- grants it.
            select
                o.kind,
                o.name,
                o.column_name,
                format('%s on %s to %s', x.privilege_type, o.label, coalesce(r.rolname, 'PUBLIC')) as label,
                o.is_of_store,
                o.owner,
                coalesce(quote_ident(r.rolname), 'public') as grantee,
                x.grantor,
                x.privilege_type,
                x.is_grantable,
                coalesce((x.privilege_type, r.rolname) in ((o.runtime_privilege, p_role), (o.installer_privilege, v_installer), (o.monitor_privilege, 'pg_monitor')), false)
                    and not x.is_grantable
                    and (x.grantor = o.owner or o.kind = 'database') as is_declared
            from (
                select
                    o.kind,
                    o.name,
                    o.column_name,
                    case o.kind when 'routine' then 'function' else o.kind end || ' ' || o.label as label,
                    o.owner,
                    o.acl,
                    o.is_of_store,
                    o.runtime_privilege,
                    o.installer_privilege,
                    o.monitor_privilege
                from store_object as o
                union all
                select 'type', t.oid::regtype::text, null, 'type ' || c.relname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), true, null, null, null
                from pg_class as c
                join pg_namespace as n on n.oid = c.relnamespace
                join pg_type as t on t.oid = c.reltype
                where n.nspname = p_schema
                    and c.relname = any (v_tables)
                union all
                select 'database', quote_ident(d.datname), null, 'database ' || d.datname, d.datdba, d.datacl, true, 'CONNECT', null, null
                from pg_database as d
                where d.datname = current_database()
            ) as o
            cross join aclexplode(o.acl) as x
            left join pg_roles as r on r.oid = x.grantee
            where x.grantee <> o.owner
                and (o.kind <> 'database' or r.rolname = p_role)
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
                                    -- The storage parameters of the table c as ALTER TABLE names them, with those of its TOAST table, which keeps large values.
                                    c.reloptions || array(
                                        select 'toast.' || o.option
                                        from pg_class as t
                                        cross join unnest(t.reloptions) as o (option)
                                        where t.oid = c.reltoastrelid
                                    )
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
    v_catalog_after := v_catalog;

    v_step := 'report.sql';
    -- The report, written here alone: what the catalog does not show, then the difference of the two snapshots. One row for
    -- each thing that is new or gone, and for each attribute that changed.
    v_report := v_other_changes || (
        select coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'action', c.action,
                    'kind', c.kind,
                    'object', c.object,
                    'attribute', c.attribute,
                    'before', c.before,
                    'after', c.after
                )
                order by
                    array_position(
                        array['role', 'membership', 'schema', 'table', 'column', 'constraint', 'index', 'trigger', 'rule', 'policy', 'type', 'function', 'privilege'],
                        c.kind
                    ),
                    c.kind,
                    c.object,
                    c.attribute
            ),
            '[]'
        )
        from (
            select
                case when b.key is null then 'created' when a.key is null then 'removed' else 'changed' end as action,
                split_part(k.key, ' ', 1) as kind,
                substr(k.key, strpos(k.key, ' ') + 1) as object,
                v.attribute,
                v.before,
                v.after
            from (
                select jsonb_object_keys(coalesce(v_catalog_before, '{}')) as key
                union
                select jsonb_object_keys(coalesce(v_catalog_after, '{}'))
            ) as k
            left join jsonb_each(v_catalog_before) as b on b.key = k.key
            left join jsonb_each(v_catalog_after) as a on a.key = k.key
            left join lateral (
                select x.key as attribute, b.value ->> x.key as before, a.value ->> x.key as after
                from jsonb_object_keys(a.value) as x (key)
                where b.key is not null
                    and b.value ->> x.key is distinct from a.value ->> x.key
            ) as v on true
            where b.key is null
                or a.key is null
                or v.attribute is not null
        ) as c
    );
    return query
    select c.value ->> 'action', c.value ->> 'kind', c.value ->> 'object', c.value ->> 'attribute', c.value ->> 'before', c.value ->> 'after'
    from jsonb_array_elements(v_report) with ordinality as c (value, position)
    order by c.position;
exception
    -- A line number of the composed routine leads to no file, so the hint of an unexpected error names the step.
    when others then
        declare
            v_context text;
            v_detail text;
            v_hint text;
        begin
            get stacked diagnostics
                v_context = pg_exception_context,
                v_detail = pg_exception_detail,
                v_hint = pg_exception_hint;
            v_context := split_part(v_context, E'\n', 1);
            -- The steps themselves raise what they expect, with a hint. A check runs them in a DO statement.
            if v_context ~ '(correct_web|inline_code_block).* RAISE' then
                raise;
            end if;
            raise exception using
                errcode = sqlstate,
                message = sqlerrm,
                detail = v_detail,
                hint = concat_ws(' ', nullif(v_hint, ''), format('The step sql/install/%s failed: %s', v_step, left(v_context, 200)));
        end;
end;
$correct_web$;

comment on function public.correct_web(pg_catalog.text, pg_catalog.text) is
'Creates, repairs or upgrades the session store of this schema and its runtime role. Returns one row for each change, none when nothing had to change. Release 1. API: public';

create or replace function public.correct_web()
returns table (
    action pg_catalog.text,
    kind pg_catalog.text,
    object pg_catalog.text,
    attribute pg_catalog.text,
    before pg_catalog.text,
    after pg_catalog.text
)
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $function$
    select c.action, c.kind, c.object, c.attribute, c.before, c.after
    from public.correct_web('web', 'nodepg') as c;
$function$;

comment on function public.correct_web() is
'Calls correct_web for the schema web and the role nodepg. API: public';

revoke all on function public.correct_web(pg_catalog.text, pg_catalog.text), public.correct_web() from public;

-- Again: another session may have created one in between.
-- "create or replace" keeps the owner of a function that exists. Another role's correct_web() would stay that role's to
-- rewrite, and a superuser would run it. And an older release must not replace a newer one.
do $guard$
declare
    -- Types by their full names: they are resolved with the search path of the caller.
    v_release constant pg_catalog.int4 := 1;
    v_search_path constant pg_catalog.text := pg_catalog.current_setting('search_path');
    v_routine pg_catalog.record;
begin
    -- From here on no schema of the caller's search path can supply a function in place of PostgreSQL's own.
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

    for v_routine in
        select
            p.oid::regprocedure::text as signature,
            pg_get_userbyid(p.proowner) as owner,
            coalesce(substring(obj_description(p.oid, 'pg_proc') from 'Release (\d+)')::integer, 0) as release,
            p.proretset and p.prorettype = 'text'::regtype as is_of_1_1_5,
            r.rolsuper or r.rolname = current_user as is_trusted
        from pg_catalog.pg_proc as p
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        join pg_catalog.pg_roles as r on r.oid = p.proowner
        where n.nspname = 'public'
            and p.proname = 'correct_web'
    loop
        if not v_routine.is_trusted then
            raise exception using
                errcode = 'insufficient_privilege',
                message = format('function %s belongs to %s, which could change what it does', v_routine.signature, v_routine.owner),
                hint = 'Find out where it comes from. Then drop it or connect as its owner, and run this again.';
        end if;
        if v_routine.release > v_release then
            raise exception using
                errcode = 'object_not_in_prerequisite_state',
                message = format('this database has release %s of correct_web(), newer than this one', v_routine.release),
                hint = 'Use the newer program or the newer file.';
        end if;
        if v_routine.is_of_1_1_5 then
            -- connect-pg 1.1.5 returned setof text, which "create or replace" cannot turn into a table.
            execute format('drop function %s', v_routine.signature);
        end if;
    end loop;

    perform pg_catalog.set_config('search_path', v_search_path, true);
end;
$guard$;
