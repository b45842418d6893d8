create function web.find_session(
    p_handle uuid
)
returns table (
    handle uuid,
    user_id text,
    created_at timestamptz,
    last_used_at timestamptz,
    expires_at timestamptz,
    client_address inet,
    user_agent text,
    label text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- What support staff may see before they end a session: neither its key nor its data.
#variable_conflict use_column
begin
    return query
    select
        s.handle,
        s.user_id,
        s.created_at,
        s.last_used_at,
        s.expires_at,
        s.client_address,
        s.user_agent,
        s.label
    from web.session as s
    where s.handle = p_handle
        and s.expires_at > statement_timestamp();
end;
$function$;

comment on function web.find_session(uuid) is
'Return the live session with this handle: its user, times and device. No row when there is none. API: private';
