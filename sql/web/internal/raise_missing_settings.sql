create function web.raise_missing_settings()
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'object_not_in_prerequisite_state',
        message = 'the settings of the session store are missing',
        hint = 'Run session-admin install: it restores them with their defaults.';
end;
$function$;

comment on function web.raise_missing_settings() is
'Raise 55000: the row of settings is missing. API: private';
