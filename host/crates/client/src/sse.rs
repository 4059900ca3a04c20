//! Server-sent events, read from pieces of a body.

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: Option<String>,
    pub kind: String,
    pub data: String,
}

/// Puts events together.
#[derive(Debug, Default)]
pub struct Events {
    /// What has come and is not read.
    bytes: Vec<u8>,
    /// Up to where no event ends.
    looked: usize,
}

/// An event is larger than is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl Events {
    pub fn add(&mut self, piece: &[u8], size_max: usize) -> Result<(), TooLarge> {
        if self.bytes.len() + piece.len() > size_max {
            return Err(TooLarge);
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// The next event that is there as a whole. Comments are passed over.
    pub fn next(&mut self) -> Option<Event> {
        loop {
            let rest = &self.bytes[self.looked..];
            let Some(end) = rest.windows(2).position(|two| two == b"\n\n") else {
                // The first half of the end may be there.
                self.looked = self.bytes.len().saturating_sub(1);
                return None;
            };
            let end = self.looked + end;
            let event = event(&String::from_utf8_lossy(&self.bytes[..end]));
            self.bytes.drain(..end + 2);
            self.looked = 0;
            if event.is_some() {
                return event;
            }
        }
    }
}

fn event(text: &str) -> Option<Event> {
    let (mut id, mut kind, mut data) = (None, String::new(), None::<String>);
    for line in text.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => id = Some(value.to_owned()),
            "event" => value.clone_into(&mut kind),
            "data" => match &mut data {
                None => data = Some(value.to_owned()),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
            },
            _ => {}
        }
    }
    data.map(|data| Event { id, kind, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = ": still here\n\nid: 3.a\nevent: news\ndata: {\"a\": \"b: c\"}\n\n\
                        : still here\n\nevent: end\ndata: {}\n\nid: 4\n";

    fn read(size: usize) -> Vec<(Option<String>, String, String)> {
        let mut events = Events::default();
        let mut found = Vec::new();
        for piece in TEXT.as_bytes().chunks(size) {
            events.add(piece, 1000).unwrap();
            while let Some(event) = events.next() {
                found.push((event.id, event.kind, event.data));
            }
        }
        found
    }

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let whole = read(TEXT.len());
        assert_eq!(
            whole,
            [
                (
                    Some("3.a".to_owned()),
                    "news".to_owned(),
                    "{\"a\": \"b: c\"}".to_owned()
                ),
                (None, "end".to_owned(), "{}".to_owned()),
            ]
        );
        for size in 1..TEXT.len() {
            assert_eq!(read(size), whole, "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_without_end_is_not_kept() {
        let mut events = Events::default();
        assert_eq!(events.add(b"data: 1", 10), Ok(()));
        assert_eq!(events.add(b"2345", 10), Err(TooLarge));
    }
}
