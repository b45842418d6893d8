create function web.insert_tombstone(
    p_key bytea,
    p_reason text,
    p_successor bytea default null,
    p_grace_seconds integer default null
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- The defaults of the table are those of a session that is not live. The insert waits for an uncommitted insert of the same key.
declare
    v_now constant timestamptz := statement_timestamp();
begin
    insert into web.session as s (
        prune_after,
        ended_at,
        ended_reason,
        successor,
        grace_until,
        key
    )
    select
        v_now + make_interval(secs => n.tombstone_retention_seconds),
        v_now,
        p_reason,
        p_successor,
        v_now + make_interval(secs => p_grace_seconds),
        p_key
    from web.settings as n
    on conflict (key) do nothing;
    if not found then
        if not exists (select from web.settings) then
            perform web.raise_missing_settings();
        end if;
        return false;
    end if;

    -- An ended session must not come back after a crash, even if other commits of the connection do not wait for the disk.
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    if random() < 0.0625 then
        perform web.prune_random_pages();
    end if;
    return true;
end;
$function$;

comment on function web.insert_tombstone(bytea, text, bytea, integer) is
'Insert a tombstone under a key. Returns false when a row has the key. API: private';
