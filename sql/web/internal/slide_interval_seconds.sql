create function web.slide_interval_seconds(
    p_idle_timeout_seconds integer
)
returns integer
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- How long after a slide the next one is due. Throttling makes the ordinary request a read; the upper bound keeps
-- last_used_at fresh enough to choose the least recently used device; half the idle timeout is the limit above
-- all, or a session with a short timeout would expire while it is in use.
begin
    return (
        select least(
            greatest(s.slide_min_seconds, (p_idle_timeout_seconds::bigint * s.slide_percent / 100)::integer),
            s.slide_max_seconds,
            p_idle_timeout_seconds / 2
        )
        from web.settings as s
    );
end;
$function$;

comment on function web.slide_interval_seconds(integer) is
'Seconds from one slide of a session to the next, for this idle timeout. API: private';
