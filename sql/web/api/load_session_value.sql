create function web.load_session_value(
    p_key bytea,
    p_slide boolean default true
)
returns web.loaded_session
language plpgsql
volatile
security definer
as $function$
-- slide_at is never later than expires_at, so one comparison proves that the session is live and needs no slide. That read
-- answers most requests without a write or a lock; load_session_slow does the rest.
--
-- A pinned search_path would cost a seventh of the time. So every name and operator here is qualified instead.
declare
    v_loaded web.loaded_session;
begin
    -- A serializable transaction looks for no key, so that it locks no page; raise_serializable gives the reason. Inside the
    -- statement this would cost more: PostgreSQL compiles the condition of an index scan twice at every call.
    if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.<>) 'serializable' then
        select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, pg_catalog.statement_timestamp()
        into v_loaded
        from web.session as s
        where s.key operator(pg_catalog.=) p_key
            and s.slide_at operator(pg_catalog.>) pg_catalog.statement_timestamp();
    end if;
    if not found then
        select d.data, d.version, d.expires_at, d.user_id, d.server_time
        into v_loaded
        from web.load_session_slow(p_key, p_slide) as d;
        if not found then
            return null;
        end if;
    end if;
    return v_loaded;
end;
$function$;

comment on function web.load_session_value(bytea, boolean) is
'Load as load_session does, but return one composite value, or null when there is no live session. A driver that decodes it saves the server a fifth of the time. API: public';
