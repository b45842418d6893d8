create function web.slide_session(
    p_key bytea
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The one place where a due slide is written. It touches no indexed column, so that the update stays heap-only.
begin
    -- A read-only transaction on a primary is the caller's wish: a later request slides. On a standby the update
    -- below raises 25006 instead, so that a client notices that its primary was demoted.
    if current_setting('transaction_read_only') = 'on' and not pg_is_in_recovery() then
        return;
    end if;

    -- Nor for a lock on the table: clear_sessions may hold it, or stand in a queue behind a long transaction.
    lock table web.session in row exclusive mode nowait;

    update web.session as s
    set
        expires_at = least(
            -- never shorter: an expiry set by hand, or a clock that went back, must not end a session early
            greatest(s.expires_at, statement_timestamp() + make_interval(secs => s.idle_timeout_seconds)),
            s.absolute_expires_at
        ),
        slide_at = least(
            statement_timestamp() + make_interval(secs => s.slide_interval_seconds),
            greatest(s.expires_at, statement_timestamp() + make_interval(secs => s.idle_timeout_seconds)),
            s.absolute_expires_at
        ),
        last_used_at = statement_timestamp()
    where s.key = (
        -- skip locked: a request never waits for a row that somebody saves, ends or holds at this moment
        select d.key
        from web.session as d
        where d.key = p_key
            and d.expires_at > statement_timestamp()
            and d.slide_at <= statement_timestamp()
        for no key update skip locked
    );
exception
    -- The table is locked; or this is a repeatable read transaction, and its snapshot is older than the last slide. The
    -- caller wants to read: a later request slides.
    when lock_not_available or serialization_failure then
        return;
end;
$function$;

comment on function web.slide_session(bytea) is
'Write the slide of a live session if it is due and nobody holds its row; otherwise do nothing. API: private';
