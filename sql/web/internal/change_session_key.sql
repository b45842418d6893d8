create function web.change_session_key(
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
set debug_print_plan = off
as $function$
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
$function$;

comment on function web.change_session_key(bytea, bytea, text, integer, text, integer, integer, inet, text, text, timestamptz) is
'Give a live session a new key, leave a tombstone under the old one, and set the user for the change login or logout. Returns what rotate_session returns. API: private';
