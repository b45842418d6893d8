create function web.save_session(
    p_key bytea,
    p_data text,
    p_expected_version bigint default null
)
returns web.saved_session
language plpgsql
volatile
security definer
as $function$
-- Update only: a session that has ended, or has been pruned, cannot come back through a slow request. The outcome is
-- a column and not an exception, which would abort the caller's transaction.
--
-- As in load_session, the first statement alone does nearly every save: it proves by slide_at that the session is live. Every
-- expression is compiled anew at each call: so only two columns are changed, and "or" and "is not true" are left, with all else
-- that needs more words, to save_session_slow (3 µs). No search path is pinned either, and none could decide anything here.
#variable_conflict use_column
declare
    v_saved web.saved_session;
begin
    update web.session as s
    set
        version = s.version operator(pg_catalog.+) 1,
        data = p_data
    where s.key operator(pg_catalog.=) case
            when pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.<>) 'serializable'
                -- the least that max_data_bytes may be: no need to read the settings
                and pg_catalog.octet_length(p_data) operator(pg_catalog.<=) 8192
            then p_key
        end
        and s.slide_at operator(pg_catalog.>) pg_catalog.statement_timestamp()
        and s.version operator(pg_catalog.=) coalesce(p_expected_version, s.version)
        -- byte by byte, whatever the collation that a caller gives to his parameter
        and s.data operator(pg_catalog.<>) p_data collate pg_catalog."C"
    returning 'saved', s.version, s.expires_at, pg_catalog.statement_timestamp()
    into v_saved;
    if not found then
        select d.outcome, d.version, d.expires_at, d.server_time
        into v_saved
        from web.save_session_slow(p_key, p_data, p_expected_version) as d;
    end if;
    return v_saved;
end;
$function$;

comment on function web.save_session(bytea, text, bigint) is
'Replace the data of a live session. Always one row: outcome saved; same when p_expected_version is no longer the stored version but the data is equal (a repeated save, or an equal change by another caller; nothing was written); conflict when it is not, and the data differs (version is then the stored one, and nothing was changed); gone when there is no live session (version and expires_at null). Data equal to what is stored is not rewritten and keeps its version. A save is a use: it slides the expiry if that is due. API: public';
