//! All that is reported by the crate `tracing` at every level, on the test's thread or in the process.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

/// The values of a span's or an event's fields, as text.
pub type Fields = BTreeMap<&'static str, String>;

/// What was captured. Clones share it.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    /// A span's id is its position, from 1.
    spans: Vec<Span>,
    events: Vec<Span>,
}

#[derive(Clone, Debug)]
pub struct Span {
    pub name: String,
    pub target: String,
    pub level: String,
    pub thread: String,
    pub fields: Fields,
    pub is_closed: bool,
}

impl Span {
    fn new(metadata: &Metadata<'_>, record: impl FnOnce(&mut Visitor<'_>)) -> Span {
        let mut fields = Fields::new();
        record(&mut Visitor(&mut fields));
        Span {
            name: metadata.name().to_owned(),
            target: metadata.target().to_owned(),
            level: metadata.level().to_string(),
            thread: thread::current().name().unwrap_or_default().to_owned(),
            fields,
            is_closed: false,
        }
    }

    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// Returns function, outcome, attempts and size of the group.
    pub fn call(&self) -> (&str, &str, &str, &str) {
        (
            self.field("function"),
            self.field("outcome"),
            self.field("attempts"),
            self.field("group_size"),
        )
    }
}

impl Captured {
    /// Captures what this thread reports, until the guard is dropped.
    pub fn on_this_thread() -> (Captured, DefaultGuard) {
        let captured = Captured::default();
        let guard = tracing::subscriber::set_default(captured.clone());
        (captured, guard)
    }

    /// Returns the spans of calls that have closed, by their beginning.
    pub fn calls(&self) -> Vec<Span> {
        let seen = self.seen();
        let calls = seen.spans.iter().filter(|span| span.target == "connect_pg");
        for call in calls.clone() {
            assert_eq!(
                (call.name.as_str(), call.level.as_str()),
                ("call", "DEBUG"),
                "{call:?}"
            );
        }
        calls.filter(|span| span.is_closed).cloned().collect()
    }

    /// Returns the calls that have closed, and removes them.
    pub fn take_calls(&self) -> Vec<Span> {
        let calls = self.calls();
        // The positions stay.
        for span in &mut self.seen().spans {
            span.target.clear();
        }
        calls
    }

    pub fn events(&self) -> Vec<Span> {
        self.seen().events.clone()
    }

    /// Returns all that was captured, as text.
    pub fn text(&self) -> String {
        let seen = self.seen();
        let mut text = String::new();
        for span in seen.spans.iter().chain(&seen.events) {
            writeln!(text, "{span:?}").unwrap();
        }
        text
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap()
    }
}

struct Visitor<'a>(&'a mut Fields);

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Captured {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut seen = self.seen();
        let new = Span::new(span.metadata(), |visitor| span.record(visitor));
        seen.spans.push(new);
        Id::from_u64(seen.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut seen = self.seen();
        let span = &mut seen.spans[position(span)];
        assert!(!span.is_closed, "{span:?}");
        values.record(&mut Visitor(&mut span.fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let new = Span::new(event.metadata(), |visitor| event.record(visitor));
        self.seen().events.push(new);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    // The library keeps one handle of each span.
    fn try_close(&self, span: Id) -> bool {
        self.seen().spans[position(&span)].is_closed = true;
        true
    }
}

fn position(id: &Id) -> usize {
    usize::try_from(id.into_u64()).unwrap() - 1
}
