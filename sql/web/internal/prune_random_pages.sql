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
-- For stores without a pruner, a part of the inserts calls this. Four pages bound the work, even if an old snapshot keeps millions
-- of deleted rows. Random pages keep callers from probing keys.
--
-- No sequential scan: a plan that was made for a small table stays in use when the table grows. The cost of a disabled scan would
-- start the compiler (jit).
declare
    v_now constant timestamptz := statement_timestamp();
    v_forgotten timestamptz;
    v_first bigint;
    v_removed record;
begin
    -- On an older snapshot, a row that was used since would be an error.
    if current_setting('transaction_isolation') <> 'read committed' then
        return;
    end if;
    v_forgotten := v_now - (select make_interval(secs => n.tombstone_retention_seconds) from web.settings as n);
    v_first := floor(random() * pg_relation_size(web.session_table()) / current_setting('block_size')::integer)::bigint;

    for v_removed in
        delete from web.session as s
        where s.ctid = any (
                array(
                    select d.ctid
                    from web.session as d
                    where d.ctid >= (select format('(%s,0)', v_first)::tid)
                        and d.ctid < (select format('(%s,0)', v_first + 4)::tid)
                        and d.expires_at <= v_now
                        and coalesce(d.ended_at <= v_forgotten, true)
                    limit 8
                    for update skip locked
                )
            )
            and s.expires_at <= v_now
            and coalesce(s.ended_at <= v_forgotten, true)
        returning s.handle, s.ended_at
    loop
        if v_removed.ended_at is null then
            perform web.notify_session_end(v_removed.handle, 'expired');
        end if;
    end loop;
end;
$function$;

comment on function web.prune_random_pages() is
'Delete up to 8 expired sessions and old tombstones of four neighboring pages of the table, chosen at random. API: private';
