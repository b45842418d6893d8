create function web.prune_neighbors(
    p_key bytea
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Whoever adds a row looks at four others, and clears away the dead among them. Which four depends on a digest of the
-- new key: a caller who could choose the place would learn from the statistics where other keys lie. Four at random: the share of dead rows settles at a quarter where nobody runs a
-- pruner, whatever the traffic. Nothing is remembered from call to call, nothing living is locked, and an old snapshot
-- that keeps deleted rows in the index costs no more here than anywhere.
declare
    v_now constant timestamptz := statement_timestamp();
    v_forgotten timestamptz;
    v_dead bytea[];
    v_removed record;
begin
    v_forgotten := v_now - (select make_interval(secs => s.tombstone_retention_seconds) from web.settings as s);

    select array_agg(n.key)
    into v_dead
    from (
        select s.key, s.expires_at, s.ended_at
        from web.session as s
        where s.key > sha256(p_key)
            and s.key <> p_key
        order by s.key
        limit 4
    ) as n
    where n.expires_at <= v_now
        and coalesce(n.ended_at <= v_forgotten, true);
    -- On an old snapshot, a row that was used since would be an error.
    if v_dead is null or current_setting('transaction_isolation') <> 'read committed' then
        return;
    end if;

    for v_removed in
        delete from web.session as s
        where s.key in (
            select d.key
            from web.session as d
            where d.key = any (v_dead)
                -- it may have been set again, or ended, since
                and d.expires_at <= v_now
                and coalesce(d.ended_at <= v_forgotten, true)
            for update skip locked
        )
        returning s.handle, s.ended_at
    loop
        if v_removed.ended_at is null then
            perform web.notify_session_end(v_removed.handle, 'expired');
        end if;
    end loop;
end;
$function$;

comment on function web.prune_neighbors(bytea) is
'The small share of pruning that every new row carries: of four rows, which a digest of this key chooses, remove the dead. API: private';
