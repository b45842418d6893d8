create function web.load_session(
    p_key bytea,
    p_slide boolean default true
)
returns setof web.loaded_session
language plpgsql
volatile
security definer
as $function$
-- slide_at is never later than expires_at, so one comparison proves that the session is live and needs no slide. That read
-- answers most requests without a write or a lock; load_session_slow does the rest.
--
-- A pinned search_path would cost a seventh of the time. So every name and operator here is qualified instead.
#variable_conflict use_column
begin
    -- A serializable transaction looks for no key, so that it locks no page; raise_serializable gives the reason. Inside the
    -- statement this would cost more: PostgreSQL compiles the condition of an index scan twice at every call.
    if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.<>) 'serializable' then
        return query
        select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, pg_catalog.statement_timestamp()
        from web.session as s
        where s.key operator(pg_catalog.=) p_key
            and s.slide_at operator(pg_catalog.>) pg_catalog.statement_timestamp();
    end if;
    if not found then
        return query
        select d.data, d.version, d.expires_at, d.user_id, d.server_time
        from web.load_session_slow(p_key, p_slide) as d;
    end if;
end;
$function$;

comment on function web.load_session(bytea, boolean) is
'Load a live session and slide its expiry when that is due, unless p_slide is false. Returns no row when there is no live session. API: public';
