//! The headers of a request or an answer.

/// Headers in their order. Names are in small letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// The first value of a header, if it has one that is text.
    ///
    /// ```
    /// # use guest_sdk::http::Headers;
    /// let headers: Headers = [("Content-Type", "text/html")].into_iter().collect();
    /// assert_eq!(headers.get("content-type"), Some("text/html"));
    /// assert_eq!(headers.get("etag"), None);
    /// ```
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// All values of a header that are text.
    pub fn get_all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        let name = name.to_ascii_lowercase();
        let values = self.iter().filter(move |(other, _)| *other == name);
        values.filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// Every name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    pub(super) fn add(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.remove(&[name]);
        self.add(name, value);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    /// Names in small letters.
    pub(super) fn remove(&mut self, names: &[&str]) {
        self.0.retain(|(other, _)| !names.contains(&&**other));
    }
}

impl<N: AsRef<str>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut all = Self::default();
        for (name, value) in headers {
            all.add(name.as_ref(), value);
        }
        all
    }
}
