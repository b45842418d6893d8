-- Included after begin by tests that need a second session: sets has_dblink, and the functions that use the session "other".
--
-- Needs dblink, which is part of Debian's server package or of postgresql-contrib. The server must be able to connect to
-- itself by its socket without a password, as that of bin/with-pg. The test removes what the other session commits.

set local client_min_messages = warning;
set local timezone = 'UTC';
select exists (select from pg_available_extensions where name = 'dblink') as has_dblink \gset
\if :has_dblink
create extension if not exists dblink schema public;
create function pg_temp.connects()
returns boolean
language plpgsql
as $$
begin
    if 'other' = any (coalesce(dblink_get_connections(), '{}')) then
        return true;
    end if;
    perform dblink_connect(
        'other',
        format(
            'host=%s port=%s dbname=''%s'' user=''%s'' application_name=pgtap',
            split_part(current_setting('unix_socket_directories'), ',', 1),
            current_setting('port'),
            current_database(),
            session_user
        )
    );
    perform dblink_exec('other', $set$ set lock_timeout = '3s' $set$);
    return true;
exception
    when others then
        return false;
end;
$$;
select pg_temp.connects() as has_dblink \gset
\endif

-- Keys that no other test uses.
create function pg_temp.key(id text)
returns bytea
language sql
immutable
as $$
    select sha256(convert_to('pgtap other ' || id, 'UTF8'));
$$;

\if :has_dblink
-- Runs a query in the other session and returns its one value.
create function pg_temp.other(statement text)
returns text
language sql
as $$
    select o.answer from dblink('other', statement) as o (answer text);
$$;

create function pg_temp.other_does(statement text)
returns text
language sql
as $$
    select dblink_exec('other', statement);
$$;

-- Creates a session from the other one: committed, its slide due.
create function pg_temp.make_due(id text)
returns void
language plpgsql
as $$
begin
    perform pg_temp.other(format('select outcome from web.create_session(%L, %L, 1200, 100000)', pg_temp.key(id), '{"n":1}'));
    perform pg_temp.other_does(format('update web.session set slide_at = %L where key = %L', '-infinity', pg_temp.key(id)));
end;
$$;

create function pg_temp.clean_up(ids text[])
returns void
language plpgsql
as $$
begin
    for i in 1..cardinality(ids) loop
        perform pg_temp.other_does(format('delete from web.session where key = %L', pg_temp.key(ids[i])));
    end loop;
    perform dblink_disconnect('other');
end;
$$;
\endif
