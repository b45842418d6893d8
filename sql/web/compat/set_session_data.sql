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
    v_idle_timeout_seconds integer;
    v_absolute_timeout_seconds integer;
    v_slide_interval_seconds integer;
    v_is_announced boolean;
    v_handle uuid;
    v_rows bigint;
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

    select s.idle_timeout_seconds, s.absolute_timeout_seconds, s.notify_channel is not null
    into v_idle_timeout_seconds, v_absolute_timeout_seconds, v_is_announced
    from web.settings as s;
    if not found then
        perform web.raise_missing_settings();
    end if;

    -- Null means the default timeout, not a session without an end.
    if v_expire is null then
        v_expire := v_now + make_interval(secs => v_idle_timeout_seconds);
    elsif v_expire > v_now then
        -- Later slides keep the lifetime that the caller chose.
        v_expire := least(v_expire, v_now + make_interval(secs => 2147483647));
        v_idle_timeout_seconds := ceil(extract(epoch from v_expire - v_now))::integer;
    end if;
    v_slide_interval_seconds := web.slide_interval_seconds(v_idle_timeout_seconds);

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

        -- An expired session that is about to be replaced.
        if v_is_announced then
            select s.handle into v_handle from web.session as s where s.key = v_key and s.ended_at is null;
        end if;

        -- With an expiry in the past too: the insert waits for an uncommitted first save of the same id.
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
            data
        )
        select
            n.expires_at,
            least(v_now + make_interval(secs => v_slide_interval_seconds), n.expires_at),
            v_now,
            1,
            v_now,
            v_now + make_interval(secs => v_absolute_timeout_seconds),
            greatest(n.expires_at, v_now),
            v_idle_timeout_seconds,
            v_slide_interval_seconds,
            v_key,
            sessdata
        from (
            select least(v_expire, v_now + make_interval(secs => v_absolute_timeout_seconds)) as expires_at
        ) as n
        -- An expired session is replaced, as if it had been pruned; an ended one is not.
        on conflict (key) do update
        set
            expires_at = excluded.expires_at,
            slide_at = excluded.slide_at,
            last_used_at = excluded.last_used_at,
            version = s.version + 1,
            created_at = excluded.created_at,
            absolute_expires_at = excluded.absolute_expires_at,
            idle_timeout_seconds = excluded.idle_timeout_seconds,
            slide_interval_seconds = excluded.slide_interval_seconds,
            handle = excluded.handle,
            user_id = null,
            client_address = null,
            user_agent = null,
            label = null,
            data = excluded.data
        where s.ended_at is null
            and s.expires_at <= v_now;
        get diagnostics v_rows = row_count;
        if v_rows > 0 then
            if v_handle is not null then
                perform web.notify_session_end(v_handle, 'expired');
            end if;
            perform web.prune_neighbors(v_key);
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
        -- A live session appeared between two statements, or the row was pruned: try again.
    end loop;
end;
$function$;

comment on function web.set_session_data(text, text, timestamptz) is
'connect-pg interface: create or replace a session with this data and expiry. Has no effect on a session that was ended. API: public';
