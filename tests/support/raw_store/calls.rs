//! The functions of the store, one method each.

use postgres::{Error, GenericClient};

use super::{Micros, grouping, key_of};

/// What `load_session` returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    pub data: String,
    pub version: i64,
    pub expires_at: Micros,
}

/// What `save_session` returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SaveOutcome {
    Saved { version: i64, expires_at: Micros },
    Same { version: i64 },
    Conflict { version: i64 },
    Gone,
}

impl SaveOutcome {
    pub fn is_saved(&self) -> bool {
        matches!(self, Self::Saved { .. })
    }
}

/// What `prune_sessions` returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PruneOutcome {
    Busy,
    Pruned { deleted: i32, rescheduled: i32 },
}

/// The calls of both interfaces. All name a session by its id.
pub trait Calls {
    /// Returns true if the session was created.
    fn create(&mut self, id: &str, data: &str) -> Result<bool, Error>;
    fn load(&mut self, id: &str) -> Result<Option<Loaded>, Error>;
    /// Loads without a slide.
    fn peek(&mut self, id: &str) -> Result<Option<Loaded>, Error>;
    fn save(&mut self, id: &str, data: &str, version: Option<i64>) -> Result<SaveOutcome, Error>;
    fn touch(&mut self, id: &str) -> Result<Option<Micros>, Error>;
    fn end(&mut self, id: &str) -> Result<bool, Error>;
    fn prune(&mut self, max_rows: i32) -> Result<PruneOutcome, Error>;
    fn set(&mut self, id: &str, data: &str) -> Result<(), Error>;
    /// Sets the data with an expiry so many seconds from now.
    fn set_for(&mut self, id: &str, data: &str, seconds: i32) -> Result<(), Error>;
    fn get(&mut self, id: &str) -> Result<Option<String>, Error>;
    fn destroy(&mut self, id: &str) -> Result<(), Error>;
    fn count(&mut self) -> Result<i32, Error>;
    fn clear(&mut self) -> Result<(), Error>;
}

impl<C: GenericClient> Calls for C {
    fn create(&mut self, id: &str, data: &str) -> Result<bool, Error> {
        let row = self.query_one(
            "select outcome from web.create_session($1, $2)",
            &[&key_of(id), &data],
        )?;
        match row.get(0) {
            "created" => Ok(true),
            "exists" => Ok(false),
            outcome => panic!("create_session: {outcome}"),
        }
    }

    fn load(&mut self, id: &str) -> Result<Option<Loaded>, Error> {
        load(self, id, true)
    }

    fn peek(&mut self, id: &str) -> Result<Option<Loaded>, Error> {
        load(self, id, false)
    }

    fn save(&mut self, id: &str, data: &str, version: Option<i64>) -> Result<SaveOutcome, Error> {
        if let Some(saved) = grouping::save_in_group(self, &key_of(id), data, version)? {
            return Ok(SaveOutcome::Saved {
                version: saved.get("version"),
                expires_at: saved.get("expires_at"),
            });
        }
        let row = self.query_one(
            "select outcome, version, expires_at from web.save_session($1, $2, $3)",
            &[&key_of(id), &data, &version],
        )?;
        Ok(match row.get(0) {
            "saved" => SaveOutcome::Saved {
                version: row.get(1),
                expires_at: row.get(2),
            },
            "same" => SaveOutcome::Same {
                version: row.get(1),
            },
            "conflict" => SaveOutcome::Conflict {
                version: row.get(1),
            },
            "gone" => SaveOutcome::Gone,
            outcome => panic!("save_session: {outcome}"),
        })
    }

    fn touch(&mut self, id: &str) -> Result<Option<Micros>, Error> {
        let row = self.query_one("select web.touch_session($1)", &[&key_of(id)])?;
        Ok(row.get(0))
    }

    fn end(&mut self, id: &str) -> Result<bool, Error> {
        let row = self.query_one("select web.end_session($1)", &[&key_of(id)])?;
        Ok(row.get(0))
    }

    fn prune(&mut self, max_rows: i32) -> Result<PruneOutcome, Error> {
        let row = self.query_one(
            "select outcome, deleted, rescheduled from web.prune_sessions($1)",
            &[&max_rows],
        )?;
        Ok(match row.get(0) {
            "pruned" => PruneOutcome::Pruned {
                deleted: row.get(1),
                rescheduled: row.get(2),
            },
            "busy" => PruneOutcome::Busy,
            outcome => panic!("prune_sessions: {outcome}"),
        })
    }

    fn set(&mut self, id: &str, data: &str) -> Result<(), Error> {
        self.query_one("select web.set_session_data($1, $2, null)", &[&id, &data])
            .map(drop)
    }

    fn set_for(&mut self, id: &str, data: &str, seconds: i32) -> Result<(), Error> {
        self.query_one(
            "select web.set_session_data($1, $2, statement_timestamp() + make_interval(secs => $3::integer))",
            &[&id, &data, &seconds],
        )
        .map(drop)
    }

    fn get(&mut self, id: &str) -> Result<Option<String>, Error> {
        let row = self.query_opt("select web.get_session_data($1)", &[&id])?;
        Ok(row.map(|row| row.get(0)))
    }

    fn destroy(&mut self, id: &str) -> Result<(), Error> {
        self.query_one("select web.destroy_session($1)", &[&id])
            .map(drop)
    }

    fn count(&mut self) -> Result<i32, Error> {
        Ok(self.query_one("select web.count_sessions()", &[])?.get(0))
    }

    fn clear(&mut self) -> Result<(), Error> {
        self.query_one("select web.clear_sessions()", &[]).map(drop)
    }
}

fn load(client: &mut impl GenericClient, id: &str, slide: bool) -> Result<Option<Loaded>, Error> {
    let key = key_of(id);
    let row = match grouping::load_in_group(client, &key, slide)? {
        None => client.query_opt(
            "select data, version, expires_at from web.load_session($1, $2)",
            &[&key, &slide],
        )?,
        row => row,
    };
    Ok(row.map(|row| Loaded {
        data: row.get("data"),
        version: row.get("version"),
        expires_at: row.get("expires_at"),
    }))
}
