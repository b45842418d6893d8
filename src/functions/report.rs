//! What the span of a call says of its reply.

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::error::Error;
use crate::functions::call::Call;
use crate::functions::composite_value;
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
pub(crate) fn report(call: &Call<'_>, span: &CallSpan, result: &Result<Reply, Error>) {
    match result {
        Ok(reply) => report_reply(call, span, reply),
        Err(error) => span.failed(1, error),
    }
}

/// Ends the span of a call that the server has replied to.
pub(crate) fn report_reply(call: &Call<'_>, span: &CallSpan, reply: &Reply) {
    span.replied(reply.group_size(), || outcome(call, reply.rows()));
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
        // Each row is the reply of one of its calls, which report it.
        Ok(reply) => span.replied(size, || found(reply.rows())),
        Err(error) => span.failed(size, error),
    }
}

fn found(rows: &[Row]) -> &'static str {
    if rows.is_empty() { "none" } else { "done" }
}

/// Returns the outcome that the function returned, `none` if it found nothing, and `done` otherwise.
fn outcome(call: &Call<'_>, rows: &[Row]) -> &'static str {
    let [row] = rows else {
        return found(rows);
    };
    let column = row.columns().first();
    let name = match column.map(|column| (column.name(), column.type_())) {
        Some((_, &Type::BYTEA)) => match row.try_get::<_, Option<&[u8]>>(0) {
            Ok(None) => return "none",
            // The first text of a load is data.
            Ok(Some(value)) if call.changes() => composite_value::first_text(value),
            _ => None,
        },
        Some(("outcome", &Type::TEXT)) => row.try_get(0).ok(),
        Some((_, &Type::BOOL)) if matches!(row.try_get(0), Ok(Some(false))) => return "none",
        Some((_, &Type::TIMESTAMPTZ)) if row.columns().len() == 1 => {
            if let Ok(None) = row.try_get::<_, Option<SystemTime>>(0) {
                return "none";
            }
            None
        }
        _ => None,
    };
    let named = NAMED.iter().find(|named| Some(**named) == name);
    named.copied().unwrap_or("done")
}
