create function web.prune_batch(
    p_from timestamptz,
    p_max_rows integer
)
returns table (
    deleted integer,
    refiled integer,
    first_after timestamptz,
    last_after timestamptz
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The one place that removes rows for their age. Slides do not move prune_after, or every slide would have to write
-- the index; so a row that is due here may have been used since, and is filed again under its present expiry.
-- Rows that somebody holds are skipped: pruning never waits and never makes anybody wait in a circle.
#variable_conflict use_column
declare
    v_now constant timestamptz := statement_timestamp();
    v_tombstone interval;
    v_is_announced boolean;
begin
    select make_interval(secs => s.tombstone_seconds), s.notify_channel is not null
    into v_tombstone, v_is_announced
    from web.settings as s;

    return query
    with due as materialized (
        select
            s.key,
            s.handle,
            s.ended_at,
            s.prune_after,
            coalesce(s.ended_at + v_tombstone, s.expires_at) as keep_until
        from web.session as s
        where s.prune_after >= p_from
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
    filed as (
        update web.session as s
        set prune_after = d.keep_until
        from due as d
        where s.key = d.key
            and d.keep_until > v_now
        returning s.key
    )
    select
        (
            select count(*)::integer
            from removed as r
            left join lateral (
                select web.announce_end(r.handle, 'expired')
                where v_is_announced
                    and r.ended_at is null
            ) as a on true
        ),
        (select count(*)::integer from filed),
        (select min(d.prune_after) from due as d),
        (select max(d.prune_after) from due as d);
end;
$function$;

comment on function web.prune_batch(timestamptz, integer) is
'Of the sessions due for pruning, from this prune_after on and oldest first: delete the dead, file the living again. At most p_max_rows together. API: private';
