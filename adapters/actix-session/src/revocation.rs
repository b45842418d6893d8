//! A session whose key is renewed after "log out everywhere" must not go on.
//!
//! actix-session renews by a `delete` and a `save`, and names no session to the latter. It calls both one after the other, without a
//! pause. So what `delete` found is kept for the thread until the next task runs there.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use tokio::task;

thread_local! {
    static REVOKED: RefCell<Weak<Revoked>> = const { RefCell::new(Weak::new()) };
}

struct Revoked {
    task: Option<task::Id>,
    user: String,
}

/// Notes that the session that is deleted now was ended before, for its user.
pub(crate) fn note(user: &str) {
    let revoked = Arc::new(Revoked {
        task: task::try_id(),
        user: user.to_owned(),
    });
    REVOKED.replace(Arc::downgrade(&revoked));
    // It runs after this one has paused. A logout pauses before its task handles another request.
    task::spawn(async move { drop(revoked) });
}

/// Returns true if this task has just deleted a session that had been ended for this user.
pub(crate) fn was_noted(user: &str) -> bool {
    let revoked = REVOKED.take().upgrade();
    revoked.is_some_and(|revoked| revoked.task == task::try_id() && revoked.user == user)
}
