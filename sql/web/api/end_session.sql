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
    v_has_ended boolean;
    v_is_live boolean;
    v_successor bytea;
begin
    if current_setting('transaction_isolation') = 'serializable' or octet_length(p_key) is distinct from 32 then
        perform web.check_key(p_key);
    end if;

    loop
        select s.handle, s.ended_at is not null, s.expires_at > statement_timestamp()
        into v_handle, v_has_ended, v_is_live
        from web.session as s
        where s.key = v_key;
        if not found then
            if web.insert_tombstone(v_key, 'logout') then
                return false;
            end if;
        elsif v_is_live then
            if web.tombstone_sessions(array[v_handle], 'logout') > 0 then
                return true;
            end if;
        elsif not v_has_ended then
            perform web.delete_expired_session(v_key);
        else
            -- With the key of before a rotation, a logout means the session under its present key.
            v_handle := web.resolve_key(v_key, false);
            if web.tombstone_sessions(array[v_handle], 'logout') > 0 then
                return true;
            end if;
            -- Without that session, its last key gets a tombstone. One snapshot shows that no live session has that key. So it is of
            -- no use to a caller whose settings print parameters.
            if v_handle is null then
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
        end if;
        -- The session changed between two statements, or has another key: try again.
    end loop;
end;
$function$;

comment on function web.end_session(bytea) is
'End a session, so that no save brings it back. Returns false when there was no live session. API: public';
