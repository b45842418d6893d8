/// The outcome of a change to a live session: of [`update`](crate::Store::update), [`try_update`](crate::Store::try_update) or
/// [`with_locked`](crate::Store::with_locked).
///
/// Neither is an error, so a transaction of the application's goes on in both cases.
///
/// # Examples
///
/// ```no_run
/// use connect_pg::{Error, SessionId, Store, UpdateOutcome};
///
/// fn views(store: &Store, id: &SessionId) -> Result<u64, Error> {
///     match store.update(id, |views: &mut u64| *views += 1)? {
///         UpdateOutcome::Updated(session) => Ok(session.data),
///         UpdateOutcome::Gone => Ok(0),
///     }
/// }
/// # let _ = views;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "nothing was changed if the session is gone"]
pub enum UpdateOutcome<V> {
    /// The change is saved.
    Updated(V),
    /// There is no live session: it was ended, it has expired, or it never existed. Nothing was changed.
    Gone,
}

impl<V> UpdateOutcome<V> {
    /// Returns what was updated, or `None` if the session is gone.
    #[must_use]
    pub fn updated(self) -> Option<V> {
        match self {
            UpdateOutcome::Updated(value) => Some(value),
            UpdateOutcome::Gone => None,
        }
    }

    /// Returns true if there is no live session.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, UpdateOutcome::Gone)
    }

    pub(crate) fn map<W>(self, change: impl FnOnce(V) -> W) -> UpdateOutcome<W> {
        match self {
            UpdateOutcome::Updated(value) => UpdateOutcome::Updated(change(value)),
            UpdateOutcome::Gone => UpdateOutcome::Gone,
        }
    }
}
