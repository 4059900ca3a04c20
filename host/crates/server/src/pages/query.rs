//! The query of a page: everything that it shows is in its address.

use std::fmt;

/// Names and values, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(pub Vec<(String, String)>);

impl Query {
    pub fn parse(text: &str) -> Self {
        Self(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first value of this name, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The same with one value of this name.
    #[must_use]
    pub fn with(&self, name: &str, value: impl ToString) -> Self {
        let mut changed = self.without(name);
        changed.0.push((name.to_owned(), value.to_string()));
        changed
    }

    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let kept = self.0.iter().filter(|(key, _)| key != name);
        Self(kept.cloned().collect())
    }

    /// Those that say something, under these names.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        let kept = self.0.iter();
        let kept = kept.filter(|(key, value)| names.contains(&key.as_str()) && !value.is_empty());
        Self(kept.cloned().collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An address with this query.
    pub fn at(&self, path: &str) -> String {
        if self.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{self}")
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = form_urlencoded::Serializer::new(String::new());
        f.write_str(&text.extend_pairs(&self.0).finish())
    }
}

/// A part of a path, so that it stays one.
pub fn segment(text: &str) -> String {
    const UNSAFE: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(text, UNSAFE).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_changed_without_touching_the_rest() {
        let query = Query::parse("state=FAILED&state=CRASHED&text=a+b%26&cursor=x");
        assert_eq!(query.get("text"), Some("a b&"));
        assert_eq!(
            query.all("state").collect::<Vec<_>>(),
            ["FAILED", "CRASHED"]
        );
        assert_eq!(
            query.without("cursor").with("text", "ü").at("/flow-runs"),
            "/flow-runs?state=FAILED&state=CRASHED&text=%C3%BC"
        );
        assert_eq!(Query::default().at("/"), "/");
    }

    #[test]
    fn a_segment_stays_one() {
        assert_eq!(segment("a/b?c d"), "a%2Fb%3Fc%20d");
    }
}
