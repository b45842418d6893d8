create function web.end_session(
    p_key bytea
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Leaves a tombstone, for a key that is unknown too: its first save may be on its way, or in a transaction that has
-- not committed yet, and must find that the session was ended.
declare
    v_now constant timestamptz := statement_timestamp();
    v_key bytea := p_key;
    v_idle_timeout_seconds integer;
    v_tombstone_retention_seconds integer;
    v_handle uuid;
    v_has_expired boolean;
    v_successor bytea;
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if octet_length(p_key) is distinct from 32 then
        perform web.raise_invalid_key();
    end if;

    select s.idle_timeout_seconds, s.tombstone_retention_seconds into v_idle_timeout_seconds, v_tombstone_retention_seconds from web.settings as s;
    if not found then
        perform web.raise_missing_settings();
    end if;

    loop
        if web.tombstone_session(v_key, 'logout') then
            return true;
        end if;

        -- Waits for an uncommitted insert of the same key.
        insert into web.session as s (
            expires_at,
            slide_at,
            last_used_at,
            version,
            created_at,
            absolute_expires_at,
            prune_after,
            ended_at,
            ended_reason,
            idle_timeout_seconds,
            slide_interval_seconds,
            key
        )
        values (
            '-infinity',
            '-infinity',
            v_now,
            1,
            v_now,
            v_now,
            v_now + make_interval(secs => v_tombstone_retention_seconds),
            v_now,
            'logout',
            v_idle_timeout_seconds,
            0,
            v_key
        )
        on conflict (key) do update
        set
            expires_at = excluded.expires_at,
            slide_at = excluded.slide_at,
            version = s.version + 1,
            ended_at = excluded.ended_at,
            ended_reason = excluded.ended_reason,
            client_address = null,
            user_agent = null,
            label = null,
            data = null
        where s.ended_at is null
            and s.expires_at <= v_now
        returning s.handle, s.created_at <> v_now into v_handle, v_has_expired;
        if found then
            if v_has_expired then
                perform web.notify_session_end(v_handle, 'expired');
            end if;
            perform web.prune_neighbors(v_key);
            exit;
        end if;

        -- Ended already; or rotated: who logs out with an old id means the session, whatever its id is by now.
        select s.successor
        into v_successor
        from web.session as s
        where s.key = v_key
            and s.ended_at is not null;
        if found then
            exit when v_successor is null;
            v_key := v_successor;
        end if;
        -- Otherwise a live session appeared between the two statements, or its row was pruned: try again.
    end loop;
    return false;
end;
$function$;

comment on function web.end_session(bytea) is
'End a session for good: nothing brings it back for settings.tombstone_retention_seconds at least, a save that is already under way included. The key of before a rotation ends the session too. True when a live session was ended, false when there was none. API: public';
