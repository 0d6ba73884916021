use std::time::Duration;

use super::Event;

/// How long a server may have its clients wait before they come back: an hour.
const MOST_RETRY: Duration = Duration::from_secs(3600);

/// Makes events of lines ([WHATWG, "Interpreting an event
/// stream"](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation)).
#[derive(Debug, Default)]
pub(super) struct Parser {
    data: String,
    name: String,
    /// The last `id`, of an event that may not have ended.
    id: String,
    /// That of the last event that ended, with or without data. It outlasts the connection.
    last_event_id: String,
    retry: Option<Duration>,
}

impl Parser {
    /// For what comes after the event of this id.
    pub(super) fn after(id: String) -> Self {
        Self { id: id.clone(), last_event_id: id, ..Self::default() }
    }

    /// Reads a line without its end; the event, if it ends one.
    pub(super) fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "event" => value.clone_into(&mut self.name),
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|digit| digit.is_ascii_digit()) => {
                // A number too large to hold is a long time.
                let retry = Duration::from_millis(value.parse().unwrap_or(u64::MAX));
                self.retry = Some(retry.min(MOST_RETRY));
            }
            // A comment, or a field that nobody knows.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        self.id.clone_into(&mut self.last_event_id);
        let (name, mut data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        // Every line of data left its LF; without any there is no event.
        data.pop()?;
        let name = if name.is_empty() { "message".to_owned() } else { name };
        Some(Event { name, data, id: self.last_event_id.clone() })
    }

    /// Forgets an event of which the end did not come.
    pub(super) fn disconnect(&mut self) {
        self.data.clear();
        self.name.clear();
        self.last_event_id.clone_into(&mut self.id);
    }

    /// How much of an event has been kept, in octets.
    pub(super) fn kept(&self) -> usize {
        self.data.len() + self.name.len() + self.id.len()
    }

    pub(super) fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }
}
