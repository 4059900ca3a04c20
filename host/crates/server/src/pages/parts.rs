//! Small things that many pages are made of.

use askama::Template;

use super::show::{Shown, Took, When};

#[derive(Clone, Debug)]
pub struct Link {
    pub text: String,
    pub href: String,
}

impl Link {
    pub fn new(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            href: href.into(),
        }
    }
}

/// A link to something that can be done. `asks`: its page is a confirmation, which the script
/// shows as a dialog.
#[derive(Clone, Debug)]
pub struct Action {
    pub text: String,
    pub href: String,
    pub asks: bool,
    pub is_dangerous: bool,
}

impl Action {
    pub fn new(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            href: href.into(),
            asks: false,
            is_dangerous: false,
        }
    }

    pub fn asking(self) -> Self {
        Self { asks: true, ..self }
    }

    pub fn dangerous(self) -> Self {
        Self {
            is_dangerous: true,
            ..self
        }
    }
}

/// A name and what it is.
#[derive(Clone, Debug)]
pub struct Pair {
    pub name: &'static str,
    pub text: String,
    pub href: Option<String>,
}

impl Pair {
    pub fn new(name: &'static str, text: impl Into<String>) -> Self {
        Self {
            name,
            text: text.into(),
            href: None,
        }
    }

    pub fn to(self, href: impl Into<String>) -> Self {
        Self {
            href: Some(href.into()),
            ..self
        }
    }
}

/// What stands where there is nothing: why, and what to do.
#[derive(Clone, Debug, Default)]
pub struct Empty {
    pub text: String,
    pub command: Option<String>,
    pub link: Option<Link>,
}

impl Empty {
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub fn command(self, command: impl Into<String>) -> Self {
        Self {
            command: Some(command.into()),
            ..self
        }
    }

    pub fn link(self, text: &str, href: impl Into<String>) -> Self {
        Self {
            link: Some(Link::new(text, href)),
            ..self
        }
    }
}

/// One of several values of a field.
#[derive(Clone, Debug)]
pub struct Choice {
    pub value: String,
    pub text: String,
    pub is_chosen: bool,
}

/// A field of a form that is not seen.
#[derive(Clone, Debug)]
pub struct Hidden {
    pub name: &'static str,
    pub value: String,
}

/// A box to tick in a confirmation.
#[derive(Clone, Debug)]
pub struct Switch {
    pub name: &'static str,
    pub text: &'static str,
}

/// The choices of a field, of which the one with this value is chosen.
pub fn choices<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>, chosen: &str) -> Vec<Choice> {
    let choice = |(value, text): (&str, &str)| Choice {
        value: value.to_owned(),
        text: text.to_owned(),
        is_chosen: value == chosen,
    };
    all.into_iter().map(choice).collect()
}

/// A table of a page that lists things of one kind.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The id of its body. Its rows are matched by theirs when the page is updated.
    pub id: &'static str,
    /// For those who do not see the heading.
    pub label: &'static str,
    pub heading: String,
    pub link: Option<Link>,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    pub empty: Empty,
    /// How far was looked for what is rare, if it goes on there.
    pub searched: Option<String>,
    pub next: Option<String>,
    /// The address of the first part, if rows that come later wait until they are asked for.
    pub newest: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub text: &'static str,
    pub is_number: bool,
}

/// Columns by their texts; `#` in front is for numbers.
pub fn columns<const N: usize>(texts: [&'static str; N]) -> Vec<Column> {
    let column = |text: &'static str| match text.strip_prefix('#') {
        Some(text) => Column {
            text,
            is_number: true,
        },
        None => Column {
            text,
            is_number: false,
        },
    };
    texts.into_iter().map(column).collect()
}

#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    pub cells: Vec<Placed>,
}

/// A cell and how it is placed where the screen is narrow.
#[derive(Clone, Debug)]
pub struct Placed {
    pub class: &'static str,
    /// What the narrow form says in front of it.
    pub label: &'static str,
    pub html: String,
}

/// What is in a cell.
#[derive(Clone, Debug, Template)]
#[template(path = "cell.html")]
pub enum Cell {
    Text(String),
    Muted(String),
    Code(String),
    Link(Link),
    Links(Vec<Link>),
    State(Shown),
    When(Option<When>),
    Took(Took),
    Cause(String),
    Button(Action),
    Outcomes(Outcomes),
}

/// How the latest runs of something went, and where they are.
#[derive(Clone, Debug)]
pub struct Outcomes {
    pub href: String,
    pub text: String,
    pub runs: Vec<Outcome>,
}

/// How a run ended, as a small bar.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub slug: String,
    pub text: String,
}

impl Cell {
    pub fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    pub fn link(text: impl ToString, href: impl Into<String>) -> Self {
        Self::Link(Link::new(text.to_string(), href))
    }

    /// What takes the room that is left.
    pub fn grow(&self) -> Placed {
        self.placed("grow", "")
    }

    /// What has a line of its own.
    pub fn own_line(&self) -> Placed {
        self.placed("break", "")
    }

    pub fn number(&self, label: &'static str) -> Placed {
        self.placed("num nowrap", label)
    }

    pub fn short(&self, label: &'static str) -> Placed {
        self.placed("nowrap", label)
    }

    pub fn plain(&self) -> Placed {
        self.placed("", "")
    }

    fn placed(&self, class: &'static str, label: &'static str) -> Placed {
        Placed {
            class,
            label,
            html: super::html(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_never_markup() {
        let cell = Cell::text("<script>alert(1)</script>").plain();
        assert_eq!(cell.html, "&#60;script&#62;alert(1)&#60;/script&#62;");
        let link = Cell::link("\"><img src=x>", "/flow-runs/1").plain();
        assert!(!link.html.contains("<img"), "{}", link.html);
    }
}
