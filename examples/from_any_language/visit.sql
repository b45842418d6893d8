-- psql --no-psqlrc --quiet --tuples-only --no-align --file=visit.sql, as the runtime role

-- An id is 32 random bytes, and goes into a cookie. Its SHA-256 is the key: all that the server sees.
\set id `head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'`
\setenv ID :id
\set key `printf %s "$ID" | sha256sum | cut -c 1-64`
\set new_id `head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'`
\setenv ID :new_id
\set new_key `printf %s "$ID" | sha256sum | cut -c 1-64`

-- A new visitor puts something into the basket.
select format('%s, version %s', outcome, version)
from web.create_session(decode(:'key', 'hex'), '{"cart":["tea"]}');

-- The next request loads the session. An unknown or ended one has no row.
select format('loaded %s, version %s', data, version)
from web.load_session(decode(:'key', 'hex'));

-- A save names the version that was loaded, so it overwrites no other change.
select format('%s, version %s', outcome, version)
from web.save_session(decode(:'key', 'hex'), '{"cart":["tea","milk"]}', 1);

-- Another request loaded version 1 too. It loads again, and then changes and saves.
select format('%s, version %s is stored', outcome, version)
from web.save_session(decode(:'key', 'hex'), '{"cart":["tea","rice"]}', 1);

-- The login: a new id, the same data. The old id is invalid at once.
select outcome
from web.login_session(decode(:'key', 'hex'), decode(:'new_key', 'hex'), 'ada', p_label => 'phone');

select format('sessions under the old id: %s', count(*))
from web.load_session(decode(:'key', 'hex'));

-- The devices of the user. A handle names one in a form, and cannot be used to load it.
select format('ada is logged in with: %s', label)
from web.user_sessions('ada');

-- The logout.
select format('ended: %s', web.end_session(decode(:'new_key', 'hex')));

-- A request that was under way during the logout saves. The session stays ended.
select outcome
from web.save_session(decode(:'new_key', 'hex'), '{"cart":[]}');
