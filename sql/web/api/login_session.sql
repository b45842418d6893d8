create function web.login_session(
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
set debug_print_plan = off
as $function$
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
$function$;

comment on function web.login_session(bytea, bytea, text, integer, integer, inet, text, text, integer, timestamptz) is
'Give a session to a user, under a new key. Returns one row with the outcome rotated, gone, exists or limit_reached. API: public';
