create function web.create_session(
    p_key bytea,
    p_data text,
    p_idle_timeout_seconds integer default null,
    p_absolute_timeout_seconds integer default null,
    p_user_id text default null,
    p_client_address inet default null,
    p_user_agent text default null,
    p_label text default null,
    p_max_sessions integer default null
)
returns table (
    outcome text,
    version bigint,
    expires_at timestamptz,
    handle uuid,
    server_time timestamptz
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Never overwrites a row: otherwise a caller could take over, or be given, the session of another visitor. For a key in use
-- the application generates a new id (OWASP ASVS 5.0, 7.2.4).
#variable_conflict use_column
declare
    v_now constant timestamptz := statement_timestamp();
    v_idle_timeout_seconds integer;
    v_absolute_timeout_seconds integer;
    v_slide_interval_seconds integer;
    v_absolute_expires_at timestamptz;
    v_expires_at timestamptz;
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    -- All values are checked here, because the DETAIL of a constraint violation would show the row.
    if octet_length(p_key) is distinct from 32 then
        perform web.raise_invalid_key();
    end if;
    if p_data is null or octet_length(p_data) > 8192 then
        perform web.check_data(p_data);
    end if;
    if p_idle_timeout_seconds < 1
        or p_absolute_timeout_seconds < 1
        or p_user_id = ''
        or octet_length(p_user_id) > 1024
        or p_max_sessions < 0
    then
        perform web.check_session_attributes(p_idle_timeout_seconds, p_absolute_timeout_seconds, p_user_id, p_max_sessions);
    end if;

    if p_user_id is not null then
        perform web.lock_user(p_user_id);
    end if;
    -- Before a session is evicted: a call repeated after a lost answer must not evict another one. And a transaction on an
    -- old snapshot may still see a deleted row; a new row beside it would show the session twice.
    if (p_user_id is not null or current_setting('transaction_isolation') <> 'read committed')
        and exists (select from web.session as s where s.key = p_key)
    then
        return query select 'exists'::text, null::bigint, null::timestamptz, null::uuid, v_now;
        return;
    end if;
    if p_user_id is not null and not web.enforce_session_limit(p_user_id, p_max_sessions) then
        return query select 'limit_reached'::text, null::bigint, null::timestamptz, null::uuid, v_now;
        return;
    end if;

    select
        coalesce(p_idle_timeout_seconds, s.idle_timeout_seconds),
        coalesce(p_absolute_timeout_seconds, s.absolute_timeout_seconds)
    into v_idle_timeout_seconds, v_absolute_timeout_seconds
    from web.settings as s;
    if not found then
        perform web.raise_missing_settings();
    end if;

    v_absolute_expires_at := v_now + make_interval(secs => v_absolute_timeout_seconds);
    v_expires_at := least(v_now + make_interval(secs => v_idle_timeout_seconds), v_absolute_expires_at);
    v_slide_interval_seconds := web.slide_interval_seconds(v_idle_timeout_seconds);

    return query
    insert into web.session as s (
        expires_at,
        slide_at,
        last_used_at,
        version,
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
    values (
        v_expires_at,
        least(v_now + make_interval(secs => v_slide_interval_seconds), v_expires_at),
        v_now,
        1,
        v_now,
        v_absolute_expires_at,
        v_expires_at,
        v_idle_timeout_seconds,
        v_slide_interval_seconds,
        p_key,
        p_user_id,
        p_client_address,
        left(p_user_agent, 512),
        left(p_label, 256),
        p_data
    )
    on conflict (key) do nothing
    returning 'created'::text, s.version, s.expires_at, s.handle, v_now;

    if not found then
        return query select 'exists'::text, null::bigint, null::timestamptz, null::uuid, v_now;
        return;
    end if;

    perform web.prune_neighbors(p_key);
end;
$function$;

comment on function web.create_session(bytea, text, integer, integer, text, inet, text, text, integer) is
'Create a session under a key that is not in use. Returns one row with the outcome created, exists or limit_reached. API: public';
