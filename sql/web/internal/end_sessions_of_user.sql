create function web.end_sessions_of_user(
    p_user_id text,
    p_except_handle uuid
)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- The caller holds lock_user, so that no login adds a session meanwhile. Rows are locked in the order of their keys, which
-- a rotation may change; the handle of the session to keep stays the same.
begin
    return web.tombstone_sessions(
        array(
            select s.handle
            from web.session as s
            where s.user_id = p_user_id collate "default"
                and s.ended_at is null
                and s.expires_at > statement_timestamp()
                and s.handle is distinct from p_except_handle
            order by s.key
            for no key update
        ),
        'revoked'
    )::integer;
end;
$function$;

comment on function web.end_sessions_of_user(text, uuid) is
'End the live sessions of a user except the one with this handle, and return their number. API: private';
