create function web.save_session_slow(
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
set search_path = pg_catalog, pg_temp
as $function$
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
$function$;

comment on function web.save_session_slow(bytea, text, bigint, integer, integer, timestamptz) is
'Save a session in the cases that save_session does not handle itself. API: private';
