//! What the span of a call says of its reply.

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::error::Error;
use crate::functions::reply::Reply;
use crate::trace::CallSpan;

/// The outcomes that functions return by name. Another text of the server is not passed on.
const NAMED: [&str; 12] = [
    "created",
    "saved",
    "same",
    "conflict",
    "gone",
    "exists",
    "limit_reached",
    "rotated",
    "imported",
    "expired",
    "pruned",
    "busy",
];

/// Ends the span of a call.
pub(crate) fn report(span: &CallSpan, result: &Result<Reply, Error>) {
    match result {
        Ok(reply) => report_reply(span, reply),
        Err(error) => span.failed(1, error),
    }
}

/// Ends the span of a call that the server has replied to.
pub(crate) fn report_reply(span: &CallSpan, reply: &Reply) {
    span.replied(reply.group_size(), || outcome(reply.rows()));
}

/// Ends the span of a commit.
pub(crate) fn report_commit(span: &CallSpan, committed: Result<(), &Error>) {
    match committed {
        Ok(()) => span.replied(1, || "done"),
        Err(error) => span.failed(1, error),
    }
}

/// Ends the span of a call that was made for several.
pub(crate) fn report_group(span: &CallSpan, result: &Result<Reply, Error>, size: usize) {
    match result {
        Ok(reply) => span.replied(size, || outcome(reply.rows())),
        Err(error) => span.failed(size, error),
    }
}

/// Returns the outcome that the function returned, `none` if it found nothing, and `done` otherwise.
fn outcome(rows: &[Row]) -> &'static str {
    let [row] = rows else {
        return if rows.is_empty() { "none" } else { "done" };
    };
    let column = row.columns().first();
    match column.map(|column| (column.name(), column.type_())) {
        Some(("outcome", &Type::TEXT)) => {
            let text = row.try_get::<_, Option<&str>>(0).ok().flatten();
            let named = NAMED.iter().find(|name| Some(**name) == text);
            named.unwrap_or(&"done")
        }
        Some((_, &Type::BOOL)) if matches!(row.try_get(0), Ok(Some(false))) => "none",
        Some((_, &Type::TIMESTAMPTZ)) if row.columns().len() == 1 => {
            match row.try_get::<_, Option<SystemTime>>(0) {
                Ok(None) => "none",
                _ => "done",
            }
        }
        _ => "done",
    }
}
