create function web.end_all_sessions()
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Unlike clear_sessions it leaves tombstones, so that no save under way brings a session back. The lock excludes writers, so
-- that no deadlock over rows is possible, and waits for uncommitted inserts.
declare
    v_rows bigint;
begin
    -- A snapshot from before the wait would miss a session that was just created.
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception using
            errcode = 'invalid_transaction_state',
            message = 'all sessions can be ended at isolation level read committed only',
            hint = 'Use that isolation level, or no transaction.';
    end if;

    perform web.lock_sessions();
    v_rows := web.tombstone_sessions(
        array(
            select s.handle
            from web.session as s
            where s.expires_at > statement_timestamp()
        ),
        'revoked',
        p_is_announced => false
    );
    perform web.notify_session_end(null, 'revoked');
    return v_rows;
end;
$function$;

comment on function web.end_all_sessions() is
'End every live session of the store, and return their number. API: private';
