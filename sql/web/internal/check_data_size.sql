create function web.check_data_size(
    p_bytes integer
)
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Called for data over 8 KiB only, the least that max_data_bytes may be: smaller writes need not read the settings.
declare
    v_limit integer;
begin
    select s.max_data_bytes into v_limit from web.settings as s;
    if p_bytes > v_limit then
        raise exception using
            errcode = 'program_limit_exceeded',
            message = format('session data has %s bytes; the limit of this store is %s', p_bytes, v_limit),
            hint = 'Keep large things in a table of your own, or raise settings.max_data_bytes.';
    end if;
end;
$function$;

comment on function web.check_data_size(integer) is
'Raise 54000 when session data of this many bytes is over the limit of the store. API: private';
