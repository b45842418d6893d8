create function web.set_session_data(
    sessid text,
    sessdata text,
    expire timestamptz
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
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
$function$;

comment on function web.set_session_data(text, text, timestamptz) is
'connect-pg interface: create or replace a session with this data and expiry. Has no effect on a session that was ended. API: public';
