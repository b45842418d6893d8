create function web.raise_array_lengths()
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'invalid_parameter_value',
        message = 'the arrays of save_sessions must have the same length',
        hint = 'Pass an element of each array for each session. For no expected versions or timeouts, pass null for the whole array.';
end;
$function$;

comment on function web.raise_array_lengths() is
'Raise 22023: the arrays of a call do not have the same length. API: private';
