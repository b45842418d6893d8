create function web.prune_neighbors(
    p_key bytea
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- Each insert deletes the expired rows among the four that follow a hash of its key. The hash keeps callers from probing
-- other keys; and no key of another session leaves the statement, because settings of the caller can print parameters.
declare
    v_now constant timestamptz := statement_timestamp();
    v_forgotten timestamptz;
    v_removed record;
begin
    -- On an older snapshot, a row that was used since would be an error.
    if current_setting('transaction_isolation') <> 'read committed' then
        return;
    end if;
    v_forgotten := v_now - (select make_interval(secs => s.tombstone_retention_seconds) from web.settings as s);

    -- Most inserts find nothing to delete, and then a read is the cheapest way to know.
    if not exists (
        select
        from (
            select n.expires_at, n.ended_at
            from web.session as n
            where n.key > sha256(p_key)
                and n.key <> p_key
            order by n.key
            limit 4
        ) as c
        where c.expires_at <= v_now
            and coalesce(c.ended_at <= v_forgotten, true)
    ) then
        return;
    end if;

    for v_removed in
        delete from web.session as s
        using (
            select d.key
            from (
                select n.key, n.expires_at, n.ended_at
                from web.session as n
                where n.key > sha256(p_key)
                    and n.key <> p_key
                order by n.key
                limit 4
            ) as c
            join web.session as d on d.key = c.key
            where c.expires_at <= v_now
                and coalesce(c.ended_at <= v_forgotten, true)
                -- The newest version of the row counts: it may have been set again, or ended, since.
                and d.expires_at <= v_now
                and coalesce(d.ended_at <= v_forgotten, true)
            for update of d skip locked
        ) as r
        where s.key = r.key
        returning s.handle, s.ended_at
    loop
        if v_removed.ended_at is null then
            perform web.notify_session_end(v_removed.handle, 'expired');
        end if;
    end loop;
end;
$function$;

comment on function web.prune_neighbors(bytea) is
'Delete the dead rows among the four that follow a hash of this key. API: private';
