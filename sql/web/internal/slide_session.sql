create function web.slide_session(
    p_key bytea
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- No indexed column changes, so that the update is heap-only.
begin
    -- In a read-only transaction a later request slides. On a hot standby the update raises 25006 instead, so that a client
    -- notices that its primary was demoted.
    if current_setting('transaction_read_only') = 'on' and not pg_is_in_recovery() then
        return;
    end if;

    -- A request waits for no lock: clear_sessions may hold the table, or wait for a long transaction.
    lock table web.session in row exclusive mode nowait;

    update web.session as s
    set
        expires_at = web.expiry_after_use(s.expires_at, s.idle_timeout_seconds, s.absolute_expires_at),
        slide_at = least(statement_timestamp() + make_interval(secs => s.slide_interval_seconds), s.absolute_expires_at),
        last_used_at = statement_timestamp()
    where s.key = (
        -- A request waits for no row that another one saves, ends or locks.
        select d.key
        from web.session as d
        where d.key = p_key
            and d.expires_at > statement_timestamp()
            and d.slide_at <= statement_timestamp()
        for no key update skip locked
    );
exception
    -- The table is locked, or the snapshot of a repeatable read transaction is older than the last slide. A later request
    -- slides.
    when lock_not_available or serialization_failure then
        return;
end;
$function$;

comment on function web.slide_session(bytea) is
'Slide the expiry of a live session, if that is due and no other transaction holds its row. API: private';
