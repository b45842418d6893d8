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
set debug_print_plan = off
as $function$
-- A new id at login (OWASP ASVS 5.0, 7.2.4). No grace: an attacker who planted the old id (session fixation) would read the
-- data of the user.
#variable_conflict use_column
declare
    v_now constant timestamptz := statement_timestamp();
    v_outcome text;
    v_handle uuid;
    v_is_of_user boolean;
    v_is_of_other_user boolean;
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
    perform web.check_session_attributes(p_idle_timeout_seconds, p_absolute_timeout_seconds, p_user_id, p_max_sessions);

    perform web.lock_user(p_user_id);
    select s.handle, s.user_id is not distinct from p_user_id collate "default", coalesce(s.user_id <> p_user_id collate "default", false)
    into v_handle, v_is_of_user, v_is_of_other_user
    from web.session as s
    where s.key = p_old_key
        and s.expires_at > v_now
        and not exists (select from web.session as o where o.key = p_new_key);
    -- A session of this user does not count twice.
    if found and not v_is_of_user and not web.enforce_session_limit(p_user_id, p_max_sessions) then
        return query select 'limit_reached'::text, null::bigint, null::timestamptz, statement_timestamp();
        return;
    end if;

    v_outcome := web.change_session_key(p_old_key, p_new_key, 0);
    if v_outcome in ('gone', 'exists') then
        return query select v_outcome, null::bigint, null::timestamptz, statement_timestamp();
        return;
    end if;

    if v_outcome = 'rotated' then
        -- A web socket of this session may belong to an attacker who knows the old id: it must reconnect with the new one.
        if v_handle is not null then
            perform web.notify_session_end(v_handle, case when v_is_of_other_user then 'logout' else 'rotated' end);
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
            -- What is known by the handle of another user's session must not continue as this user's.
            handle = case when v_is_of_other_user then gen_random_uuid() else s.handle end,
            client_address = coalesce(p_client_address, s.client_address),
            user_agent = coalesce(left(p_user_agent, 512), s.user_agent),
            label = coalesce(left(p_label, 256), case when v_is_of_other_user then null else s.label end)
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
        and s.user_id = p_user_id collate "default";
    if not found then
        -- The key was changed before, but not by this login.
        return query select 'gone'::text, null::bigint, null::timestamptz, statement_timestamp();
    end if;
end;
$function$;

comment on function web.login_session(bytea, bytea, text, integer, integer, inet, text, text, integer) is
'Give a session to a user, under a new key. Returns one row with the outcome rotated, gone, exists or limit_reached. API: public';
