create function web.load_session(
    p_key bytea,
    p_slide boolean default true
)
returns setof web.loaded_session
language plpgsql
volatile
security definer
as $function$
-- Names are qualified as in load_session_value.
declare
    v_loaded constant web.loaded_session := web.load_session_value(p_key, p_slide);
begin
    if v_loaded.version is not null then
        return next v_loaded;
    end if;
end;
$function$;

comment on function web.load_session(bytea, boolean) is
'Load a live session and slide its expiry when that is due, unless p_slide is false. Returns no row when there is no live session. API: public';
