create function web.save_session(
    p_key bytea,
    p_data text,
    p_expected_version bigint default null,
    p_idle_timeout_seconds integer default null,
    p_absolute_timeout_seconds integer default null,
    p_expires_at timestamptz default null
)
returns web.saved_session
language plpgsql
volatile
security definer
as $function$
-- Only an update: a slow request cannot bring back a session that was ended or pruned. As in load_session_value, slide_at proves
-- that the session is live, and names are qualified. PostgreSQL compiles every expression at each call, so there are few.
#variable_conflict use_column
declare
    v_saved web.saved_session;
begin
    if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.<>) 'serializable'
        -- The smallest value that max_data_bytes may have, so that the settings need not be read.
        and pg_catalog.octet_length(p_data) operator(pg_catalog.<=) 8192
        and p_absolute_timeout_seconds is null
        and p_expires_at is null
    then
        update web.session as s
        set
            version = s.version operator(pg_catalog.+) 1,
            data = p_data
        where s.key operator(pg_catalog.=) p_key
            and s.slide_at operator(pg_catalog.>) pg_catalog.statement_timestamp()
            and s.version operator(pg_catalog.=) coalesce(p_expected_version, s.version)
            -- The same idle timeout again is no new lifetime.
            and s.idle_timeout_seconds operator(pg_catalog.=) coalesce(p_idle_timeout_seconds, s.idle_timeout_seconds)
            -- A comparison by bytes, whatever collation the caller gives the parameter.
            and s.data operator(pg_catalog.<>) p_data collate pg_catalog."C"
        returning 'saved', s.version, s.expires_at, pg_catalog.statement_timestamp()
        into v_saved;
    end if;
    if not found then
        select d.outcome, d.version, d.expires_at, d.server_time
        into v_saved
        from web.save_session_slow(p_key, p_data, p_expected_version, p_idle_timeout_seconds, p_absolute_timeout_seconds, p_expires_at) as d;
    end if;
    return v_saved;
end;
$function$;

comment on function web.save_session(bytea, text, bigint, integer, integer, timestamptz) is
'Replace the data of a live session, if its version is p_expected_version or that is null, and its lifetime if one is passed. Returns one row with the outcome saved, same, conflict or gone. API: public';
