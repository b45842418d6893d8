create function web.end_session(
    p_key bytea
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- An unknown key gets a tombstone too: its first save may be under way, or uncommitted, and must find an ended session.
declare
    v_handle uuid;
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if octet_length(p_key) is distinct from 32 then
        perform web.raise_invalid_key();
    end if;

    loop
        -- With the key of before a rotation, a log-out means the session under its present key.
        v_handle := web.resolve_key(p_key, false);
        if web.tombstone_session(v_handle, 'logout') then
            return true;
        end if;

        if v_handle is null then
            if web.insert_tombstone(p_key, 'logout', null, null) then
                perform web.prune_neighbors(p_key);
                return false;
            end if;
            if exists (
                select
                from web.session as s
                where s.key = p_key
                    and s.ended_at is not null
            )
                and web.resolve_key(p_key, false) is null
            then
                return false;
            end if;
        end if;
        -- The session changed between two statements: try again.
    end loop;
end;
$function$;

comment on function web.end_session(bytea) is
'End a session, so that no save brings it back. Returns false when there was no live session. API: public';
