create function web.prune_sessions(
    p_max_rows integer default 1000
)
returns table (
    outcome text,
    deleted integer,
    rescheduled integer
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- Slides do not change prune_after, or each of them would write the index. So a row that is due here may have been used
-- since, and is rescheduled for its present expiry. Locked rows are skipped, so that pruning never waits.
#variable_conflict use_column
declare
    v_now constant timestamptz := statement_timestamp();
    v_tombstone interval;
    v_is_announced boolean;
    v_from timestamptz;
    v_deleted integer;
    v_rescheduled integer;
    v_last_after timestamptz;
begin
    if p_max_rows is null or p_max_rows < 1 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a batch has at least one row',
            hint = 'Pass a positive number of rows.';
    end if;

    -- The lock is a row that only the owner role can lock: every role could hold an advisory lock.
    select p.resume_from, make_interval(secs => s.tombstone_retention_seconds), s.notify_channel is not null
    into v_from, v_tombstone, v_is_announced
    from web.prune_state as p
    cross join web.settings as s
    for no key update of p skip locked;
    if not found then
        if not exists (select from web.prune_state cross join web.settings) then
            perform web.raise_missing_settings();
        end if;
        return query select 'busy'::text, 0, 0;
        return;
    end if;

    with due as materialized (
        select
            s.key,
            s.handle,
            s.ended_at,
            s.prune_after,
            coalesce(s.ended_at + v_tombstone, s.expires_at) as keep_until
        from web.session as s
        where s.prune_after >= v_from
            and s.prune_after <= v_now
        order by s.prune_after
        limit p_max_rows
        for update skip locked
    ),
    removed as (
        delete from web.session as s
        using due as d
        where s.key = d.key
            and d.keep_until <= v_now
        returning d.handle, d.ended_at
    ),
    rescheduled as (
        update web.session as s
        set prune_after = d.keep_until
        from due as d
        where s.key = d.key
            and d.keep_until > v_now
        returning s.key
    )
    select
        (
            select count(*)
            from removed as r
            left join lateral (
                select web.notify_session_end(r.handle, 'expired')
                where v_is_announced
                    and r.ended_at is null
            ) as a on true
        ),
        (select count(*) from rescheduled),
        (select max(d.prune_after) from due as d)
    into v_deleted, v_rescheduled, v_last_after;

    -- The next batch starts where this one ended. An old snapshot may keep the index entries of deleted rows for hours,
    -- and each batch would read all of them again.
    update web.prune_state as p
    set
        resume_from = case
            when v_deleted + v_rescheduled < p_max_rows then '-infinity'
            else v_last_after
        end,
        last_pruned_at = v_now;

    return query select 'pruned'::text, v_deleted, v_rescheduled;
end;
$function$;

comment on function web.prune_sessions(integer) is
'Delete one batch of expired sessions and old tombstones. Returns one row with the outcome pruned or busy; nothing is left once deleted + rescheduled is less than p_max_rows. API: public';
