create function web.slide_session(
    p_key bytea
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- A part with an exception clause takes a transaction id of its own if it writes. So at read committed the update is in none.
begin
    -- In a read-only transaction a later request slides. On a hot standby the update raises 25006 instead, so that a client
    -- notices that its primary was demoted.
    if current_setting('transaction_read_only') = 'on' and not pg_is_in_recovery() then
        return;
    end if;

    -- A request waits for no lock: clear_sessions may hold the table, or wait for a long transaction.
    begin
        lock table web.session in row exclusive mode nowait;
    exception
        when lock_not_available then
            return;
    end;

    if current_setting('transaction_isolation') = 'read committed' then
        perform web.write_slide(p_key);
    else
        begin
            perform web.write_slide(p_key);
        exception
            -- The snapshot is older than the last slide. A later request slides.
            when serialization_failure then
                return;
        end;
    end if;
end;
$function$;

comment on function web.slide_session(bytea) is
'Slide the expiry of a live session, if that is due and no other transaction holds its row or the table. API: private';
