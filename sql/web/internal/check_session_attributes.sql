create function web.check_session_attributes(
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
set search_path = pg_catalog, pg_temp
as $function$
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
$function$;

comment on function web.check_session_attributes(integer, integer, text, integer, timestamptz) is
'Raise 22023 when a timeout, the expiry, the user id or the limit of sessions is out of range. API: private';
