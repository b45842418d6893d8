mod builder;
mod lock;
mod lock_registry;
mod rotate_outcome;
mod rotation;
mod save_outcome;
mod users;

pub use builder::StoreBuilder;
pub use rotate_outcome::RotateOutcome;
pub use save_outcome::SaveOutcome;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use postgres::types::FromSql;
use postgres::{GenericClient, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connection::Borrowed;
use crate::connection::{Answer, Call};
use crate::connection::{Backend, Pool};
use crate::error::Error;
use crate::functions::Function;
use crate::functions::Parameter;
use crate::functions::SchemaName;
use crate::functions::json;
use crate::runtime::random_delay;
use crate::session::{
    EndReason, NewSession, Session, SessionId, SessionInfo, SessionKey, SessionState,
};

/// How often `update` tries its luck before it locks the session.
const MAX_UPDATE_ATTEMPTS: u32 = 8;
/// The longest pause between two tries of `update`.
const MAX_UPDATE_PAUSE: Duration = Duration::from_millis(16);
/// How long `update` then waits for that lock.
const UPDATE_LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// A session store in a PostgreSQL database.
///
/// A store with a [`Pool`] of its own, from [`connect`](Store::connect) or [`builder`](Store::builder), is made once; it is
/// `Send` and `Sync`, and a clone is another handle to the same pool. A store [on](Store::on) a borrowed connection or
/// transaction is made where it is used. The methods are the same.
///
/// Each call is one round trip to the server, check-out from the pool included, once the pool's connection is open and has
/// prepared the call's statement; [`update`](Store::update) is two calls. Expiry goes by the database's clock alone.
///
/// # Errors
///
/// Every call can fail because the database [cannot be reached](Error::is_unavailable), because the store is
/// [not installed](Error::is_not_installed), because the role [may not](Error::is_permission_denied), and because it was made
/// [inside an async runtime](Error::is_async_context). A session that is not there is no error.
///
/// A connection of the pool that turns out to be dead (the server was restarted, has failed over, is read-only now:
/// SQLSTATE 57P01, 57P02, 57P03, class 08, 25006) is replaced and the call repeated once. On a borrowed connection nothing is
/// repeated. Where that leaves it open if a change was made, the error [says so](Error::is_outcome_unknown).
pub struct Store<B = Pool> {
    pub(crate) backend: B,
    pub(crate) schema: SchemaName,
    ascii: Arc<AtomicBool>,
}

impl Store<Pool> {
    /// Connects to the database and keeps a pool of 4 connections at most, with every setting of the
    /// [builder](Store::builder) at its default.
    ///
    /// `database_url` is a URL or `keyword=value` pairs, as `psql` takes them; what it leaves out comes from the `PG*` variables
    /// and the password file: see [`ConnectionSettings`](crate::ConnectionSettings). Log in as the runtime role, `nodepg` by
    /// default.
    ///
    /// # Errors
    ///
    /// Returns an error if the settings are refused, or if no connection can be made now. Whether the store is installed is
    /// not looked at: the first call will tell.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> Result<(), connect_pg::Error> {
    /// let store = connect_pg::Store::connect("postgresql://nodepg@localhost/app")?;
    /// println!("{} live sessions", store.count()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect(database_url: &str) -> Result<Store, Error> {
        Store::builder().database_url(database_url).connect()
    }

    /// Settings for a store with a pool of its own.
    pub fn builder() -> StoreBuilder {
        StoreBuilder::default()
    }

    pub(crate) fn new(pool: Pool, schema: SchemaName, ascii: bool) -> Store {
        Store {
            backend: pool,
            schema,
            ascii: Arc::new(AtomicBool::new(ascii)),
        }
    }
}

impl Clone for Store<Pool> {
    fn clone(&self) -> Store {
        Store {
            backend: self.backend.clone(),
            schema: self.schema.clone(),
            ascii: Arc::clone(&self.ascii),
        }
    }
}

impl<'a, C: GenericClient> Store<Borrowed<'a, C>> {
    /// A store on a connection or a transaction of the application's own.
    ///
    /// In a transaction the session changes when, and only if, the transaction commits. Nothing that a session can meet
    /// aborts it: that a session is gone, or was changed by another client, is an answer and no error.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{NewSession, Store};
    /// use postgres::{Client, NoTls};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut client = Client::connect("postgresql://app@localhost/app", NoTls)?;
    /// let mut transaction = client.transaction()?;
    /// transaction.execute("update account set last_login = now() where id = $1", &[&4711_i64])?;
    /// let session = Store::on(&mut transaction).create(["cart"], &NewSession::new().user_id("4711"))?;
    /// transaction.commit()?;
    /// println!("the cookie is {} bytes long", session.id().as_cookie_value().len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn on(client: &'a mut C) -> Store<Borrowed<'a, C>> {
        Store {
            backend: Borrowed::new(client),
            schema: SchemaName::default(),
            ascii: Arc::default(),
        }
    }

    /// The same store in another schema than `web`.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is empty, longer than 63 bytes, or holds a control character.
    pub fn schema(mut self, name: &str) -> Result<Self, Error> {
        self.schema = SchemaName::new(name)?;
        Ok(self)
    }

    /// The same store, writing JSON in ASCII: see [`StoreBuilder::ascii_json`].
    #[must_use]
    pub fn ascii_json(self, ascii: bool) -> Self {
        self.ascii.store(ascii, Ordering::Relaxed);
        self
    }
}

impl<B: Backend> Store<B> {
    /// Creates a session with a new id.
    ///
    /// The data is stored as `serde_json` writes it, byte for byte: at most `max_data_bytes` of the store's settings, 1 MiB by
    /// default, and nested at most 127 deep, since `serde_json` reads no deeper. Call it when there is something to
    /// remember and a cookie to set. A visitor who has a session and logs in gets a new id by [`login`](Store::login); one
    /// who has none gets his session here, with [`NewSession::user_id`].
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the data [cannot be written](Error::is_invalid_data) as JSON, is
    /// [too large](Error::is_too_large), a setting of `new` [is refused](Error::is_invalid_argument), or the user
    /// [has as many sessions as he may](Error::is_session_limit).
    pub fn create<T: Serialize>(&self, data: T, new: &NewSession) -> Result<Session<T>, Error> {
        let details = new.0.parameters()?;
        let text = json::encode(&data)?;
        // A key that exists, and that no lost try of ours made, is one chance in 2^256 or a broken random source: once more,
        // and then it is the latter.
        for _ in 0..2 {
            let id = SessionId::generate()?;
            let key = id.key();
            let answer = self.with_text(&text, |text| {
                let mut parameters = vec![Parameter::Key(&key), Parameter::Text(Some(text))];
                parameters.extend(details);
                self.run(Function::CreateSession, &parameters)
            })?;
            let repeated = answer.repeated;
            let row = one_row(answer)?;
            let (version, expires_at, handle) = match column(&row, 0)? {
                "created" => (column(&row, 1)?, column(&row, 2)?, Some(column(&row, 3)?)),
                // We drew the key, so it was our first try, whose answer was lost.
                "exists" if repeated => match self
                    .load_row(&key, false)
                    .map_err(Error::with_outcome_unknown)?
                {
                    Some(row) => (column(&row, 1)?, column(&row, 2)?, None),
                    None => {
                        return Err(Error::answer("a new session is gone").with_outcome_unknown());
                    }
                },
                "exists" => continue,
                "limit_reached" => return Err(Error::session_limit()),
                _ => return Err(Error::answer("create_session has another outcome")),
            };
            return Ok(Session {
                data,
                id,
                key,
                version,
                expires_at,
                user_id: new.0.user_id.clone(),
                handle,
            });
        }
        Err(Error::answer("every new key exists"))
    }

    /// Loads a session and uses it: its expiry slides, to the idle timeout from now and at most to the absolute one.
    ///
    /// `None` if there is no live session of that id: it never was, it has expired, it was ended. Nothing is created then, so an
    /// id that somebody made up stays worthless. To keep a session that is used all the time from being written all the time, a
    /// slide is due only after a twentieth of the idle timeout (1 to 10 minutes).
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the stored data [does not fit](Error::is_invalid_data) `T`.
    pub fn load<T: DeserializeOwned>(&self, id: &SessionId) -> Result<Option<Session<T>>, Error> {
        self.load_session(id, true)
    }

    /// Loads a session without using it: its expiry stays as it is.
    ///
    /// For requests that are not the visitor's doing, such as a page that polls.
    ///
    /// # Errors
    ///
    /// As for [`load`](Store::load).
    pub fn peek<T: DeserializeOwned>(&self, id: &SessionId) -> Result<Option<Session<T>>, Error> {
        self.load_session(id, false)
    }

    /// Saves the data of a session, if it is still live and no other client has changed it since it was loaded.
    ///
    /// On [`SaveOutcome::Saved`] the session has its new version and expiry; otherwise it is as before. Data that is stored already
    /// is not written again. That another client made the very same change is a [`SaveOutcome::Conflict`] too: two requests that
    /// each count from 1 to 2 must come to 3. A save uses the session as [`load`](Store::load) does.
    ///
    /// # Errors
    ///
    /// Besides the [errors of every call](Store#errors): the data [cannot be written](Error::is_invalid_data) as JSON or is
    /// [too large](Error::is_too_large). What is stored is untouched then.
    pub fn save<T: Serialize>(&self, session: &mut Session<T>) -> Result<SaveOutcome, Error> {
        Ok(match self.save_session(session)? {
            Stored::Written | Stored::Same { repeated: true } => SaveOutcome::Saved,
            Stored::Conflict | Stored::Same { repeated: false } => SaveOutcome::Conflict,
            Stored::Gone => SaveOutcome::Gone,
        })
    }

    /// Changes the data of a session so that no concurrent change of another client is lost.
    ///
    /// Loads the session, applies `change`, saves; on a conflict all of it again, after a short random pause. After 8 conflicts
    /// it does so under a lock, where nobody can come in between, for which it waits up to 30 seconds: so any number of clients
    /// that change one session all get their turn. `change` may run up to 9 times, each time on fresh data, and should do nothing
    /// else; what it does to the same session by other means may be [refused](Error::is_locked). `None` if the session is not
    /// live.
    ///
    /// # Errors
    ///
    /// As for [`load`](Store::load) and [`save`](Store::save), and that the session changed each time and
    /// [was then locked](Error::is_conflict) by somebody else for 30 seconds.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{SessionId, Store};
    /// # fn views(store: &Store, id: &SessionId) -> Result<u64, connect_pg::Error> {
    /// let session = store.update(id, |views: &mut u64| *views += 1)?;
    /// # Ok(session.map_or(0, |session| session.data))
    /// # }
    /// ```
    pub fn update<T, F>(&self, id: &SessionId, mut change: F) -> Result<Option<Session<T>>, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(&mut T),
    {
        let changed = self.try_update(id, |data| {
            change(data);
            Ok::<(), Error>(())
        })?;
        Ok(changed.map(|((), session)| session))
    }

    /// As [`update`](Store::update), with a `change` that has an answer, or may find that there is nothing to change.
    ///
    /// Returns what `change` returned for the data that was saved in the end, and the session. If `change` fails, nothing is saved,
    /// and its error is returned.
    ///
    /// # Errors
    ///
    /// What `change` returns, and as for [`update`](Store::update).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use connect_pg::{Error, SessionId, Store};
    ///
    /// enum NotTaken {
    ///     CartIsEmpty,
    ///     Store(Error),
    /// }
    ///
    /// impl From<Error> for NotTaken {
    ///     fn from(error: Error) -> NotTaken {
    ///         NotTaken::Store(error)
    ///     }
    /// }
    ///
    /// /// Takes the last thing out of the cart; once, however many requests do so at once. `None` without a session.
    /// fn take(store: &Store, id: &SessionId) -> Result<Option<String>, NotTaken> {
    ///     let taken = store.try_update(id, |cart: &mut Vec<String>| cart.pop().ok_or(NotTaken::CartIsEmpty))?;
    ///     Ok(taken.map(|(thing, _session)| thing))
    /// }
    /// # let _ = take;
    /// ```
    pub fn try_update<T, R, E, F>(
        &self,
        id: &SessionId,
        mut change: F,
    ) -> Result<Option<(R, Session<T>)>, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: FnMut(&mut T) -> Result<R, E>,
    {
        for tries in 0..MAX_UPDATE_ATTEMPTS {
            let Some(mut session) = self.peek(id)? else {
                return Ok(None);
            };
            let result = change(&mut session.data)?;
            match self.save_session(&mut session)? {
                Stored::Written => return Ok(Some((result, session))),
                Stored::Gone => return Ok(None),
                // Our first try, whose answer was lost, or another client's? Only the latter must be followed by ours.
                Stored::Same { repeated: true } => return Err(Error::save_outcome_unknown().into()),
                // Another client made the same change: two who add 1 to 1 must come to 3.
                Stored::Conflict | Stored::Same { repeated: false } => {
                    let pause = Duration::from_millis(1 << tries.min(16)).min(MAX_UPDATE_PAUSE);
                    thread::sleep(random_delay::up_to(pause));
                }
            }
        }
        // So many clients at once that luck has failed this one: now the others wait.
        let changed = self.lock(id, UPDATE_LOCK_TIMEOUT, |session: &mut Session<T>| {
            change(&mut session.data).map_err(Stopped::Change)
        });
        match changed {
            Ok(locked) => Ok(locked.map(|(session, result)| (result, session))),
            Err(Stopped::Change(error)) => Err(error),
            Err(Stopped::Store(error)) if error.is_locked() => {
                Err(Error::conflict(MAX_UPDATE_ATTEMPTS, error).into())
            }
            Err(Stopped::Store(error)) => Err(error.into()),
        }
    }

    /// Uses a session without loading it: its expiry slides as by [`load`](Store::load). Returns the expiry now in force, or
    /// `None` if there is no live session of that id.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn touch(&self, id: &SessionId) -> Result<Option<SystemTime>, Error> {
        let answer = self.run(Function::TouchSession, &[Parameter::Key(&id.key())])?;
        column(&one_row(answer)?, 0)
    }

    /// Ends a session, for good: nothing can bring it back, not even a save that is under way. Returns whether there was a
    /// live one.
    ///
    /// Whatever the answer, no live session of that id is left. Where the pool had to repeat the call after a connection broke,
    /// `false` may also mean that the first try ended it.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn end(&self, id: &SessionId) -> Result<bool, Error> {
        let answer = self.run(Function::EndSession, &[Parameter::Key(&id.key())])?;
        column(&one_row(answer)?, 0)
    }

    /// What is known of a session besides its data, and if it is not live, why: missing, expired or ended, for messages and
    /// metrics. It uses nothing: the expiry stays as it is.
    ///
    /// To be asked after a [`load`](Store::load) that found nothing, where it matters. **Not for the visitor**, to whom all of
    /// these must look the same.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use connect_pg::{Error, SessionId, Store};
    /// use connect_pg::{EndReason, SessionState};
    ///
    /// # fn metric(_: &str) {}
    /// # fn greet(store: &Store, id: &SessionId) -> Result<&'static str, Error> {
    /// if store.load::<String>(id)?.is_some() {
    ///     return Ok("Welcome back.");
    /// }
    /// match store.info(id)?.state() {
    ///     SessionState::Live | SessionState::Missing => metric("missing"),
    ///     SessionState::Expired => metric("expired"),
    ///     SessionState::Ended(EndReason::Evicted) => metric("evicted"),
    ///     SessionState::Ended(_) => metric("ended"),
    /// }
    /// Ok("Please log in.")
    /// # }
    /// ```
    pub fn info(&self, id: &SessionId) -> Result<SessionInfo, Error> {
        let answer = self.run(Function::SessionInfo, &[Parameter::Key(&id.key())])?;
        let row = one_row(answer)?;
        let state = match column(&row, 0)? {
            "live" => SessionState::Live,
            "expired" => SessionState::Expired,
            "ended" => SessionState::Ended(
                column::<Option<&str>>(&row, 1)?.map_or(EndReason::Other, EndReason::from_name),
            ),
            "missing" => SessionState::Missing,
            _ => return Err(Error::answer("session_info has another state")),
        };
        Ok(SessionInfo {
            state,
            handle: column(&row, 2)?,
            user_id: column(&row, 3)?,
            created_at: column(&row, 4)?,
            last_used_at: column(&row, 5)?,
            expires_at: column(&row, 6)?,
            absolute_expires_at: column(&row, 7)?,
            client_address: column(&row, 8)?,
            user_agent: column(&row, 9)?,
            label: column(&row, 10)?,
        })
    }

    /// Counts the live sessions. It looks at all of them: not for every request.
    ///
    /// # Errors
    ///
    /// The [errors of every call](Store#errors).
    pub fn count(&self) -> Result<u64, Error> {
        let answer = self.run(Function::CountSessions, &[])?;
        let count: i32 = column(&one_row(answer)?, 0)?;
        u64::try_from(count).map_err(|_| Error::answer("a negative count"))
    }

    fn save_session<T: Serialize>(&self, session: &mut Session<T>) -> Result<Stored, Error> {
        let text = json::encode(&session.data)?;
        let answer = self.with_text(&text, |text| {
            self.run(
                Function::SaveSession,
                &[
                    Parameter::Key(&session.key),
                    Parameter::Text(Some(text)),
                    Parameter::Version(session.version),
                ],
            )
        })?;
        let repeated = answer.repeated;
        let row = one_row(answer)?;
        let stored = match column(&row, 0)? {
            "saved" => Stored::Written,
            "same" => Stored::Same { repeated },
            // Did our first try, whose answer was lost, save before the other client did? Nobody can tell.
            "conflict" if repeated => return Err(Error::save_outcome_unknown()),
            "conflict" => return Ok(Stored::Conflict),
            "gone" => return Ok(Stored::Gone),
            _ => return Err(Error::answer("save_session has another outcome")),
        };
        if let Stored::Same { repeated: false } = stored {
            return Ok(stored);
        }
        let (version, expires_at) = (column(&row, 1)?, column(&row, 2)?);
        session.version = version;
        session.expires_at = expires_at;
        Ok(stored)
    }

    fn load_session<T: DeserializeOwned>(
        &self,
        id: &SessionId,
        slide: bool,
    ) -> Result<Option<Session<T>>, Error> {
        let key = id.key();
        self.load_row(&key, slide)?
            .map(|row| session_of_row(&row, id, key))
            .transpose()
    }

    fn load_row(&self, key: &SessionKey, slide: bool) -> Result<Option<Row>, Error> {
        let answer = self.run(
            Function::LoadSession,
            &[Parameter::Key(key), Parameter::Flag(slide)],
        )?;
        Ok(answer.rows.into_iter().next())
    }

    pub(crate) fn run(
        &self,
        function: Function,
        parameters: &[Parameter<'_>],
    ) -> Result<Answer, Error> {
        let call = self.call(function, parameters);
        lock_registry::refuse(&call)?;
        self.backend.run(&call)
    }

    fn call<'a>(&'a self, function: Function, parameters: &'a [Parameter<'a>]) -> Call<'a> {
        Call {
            function,
            schema: &self.schema,
            parameters,
        }
    }

    /// Sends JSON as it is, or in ASCII to a database that has shown that it needs that.
    ///
    /// No round trip is spent on asking for the encoding: SQLSTATE 22P05 tells, once.
    fn with_text(
        &self,
        text: &str,
        send: impl Fn(&str) -> Result<Answer, Error>,
    ) -> Result<Answer, Error> {
        let ascii = || json::to_ascii(text);
        let first = if self.ascii.load(Ordering::Relaxed) {
            Cow::Owned(ascii())
        } else {
            Cow::Borrowed(text)
        };
        match send(&first) {
            Err(error)
                if error.is_untranslatable() && B::USABLE_AFTER_ERROR && !first.is_ascii() =>
            {
                let answer = send(&ascii())?;
                self.ascii.store(true, Ordering::Relaxed);
                Ok(answer)
            }
            result => result,
        }
    }
}

impl<B> fmt::Debug for Store<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("schema", &self.schema.quoted())
            .finish_non_exhaustive()
    }
}

/// What `save_session` answered.
enum Stored {
    /// The data is stored, on top of the version that was loaded.
    Written,
    /// The data is what another version holds already, so nothing was written.
    Same {
        repeated: bool,
    },
    Conflict,
    Gone,
}

/// Who stopped an update under a lock.
enum Stopped<E> {
    Change(E),
    Store(Error),
}

impl<E> From<Error> for Stopped<E> {
    fn from(error: Error) -> Stopped<E> {
        Stopped::Store(error)
    }
}

/// The session that `load_session` or `lock_session` returned.
fn session_of_row<T: DeserializeOwned>(
    row: &Row,
    id: &SessionId,
    key: SessionKey,
) -> Result<Session<T>, Error> {
    Ok(Session {
        data: json::decode(column(row, 0)?)?,
        id: id.clone(),
        key,
        version: column(row, 1)?,
        expires_at: column(row, 2)?,
        user_id: column(row, 3)?,
        handle: None,
    })
}

pub(crate) fn one_row(answer: Answer) -> Result<Row, Error> {
    answer
        .rows
        .into_iter()
        .next()
        .ok_or_else(|| Error::answer("no row"))
}

pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, Error> {
    row.try_get(index).map_err(Error::column)
}

pub(crate) fn rows(row: &Row, index: usize) -> Result<u32, Error> {
    let count: i32 = column(row, index)?;
    u32::try_from(count).map_err(|_| Error::answer("a negative number of rows"))
}
