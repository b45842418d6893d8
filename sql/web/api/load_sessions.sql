create function web.load_sessions(
    p_keys bytea[],
    p_slide boolean default true
)
returns setof web.loaded_sessions
language plpgsql
stable
security definer
as $function$
-- The fast path of load_session for many keys: one read that writes nothing and waits for nothing. Names are qualified as in load_session_value.
--
-- The subquery hides the length of the array from the planner. So all calls share one plan; with the length in sight, each small
-- array would get a plan of its own.
#variable_conflict use_column
begin
    -- Before it reads, so that it locks no page.
    if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.=) 'serializable' then
        perform web.raise_serializable();
    end if;

    return query
    select s.key, coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, pg_catalog.statement_timestamp()
    from web.session as s
    where s.key operator(pg_catalog.=) any ((select p_keys)::pg_catalog.bytea[])
        and case when p_slide then s.slide_at else s.expires_at end operator(pg_catalog.>) pg_catalog.statement_timestamp();
end;
$function$;

comment on function web.load_sessions(bytea[], boolean) is
'Load those of many sessions that are live and need no slide, each as load_session would. For every key that it does not return, call load_session. API: public';
