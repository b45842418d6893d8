create function web.end_all_sessions()
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- "Log everybody out". Unlike clear_sessions it leaves tombstones, so that no save under way brings anybody back. The
-- lock keeps writers out, so that no two of them wait for each other's rows; a first save that is uncommitted ends first.
declare
    v_rows bigint;
begin
    -- On a snapshot of before the wait, a session that was just created would be missed.
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception using
            errcode = 'invalid_transaction_state',
            message = 'all sessions are ended at the isolation level read committed',
            hint = 'Call it in a transaction of that level, or in none.';
    end if;

    lock table web.session in share row exclusive mode;
    update web.session as s
    set
        expires_at = '-infinity',
        slide_at = '-infinity',
        version = s.version + 1,
        ended_at = statement_timestamp(),
        ended_reason = 'revoked',
        client_address = null,
        user_agent = null,
        label = null,
        data = null
    where s.expires_at > statement_timestamp();
    get diagnostics v_rows = row_count;
    perform web.notify_session_end(null, 'revoked');
    return v_rows;
end;
$function$;

comment on function web.end_all_sessions() is
'End every live session of the store, and return how many there were. Not for the runtime role. API: private';
