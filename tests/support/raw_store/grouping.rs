//! Loads and saves by the grouped functions, as the clients make them: what those leave, the single function is called for.

use std::cell::Cell;
use std::env;

use postgres::{Error, GenericClient, Row};

use super::key_of;

/// How this thread makes its loads and saves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grouping {
    /// By `load_session` and `save_session`.
    Single,
    /// First by `load_sessions` or `save_sessions`, as the only call of the group.
    GroupOfOne,
    /// First in a group with an unknown key before it, and the same key behind it.
    GroupOfThree,
}

impl Grouping {
    pub const ALL: [Grouping; 3] = [
        Grouping::Single,
        Grouping::GroupOfOne,
        Grouping::GroupOfThree,
    ];

    /// Returns the grouping of one of many clients: all kinds among them, unless `CONNECT_PG_TEST_GROUPS` is `all` or `none`.
    pub fn of_client(number: usize) -> Grouping {
        match env::var("CONNECT_PG_TEST_GROUPS").as_deref() {
            Ok("all") => Grouping::ALL[1 + number % 2],
            Ok("none") => Grouping::Single,
            Ok(other) => panic!("CONNECT_PG_TEST_GROUPS={other}"),
            Err(_) => Grouping::ALL[number % 3],
        }
    }

    /// Makes the loads and saves of `work` on this thread so.
    pub fn scope<T>(self, work: impl FnOnce() -> T) -> T {
        let _outer = Restored(CURRENT.replace(self));
        work()
    }

    /// Returns how this thread makes its loads and saves.
    pub fn current() -> Grouping {
        CURRENT.get()
    }

    /// Returns the keys of a group, and the position of the call among them.
    fn keys(self, key: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
        match self {
            Grouping::Single => None,
            Grouping::GroupOfOne => Some((vec![key.to_owned()], 0)),
            Grouping::GroupOfThree => {
                let unknown = key_of("an id that no test uses");
                Some((vec![unknown, key.to_owned(), key.to_owned()], 1))
            }
        }
    }
}

thread_local! {
    static CURRENT: Cell<Grouping> = const { Cell::new(Grouping::Single) };
}

struct Restored(Grouping);

impl Drop for Restored {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Returns the row of `load_sessions`, if this thread calls that and it returns one.
pub fn load_in_group(
    client: &mut impl GenericClient,
    key: &[u8],
    slide: bool,
) -> Result<Option<Row>, Error> {
    let Some((keys, _)) = Grouping::current().keys(key) else {
        return Ok(None);
    };
    let mut rows = client.query("select * from web.load_sessions($1, $2)", &[&keys, &slide])?;
    assert!(rows.len() <= 1, "{} rows for one session", rows.len());
    let row = rows.pop();
    assert!(
        row.as_ref()
            .is_none_or(|row| row.get::<_, &[u8]>("key") == key)
    );
    Ok(row)
}

/// Returns the row of `save_sessions`, if this thread calls that and it saves the session.
pub fn save_in_group(
    client: &mut impl GenericClient,
    key: &[u8],
    data: &str,
    version: Option<i64>,
) -> Result<Option<Row>, Error> {
    let Some((keys, position)) = Grouping::current().keys(key) else {
        return Ok(None);
    };
    let mut all_data = vec!["data of another call"; keys.len()];
    all_data[position] = data;
    let versions = vec![version; keys.len()];
    let mut rows = client.query(
        "select * from web.save_sessions($1, $2, $3)",
        &[&keys, &all_data, &versions],
    )?;
    assert!(rows.len() <= 1, "{} rows for one session", rows.len());
    let row = rows.pop();
    // Of two saves of one session the first is made, or none.
    let is_it =
        |row: &Row| usize::try_from(row.get::<_, i64>("ordinality")).unwrap() == position + 1;
    assert!(row.as_ref().is_none_or(is_it), "another call was saved");
    Ok(row)
}
