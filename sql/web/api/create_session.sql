create function web.create_session(
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
set search_path = pg_catalog, pg_temp
as $function$
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
$function$;

comment on function web.create_session(bytea, text, integer, integer, text, inet, text, text, integer, timestamptz) is
'Create a session under a key that is not in use. Returns one row with the outcome created, exists or limit_reached. API: public';
