create function web.insert_tombstone(
    p_key bytea,
    p_reason text,
    p_successor bytea,
    p_grace_seconds integer
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- The insert waits for an uncommitted insert of the same key. An expired session under the key becomes the tombstone.
declare
    v_now constant timestamptz := statement_timestamp();
    v_idle_timeout_seconds integer;
    v_tombstone_retention_seconds integer;
    v_handle uuid;
    v_has_expired boolean;
begin
    select s.idle_timeout_seconds, s.tombstone_retention_seconds
    into v_idle_timeout_seconds, v_tombstone_retention_seconds
    from web.settings as s;
    if not found then
        perform web.raise_missing_settings();
    end if;

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
        successor,
        grace_until,
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
        p_reason,
        p_successor,
        v_now + make_interval(secs => p_grace_seconds),
        v_idle_timeout_seconds,
        0,
        p_key
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
    if not found then
        return false;
    end if;

    if v_has_expired then
        perform web.notify_session_end(v_handle, 'expired');
    end if;
    return true;
end;
$function$;

comment on function web.insert_tombstone(bytea, text, bytea, integer) is
'Insert a tombstone under a key. Returns false when a live session or a tombstone has the key. API: private';
