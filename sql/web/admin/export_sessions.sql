create function web.export_sessions(
    p_after_key bytea default null,
    p_max_rows integer default 1000
)
returns table (
    key bytea,
    data text,
    created_at timestamptz,
    last_used_at timestamptz,
    expires_at timestamptz,
    absolute_expires_at timestamptz,
    idle_timeout_seconds integer,
    user_id text,
    client_address inet,
    user_agent text,
    label text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- In the order of keys, so that a reader can continue after the last key it has, whatever changed meanwhile.
#variable_conflict use_column
begin
    if p_max_rows is null or p_max_rows < 1 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a page has at least one row',
            hint = 'Pass a positive number of rows.';
    end if;

    return query
    select
        s.key,
        s.data,
        s.created_at,
        s.last_used_at,
        s.expires_at,
        s.absolute_expires_at,
        s.idle_timeout_seconds,
        s.user_id,
        s.client_address,
        s.user_agent,
        s.label
    from web.session as s
    where s.key > coalesce(p_after_key, ''::bytea)
        and s.expires_at > statement_timestamp()
    order by s.key
    limit p_max_rows;
end;
$function$;

comment on function web.export_sessions(bytea, integer) is
'Return a page of live sessions with their data, in the order of their keys, after p_after_key. A key cannot be turned into a session id. API: private';
