create function web.touch_session(
    p_key bytea,
    p_idle_timeout_seconds integer default null,
    p_absolute_timeout_seconds integer default null,
    p_expires_at timestamptz default null
)
returns timestamptz
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- For a request that needs no data, only a live session.
declare
    v_expires_at timestamptz;
    v_slide_at timestamptz;
begin
    if current_setting('transaction_isolation') = 'serializable' or octet_length(p_key) is distinct from 32 then
        perform web.check_key(p_key);
    end if;
    if num_nonnulls(p_idle_timeout_seconds, p_absolute_timeout_seconds, p_expires_at) > 0 then
        perform web.check_session_attributes(p_idle_timeout_seconds, p_absolute_timeout_seconds, null, null, p_expires_at);
        return web.set_session_lifetime(p_key, p_idle_timeout_seconds, p_absolute_timeout_seconds, p_expires_at);
    end if;

    select s.expires_at, s.slide_at
    into v_expires_at, v_slide_at
    from web.session as s
    where s.key = p_key
        and s.expires_at > statement_timestamp();

    if v_slide_at <= statement_timestamp() then
        perform web.slide_session(p_key);
        v_expires_at := (
            select s.expires_at
            from web.session as s
            where s.key = p_key
                and s.expires_at > statement_timestamp()
        );
    end if;
    return v_expires_at;
end;
$function$;

comment on function web.touch_session(bytea, integer, integer, timestamptz) is
'Slide the expiry of a live session when that is due, set its lifetime if one is passed, and return the expiry. Returns null when there is no live session. API: public';
