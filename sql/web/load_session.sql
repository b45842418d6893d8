create function web.load_session(
    p_key bytea,
    p_slide boolean default true
)
returns table (
    data text,
    version bigint,
    expires_at timestamptz,
    user_id text
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Reads a session and slides its expiry in one round trip. slide_at never lies behind expires_at, so the first
-- statement alone answers nearly every request: no write, no lock, and one comparison proves that the session is
-- live. Four columns at most and a plain return query: each further column, and every other shape, was measured slower.
#variable_conflict use_column
declare
    v_key bytea := p_key;
begin
    return query
    select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id
    from web.session as s
    where s.key = p_key
        and s.slide_at > statement_timestamp();
    if found then
        return;
    end if;

    -- The rest: no such session, one that is dead, or one whose slide is due.
    if octet_length(p_key) is distinct from 32 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a session key has 32 bytes',
            hint = 'Pass sha256 of the session id, as bytea.';
    end if;

    -- Asked first: on a standby even an update that would find no row is an error.
    if p_slide and exists (
        select
        from web.session as s
        where s.key = p_key
            and s.expires_at > statement_timestamp()
    ) then
        perform web.slide_session(p_key);
    end if;

    -- Read again in a statement of its own: it sees what others committed meanwhile, an end above all.
    return query
    select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id
    from web.session as s
    where s.key = p_key
        and s.expires_at > statement_timestamp();
    if found then
        return;
    end if;

    -- A request that was under way during a rotation, with the old key: the session as it is now, while the grace lasts.
    loop
        select s.successor
        into v_key
        from web.session as s
        where s.key = v_key
            and s.grace_until > statement_timestamp();
        exit when v_key is null;
        return query
        select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id
        from web.session as s
        where s.key = v_key
            and s.expires_at > statement_timestamp();
        exit when found;
    end loop;
end;
$function$;

comment on function web.load_session(bytea, boolean) is
'Load a live session and, unless p_slide is false, slide its expiry. One row, or none when there is no live session. Never waits for another transaction. A slide is written only when it is due (settings.slide_percent); on a hot standby a due slide raises 25006, in a read-only transaction elsewhere it is left for later. API: public';
