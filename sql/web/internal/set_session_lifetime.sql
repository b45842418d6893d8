create function web.set_session_lifetime(
    p_key bytea,
    p_idle_timeout_seconds integer,
    p_absolute_timeout_seconds integer,
    p_expires_at timestamptz
)
returns timestamptz
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The caller has checked the values. Web frameworks pass a lifetime with every save. So it is written like a slide: not before one
-- is due, unless the expiry would be earlier, or later by more than the time between two slides.
declare
    v_now constant timestamptz := statement_timestamp();
    v_idle_timeout_seconds constant integer := coalesce(p_idle_timeout_seconds, web.seconds_until(p_expires_at));
    v_slide_interval_seconds constant integer := (
        select web.slide_interval(v_idle_timeout_seconds, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds)
        from web.settings as n
        where v_idle_timeout_seconds is not null
    );
    v_absolute_expires_at constant timestamptz := coalesce(p_expires_at, v_now + make_interval(secs => p_absolute_timeout_seconds));
    v_session record;
    v_expires_at timestamptz;
begin
    select
        s.expires_at,
        s.slide_at > v_now
            -- A client that rounds to whole seconds passes the same lifetime again.
            and l.expires_at between s.expires_at - make_interval(secs => 1) and s.expires_at + make_interval(secs => s.slide_interval_seconds)
            and (
                v_absolute_expires_at is null
                or v_absolute_expires_at between s.absolute_expires_at - make_interval(secs => 1) and s.absolute_expires_at + make_interval(secs => s.slide_interval_seconds)
            )
            and (p_expires_at is null or p_expires_at = s.expires_at) as is_kept
    into v_session
    from web.session as s
    cross join lateral (
        select least(
            v_now + make_interval(secs => coalesce(v_idle_timeout_seconds, s.idle_timeout_seconds)),
            coalesce(v_absolute_expires_at, s.absolute_expires_at)
        ) as expires_at
    ) as l
    where s.key = p_key
        and s.expires_at > v_now;
    if v_session.is_kept is not false then
        return v_session.expires_at;
    end if;

    update web.session as s
    set
        expires_at = least(
            v_now + make_interval(secs => coalesce(v_idle_timeout_seconds, s.idle_timeout_seconds)),
            coalesce(v_absolute_expires_at, s.absolute_expires_at)
        ),
        slide_at = least(
            v_now + make_interval(secs => coalesce(v_slide_interval_seconds, s.slide_interval_seconds)),
            coalesce(v_absolute_expires_at, s.absolute_expires_at)
        ),
        last_used_at = v_now,
        absolute_expires_at = coalesce(v_absolute_expires_at, s.absolute_expires_at),
        -- Otherwise pruning would look at the row too late. It finds out by itself that an expiry is later.
        prune_after = least(
            s.prune_after,
            v_now + make_interval(secs => coalesce(v_idle_timeout_seconds, s.idle_timeout_seconds)),
            v_absolute_expires_at
        ),
        idle_timeout_seconds = coalesce(v_idle_timeout_seconds, s.idle_timeout_seconds),
        slide_interval_seconds = coalesce(v_slide_interval_seconds, s.slide_interval_seconds)
    where s.key = p_key
        and s.expires_at > v_now
    returning s.expires_at
    into v_expires_at;
    -- It ends a session, which a crash must not bring back.
    if v_expires_at <= v_now and current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    return v_expires_at;
end;
$function$;

comment on function web.set_session_lifetime(bytea, integer, integer, timestamptz) is
'Set the timeouts or the expiry of a live session, if that moves its expiry or a slide is due. Returns the expiry, or null when there is no live session. API: private';
