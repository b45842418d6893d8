create function web.end_session(
    p_key bytea
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- An unknown key gets a tombstone too: its first save may be under way, or uncommitted, and must find an ended session.
declare
    v_key bytea := p_key;
    v_handle uuid;
    v_successor bytea;
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if octet_length(p_key) is distinct from 32 then
        perform web.raise_invalid_key();
    end if;

    loop
        -- With the key of before a rotation, a logout means the session under its present key.
        v_handle := web.resolve_key(v_key, false);
        if web.tombstone_session(v_handle, 'logout') then
            return true;
        end if;

        if v_handle is null then
            if web.insert_tombstone(v_key, 'logout', null, null) then
                perform web.prune_neighbors(v_key);
                return false;
            end if;
            -- A rotated key gets a tombstone under its last successor. One snapshot shows that no live session has that key, so
            -- that a parameter that a setting of the caller can print is of no use.
            select s.successor
            into v_successor
            from web.session as s
            where s.key = v_key
                and s.ended_at is not null
                and web.resolve_key(v_key, false) is null;
            if found then
                if v_successor is null then
                    return false;
                end if;
                v_key := v_successor;
            end if;
        end if;
        -- Otherwise the session changed between two statements: try again.
    end loop;
end;
$function$;

comment on function web.end_session(bytea) is
'End a session, so that no save brings it back. Returns false when there was no live session. API: public';
