create function web.save_sessions(
    p_keys bytea[],
    p_data text[],
    p_expected_versions bigint[] default null,
    p_idle_timeout_seconds integer[] default null
)
returns setof web.saved_sessions
language plpgsql
volatile
security definer
set plan_cache_mode = force_generic_plan
as $function$
-- The fast path of save_session for many keys, with qualified names. It locks rows in the order of their keys and skips locked
-- rows, so many saves in one transaction wait for no other. A row that changed after the snapshot is skipped too: the lock is
-- on its newest version, which the outer update does not read.
#variable_conflict use_column
begin
    -- Before it reads, so that it locks no page.
    if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.=) 'serializable' then
        perform web.raise_serializable();
    end if;
    -- A version that is missing would mean any version.
    if pg_catalog.cardinality(p_data) operator(pg_catalog.<>) pg_catalog.cardinality(p_keys)
        or pg_catalog.cardinality(p_expected_versions) operator(pg_catalog.<>) pg_catalog.cardinality(p_keys)
        or pg_catalog.cardinality(p_idle_timeout_seconds) operator(pg_catalog.<>) pg_catalog.cardinality(p_keys)
    then
        perform web.raise_array_lengths();
    end if;

    return query
    update web.session as s
    set
        version = s.version operator(pg_catalog.+) 1,
        data = l.data
    from (
        select d.ctid, k.ordinality, k.data
        from (
            -- Of equal keys the first: one statement updates a row once.
            select distinct on (u.key) u.key, u.ordinality, u.data, u.version, u.idle_timeout_seconds
            from rows from (
                pg_catalog.unnest(p_keys),
                pg_catalog.unnest(p_data),
                pg_catalog.unnest(p_expected_versions),
                pg_catalog.unnest(p_idle_timeout_seconds)
            ) with ordinality as u (key, data, version, idle_timeout_seconds, ordinality)
            order by u.key, u.ordinality
        ) as k
        join web.session as d on d.key operator(pg_catalog.=) k.key
        where pg_catalog.octet_length(k.data) operator(pg_catalog.<=) 8192
            and d.slide_at operator(pg_catalog.>) pg_catalog.statement_timestamp()
            and d.version operator(pg_catalog.=) coalesce(k.version, d.version)
            and d.idle_timeout_seconds operator(pg_catalog.=) coalesce(k.idle_timeout_seconds, d.idle_timeout_seconds)
            and d.data operator(pg_catalog.<>) k.data collate pg_catalog."C"
        order by d.key
        for no key update of d skip locked
    ) as l
    where s.ctid operator(pg_catalog.=) l.ctid
    returning l.ordinality, s.version, s.expires_at, pg_catalog.statement_timestamp();
end;
$function$;

comment on function web.save_sessions(bytea[], text[], bigint[], integer[]) is
'Save those of many sessions that save_session would save at once. For every position that it does not return, call save_session. API: public';
