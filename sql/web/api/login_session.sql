create function web.login_session(
    p_old_key bytea,
    p_new_key bytea,
    p_user_id text,
    p_idle_timeout_seconds integer default null,
    p_absolute_timeout_seconds integer default null,
    p_client_address inet default null,
    p_user_agent text default null,
    p_label text default null,
    p_max_sessions integer default null
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
set search_path = pg_catalog, pg_temp
as $function$
-- A visitor becomes a user: new id, same data, in one round trip (OWASP ASVS 5.0, 7.2.4). No grace, and the old key never
-- loads again: it may have been planted by somebody who would then read the data of the user (session fixation).
#variable_conflict use_column
declare
    v_now constant timestamptz := statement_timestamp();
    v_outcome text;
    v_handle uuid;
    v_user_id text;
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if p_user_id is null or p_user_id = '' or octet_length(p_user_id) > 1024 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a user id has 1 to 1024 bytes',
            hint = 'To take the user away, call logout_session.';
    end if;
    if p_idle_timeout_seconds < 1 or p_absolute_timeout_seconds < 1 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a timeout is at least one second',
            hint = 'Pass null to keep the timeout that the session has.';
    end if;
    if p_max_sessions < 0 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a limit of sessions is at least 0',
            hint = 'Pass null for the limit of the store, 0 for none.';
    end if;

    perform web.lock_user(p_user_id);
    select s.handle, s.user_id
    into v_handle, v_user_id
    from web.session as s
    where s.key = p_old_key
        and s.expires_at > v_now
        and not exists (select from web.session as o where o.key = p_new_key);
    -- A session that is the user's already takes up no more room.
    if found and v_user_id is distinct from p_user_id and not web.enforce_session_limit(p_user_id, p_max_sessions) then
        return query select 'limit_reached'::text, null::bigint, null::timestamptz, statement_timestamp();
        return;
    end if;

    v_outcome := web.change_session_key(p_old_key, p_new_key, 0);
    if v_outcome in ('gone', 'exists') then
        return query select v_outcome, null::bigint, null::timestamptz, statement_timestamp();
        return;
    end if;

    if v_outcome = 'rotated' then
        -- Whoever had a web socket open on this session may not be who logs in now: it has to come again, with the new id.
        if v_handle is not null then
            perform web.notify_session_end(v_handle, case when v_user_id <> p_user_id then 'logout' else 'rotated' end);
        end if;
        update web.session as s
        set
            absolute_expires_at = n.absolute_expires_at,
            idle_timeout_seconds = n.idle_timeout_seconds,
            slide_interval_seconds = n.slide_interval_seconds,
            expires_at = least(v_now + make_interval(secs => n.idle_timeout_seconds), n.absolute_expires_at),
            slide_at = least(
                v_now + make_interval(secs => n.slide_interval_seconds),
                v_now + make_interval(secs => n.idle_timeout_seconds),
                n.absolute_expires_at
            ),
            user_id = p_user_id,
            -- Over the session of another user: what is known by its handle must not go on as this user's.
            handle = case when v_user_id <> p_user_id then gen_random_uuid() else s.handle end,
            client_address = coalesce(p_client_address, s.client_address),
            user_agent = coalesce(left(p_user_agent, 512), s.user_agent),
            label = coalesce(left(p_label, 256), case when v_user_id <> p_user_id then null else s.label end)
        from (
            select
                o.key,
                coalesce(v_now + make_interval(secs => p_absolute_timeout_seconds), o.absolute_expires_at) as absolute_expires_at,
                coalesce(p_idle_timeout_seconds, o.idle_timeout_seconds) as idle_timeout_seconds,
                web.slide_interval_seconds(coalesce(p_idle_timeout_seconds, o.idle_timeout_seconds)) as slide_interval_seconds
            from web.session as o
            where o.key = p_new_key
        ) as n
        where s.key = n.key;
    end if;

    return query
    select 'rotated'::text, s.version, s.expires_at, statement_timestamp()
    from web.session as s
    where s.key = p_new_key
        and s.user_id = p_user_id;
    if not found then
        -- The keys were exchanged before, but not by this log-in.
        return query select 'gone'::text, null::bigint, null::timestamptz, statement_timestamp();
    end if;
end;
$function$;

comment on function web.login_session(bytea, bytea, text, integer, integer, inet, text, text, integer) is
'Give a session to a user, under a new key. Always one row: outcome rotated; gone when there is no live session; exists when the new key is in use; refused when the user has as many sessions as he may and the settings refuse more (otherwise the least recently used one is ended). Then the session is as before, and the other columns are null. A null timeout, address, user agent or label keeps what the session has; an absolute timeout counts from now. Over the session of another user the data goes on too: clear it first if that is not wanted; the handle is a new one. The old key is dead at once. API: public';
