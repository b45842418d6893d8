create function web.check_data(
    p_data text
)
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Callers skip this for data of up to 8 KiB, the smallest value that max_data_bytes may have.
declare
    v_limit integer;
begin
    if p_data is null then
        raise exception using
            errcode = 'null_value_not_allowed',
            message = 'session data must not be null',
            hint = 'Pass JSON text; an empty session is {}.';
    end if;
    select s.max_data_bytes into v_limit from web.settings as s;
    if octet_length(p_data) > v_limit then
        raise exception using
            errcode = 'program_limit_exceeded',
            message = format('session data has %s bytes; the limit of this store is %s', octet_length(p_data), v_limit),
            hint = 'Store less data in the session, or raise the limit: session-admin configure max_data_bytes=2097152';
    end if;
end;
$function$;

comment on function web.check_data(text) is
'Raise 22004 when session data is null, 54000 when it is larger than the limit of the store. API: private';
