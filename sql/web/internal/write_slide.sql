create function web.write_slide(
    p_key bytea
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- No indexed column changes, so that the update is heap-only.
begin
    update web.session as s
    set
        expires_at = web.expiry_after_use(s.expires_at, s.idle_timeout_seconds, s.absolute_expires_at),
        slide_at = least(statement_timestamp() + make_interval(secs => s.slide_interval_seconds), s.absolute_expires_at),
        last_used_at = statement_timestamp()
    where s.key = (
        -- A request waits for no row that another one saves, ends or locks.
        select d.key
        from web.session as d
        where d.key = p_key
            and d.expires_at > statement_timestamp()
            and d.slide_at <= statement_timestamp()
        for no key update skip locked
    );
end;
$function$;

comment on function web.write_slide(bytea) is
'Slide the expiry of a live session, if that is due and no other transaction holds its row. API: private';
