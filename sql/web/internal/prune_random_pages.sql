create function web.prune_random_pages()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
set enable_seqscan = off
set jit = off
as $function$
-- For stores without a pruner, every sixteenth insert calls this, for about one page an insert. Sixteen pages bound the work, even
-- if an old snapshot keeps millions of deleted rows. Random pages keep callers from probing keys. Where a pruner has run within
-- the hour, there is nothing to do. A run in the future, before the clock was set back, does not count.
--
-- No sequential scan: a plan that was made for a small table stays in use when the table grows. The cost of a disabled scan would
-- start the compiler (jit).
declare
    v_now constant timestamptz := statement_timestamp();
    v_forgotten timestamptz;
    v_is_announced boolean;
    v_found tid[];
    v_handles uuid[];
    v_handle uuid;
begin
    -- On an older snapshot, a row that was used since would be an error.
    if current_setting('transaction_isolation') <> 'read committed' then
        return;
    end if;

    -- Without a lock: most calls find nothing. A missing row of settings gives null.
    select f.forgotten, n.notify_channel is not null, array(
        select d.ctid
        from web.session as d
        where d.ctid >= ('(' || p.first_page || ',0)')::tid
            and d.ctid < ('(' || p.first_page + 16 || ',0)')::tid
            and d.expires_at <= v_now
            and coalesce(d.ended_at <= f.forgotten, true)
    )
    into v_forgotten, v_is_announced, v_found
    from web.settings as n
    cross join lateral (
        select v_now - make_interval(secs => n.tombstone_retention_seconds) as forgotten
    ) as f
    cross join (
        -- The table by its row type, as in session_table().
        select floor(random() * pg_relation_size(t.typrelid) / current_setting('block_size')::integer)::bigint as first_page
        from pg_type as t
        where t.oid = pg_typeof(null::web.session)
    ) as p
    where not exists (
        select
        from web.prune_state as q
        where q.last_pruned_at > v_now - make_interval(hours => 1)
            and q.last_pruned_at <= v_now
    );
    if v_found is null or v_found = '{}' then
        return;
    end if;

    with deleted as (
        delete from web.session as s
        where s.ctid = any (
                array(
                    select d.ctid
                    from web.session as d
                    -- Hidden from the planner, which would otherwise plan for each number of rows.
                    where d.ctid = any ((select v_found)::tid[])
                        and d.expires_at <= v_now
                        and coalesce(d.ended_at <= v_forgotten, true)
                    limit 32
                    for update skip locked
                )
            )
            and s.expires_at <= v_now
            and coalesce(s.ended_at <= v_forgotten, true)
        returning s.handle, s.ended_at
    )
    select array_agg(d.handle)
    into v_handles
    from deleted as d
    where d.ended_at is null;
    if v_is_announced and v_handles is not null then
        foreach v_handle in array v_handles loop
            perform web.notify_session_end(v_handle, 'expired');
        end loop;
    end if;
end;
$function$;

comment on function web.prune_random_pages() is
'Unless a pruner has run within the hour, delete up to 32 expired sessions and old tombstones of sixteen neighboring pages, chosen at random. API: private';
