create function web.load_session_slow(
    p_key bytea,
    p_slide boolean
)
returns setof web.loaded_session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- The cases that load_session_value leaves: no session, an expired, ended or rotated one, and one whose slide is due.
#variable_conflict use_column
declare
    v_handle uuid;
begin
    if current_setting('transaction_isolation') = 'serializable' or octet_length(p_key) is distinct from 32 then
        perform web.check_key(p_key);
    end if;

    -- Checked first: on a hot standby even an update that would find no row is an error.
    if p_slide and exists (
        select
        from web.session as s
        where s.key = p_key
            and s.expires_at > statement_timestamp()
    ) then
        perform web.slide_session(p_key);
    end if;

    -- A separate statement reads what other sessions have committed meanwhile, above all an end of this session.
    return query
    select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, statement_timestamp()
    from web.session as s
    where s.key = p_key
        and s.expires_at > statement_timestamp();
    if found then
        return;
    end if;

    -- The old key of a rotation loads the session as it is now, while the grace lasts.
    v_handle := web.resolve_key(p_key, true);
    if v_handle is not null then
        return query
        select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, statement_timestamp()
        from web.session as s
        where s.handle = v_handle
            and s.expires_at > statement_timestamp();
    end if;
end;
$function$;

comment on function web.load_session_slow(bytea, boolean) is
'Load a session in the cases that load_session_value does not handle itself. API: private';
