create function web.load_session(
    p_key bytea,
    p_slide boolean default true
)
returns setof web.loaded_session
language plpgsql
volatile
security definer
as $function$
-- Reads a session and slides its expiry in one round trip. slide_at never lies behind expires_at, so the first
-- statement alone answers nearly every request: no write, no lock, and one comparison proves that the session is
-- live. Four columns at most and a plain return query: each further column, and every other shape, was measured slower.
--
-- With save_session the only function without a pinned search_path, which would cost a seventh of its time. So every name and every operator
-- here is qualified, and nothing is left that a search path could decide; what needs more words is load_session_slow.
#variable_conflict use_column
begin
    return query
    select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, pg_catalog.statement_timestamp()
    from web.session as s
    where s.key operator(pg_catalog.=) case
            -- A serializable transaction gets no key to look for, so that it locks no page: raise_serializable says why.
            -- Here this costs nothing to speak of; as a condition of its own it cost a node of the plan, 1.5 µs a call.
            when pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.<>) 'serializable' then p_key
        end
        and s.slide_at operator(pg_catalog.>) pg_catalog.statement_timestamp();
    if not found then
        return query
        select d.data, d.version, d.expires_at, d.user_id, d.server_time
        from web.load_session_slow(p_key, p_slide) as d;
    end if;
end;
$function$;

comment on function web.load_session(bytea, boolean) is
'Load a live session and, unless p_slide is false, slide its expiry. One row, or none when there is no live session. Never waits for another transaction. A slide is written only when it is due (settings.slide_percent); on a hot standby a due slide raises 25006, in a read-only transaction elsewhere it is left for later. API: public';
