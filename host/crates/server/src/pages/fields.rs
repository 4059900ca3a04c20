//! A form of a few fields, which makes or changes one thing.
//!
//! ```text
//! Fields (labels, names, values as they are) --> HTML
//!    ^                                            |
//!    +-- refused: what was typed, and why  <-- posted Query -- read::<T>() --> request --> Client
//! ```
//!
//! A field is named after its place in the request, so that a problem finds it: `per_ms` is
//! `/per_ms`, `concurrency/slots` is `/concurrency/slots`.

use std::fmt::Display;
use std::str::FromStr;

use askama::Template;
use axum::response::Response;
use model::{Json, Timestamp};
use operations::client::Answered;
use operations::problem::{Problem, ProblemKind};
use operations::text::{point, span};

use super::cx::{rendered, unprocessable};
use super::parts::{Action, Choice, Link, choices};
use super::query::Query;
use super::shell::Shell;
use super::show::Zone;

/// The fields, and where they are sent.
#[derive(Template)]
#[template(path = "fields.html")]
pub struct Fields {
    action: String,
    verb: &'static str,
    /// Where one goes who wants to change nothing.
    back: Option<String>,
    inputs: Vec<Input>,
    problem: Option<Problem>,
}

/// A field, or a heading over some of them.
pub struct Input {
    label: &'static str,
    name: &'static str,
    value: String,
    placeholder: &'static str,
    hint: Vec<Piece>,
    is_required: bool,
    error: Option<String>,
    kind: Kind,
}

/// How a field is filled in.
enum Kind {
    Heading,
    Line,
    /// It never comes back.
    Secret,
    Lines {
        rows: u8,
    },
    One(Vec<Choice>),
    Tick {
        is_ticked: bool,
    },
    Several(Vec<Choice>),
}

/// A part of a sentence.
struct Piece {
    text: String,
    is_code: bool,
}

/// A sentence in which code stands between backticks.
fn pieces(text: &str) -> Vec<Piece> {
    let parts = text.split('`').enumerate();
    let piece = |(at, text): (usize, &str)| Piece {
        text: text.to_owned(),
        is_code: at % 2 == 1,
    };
    parts.map(piece).filter(|it| !it.text.is_empty()).collect()
}

impl Input {
    fn new(label: &'static str, name: &'static str, kind: Kind) -> Self {
        Self {
            label,
            name,
            value: String::new(),
            placeholder: "",
            hint: Vec::new(),
            is_required: false,
            error: None,
            kind,
        }
    }

    pub fn heading(text: &'static str) -> Self {
        Self::new(text, "", Kind::Heading)
    }

    pub fn line(label: &'static str, name: &'static str) -> Self {
        Self::new(label, name, Kind::Line)
    }

    pub fn secret(label: &'static str, name: &'static str) -> Self {
        Self::new(label, name, Kind::Secret)
    }

    pub fn lines(label: &'static str, name: &'static str, rows: u8) -> Self {
        Self::new(label, name, Kind::Lines { rows })
    }

    pub fn tick(label: &'static str, name: &'static str, is_ticked: bool) -> Self {
        Self::new(label, name, Kind::Tick { is_ticked })
    }

    /// One of these values, each with its text.
    pub fn one<'a>(
        label: &'static str,
        name: &'static str,
        all: impl IntoIterator<Item = (&'a str, &'a str)>,
        chosen: &str,
    ) -> Self {
        Self::new(label, name, Kind::One(choices(all, chosen)))
    }

    /// Any of these.
    pub fn several(label: &'static str, name: &'static str, all: Vec<Choice>) -> Self {
        Self::new(label, name, Kind::Several(all))
    }

    /// What it is now.
    #[must_use]
    pub fn now(mut self, value: impl ToString) -> Self {
        self.value = value.to_string();
        self
    }

    #[must_use]
    pub fn hint(mut self, text: &str) -> Self {
        self.hint = pieces(text);
        self
    }

    #[must_use]
    pub fn placeholder(mut self, text: &'static str) -> Self {
        self.placeholder = text;
        self
    }

    #[must_use]
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// As it was typed.
    fn fill(&mut self, posted: &Query) {
        let all = |value: &str| posted.all(self.name).any(|it| it == value);
        match &mut self.kind {
            Kind::Heading | Kind::Secret => {}
            Kind::Line | Kind::Lines { .. } => {
                self.value = posted.get(self.name).unwrap_or_default().to_owned();
            }
            Kind::Tick { is_ticked } => *is_ticked = posted.get(self.name).is_some(),
            Kind::One(choices) | Kind::Several(choices) => {
                for choice in choices {
                    choice.is_chosen = all(&choice.value);
                }
            }
        }
    }
}

impl Fields {
    pub fn new(action: impl Into<String>, verb: &'static str, inputs: Vec<Input>) -> Self {
        Self {
            action: action.into(),
            verb,
            back: None,
            inputs,
            problem: None,
        }
    }

    #[must_use]
    pub fn back(mut self, href: impl Into<String>) -> Self {
        self.back = Some(href.into());
        self
    }

    /// The same with what was posted, and why that is refused.
    ///
    /// # Errors
    ///
    /// The problem, if nobody can mend it there.
    pub fn refused(mut self, posted: &Query, problem: Problem) -> Answered<Self> {
        if !problem.kind.is_mistake_of_user() {
            return Err(problem);
        }
        for input in &mut self.inputs {
            input.fill(posted);
            let place = format!("/{}", input.name);
            let is_here = |pointer: &str| {
                let rest = pointer.strip_prefix(&place);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let error = problem.errors.iter().find(|it| is_here(&it.pointer));
            input.error = error.map(|it| it.detail.clone());
        }
        self.problem = Some(problem);
        Ok(self)
    }
}

/// A page that is a form.
#[derive(Template)]
#[template(path = "sheet.html")]
pub struct Sheet {
    shell: Shell,
    crumbs: Vec<Link>,
    actions: Vec<Action>,
    fields: Fields,
}

impl Sheet {
    /// Its heading is the title of the page.
    pub fn new(shell: Shell, crumbs: Vec<Link>, fields: Fields) -> Self {
        Self {
            shell,
            crumbs,
            actions: Vec::new(),
            fields,
        }
    }

    /// What else can be done to the thing.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// The page as it is asked for.
    pub fn asked(&self) -> Response {
        rendered(self)
    }

    /// The page of somebody whose form was refused. Errs as [`Fields::refused`].
    pub fn refused(self, posted: &Query, problem: Problem) -> Answered<Response> {
        Ok(unprocessable(&Self {
            fields: self.fields.refused(posted, problem)?,
            ..self
        }))
    }
}

/// What is wrong about a field.
pub fn refusal(name: &str, detail: &str) -> Problem {
    Problem::new(ProblemKind::InvalidRequest, detail).at(format!("/{name}"), detail)
}

fn missing(name: &str, label: &str) -> Problem {
    refusal(name, &format!("{label} is missing"))
}

/// What forms say, as requests have it. An empty field says nothing.
impl Query {
    /// What the field of this name says.
    pub fn read<T: FromStr<Err: Display>>(&self, name: &str) -> Answered<Option<T>> {
        let read = |text: &str| text.trim().parse::<T>();
        let value = self.get(name).map(read).transpose();
        value.map_err(|err| refusal(name, &err.to_string()))
    }

    /// The same of a field that must say something.
    pub fn need<T: FromStr<Err: Display>>(&self, name: &str, label: &str) -> Answered<T> {
        self.read(name)?.ok_or_else(|| missing(name, label))
    }

    /// One of a few words.
    pub fn choice<T>(&self, name: &str, of: fn(&str) -> Option<T>) -> Answered<Option<T>> {
        let Some(word) = self.get(name) else {
            return Ok(None);
        };
        let unknown = || refusal(name, &format!("`{word}` is none of the choices"));
        of(word).ok_or_else(unknown).map(Some)
    }

    /// A JSON text.
    pub fn json(&self, name: &str) -> Answered<Option<Json>> {
        let json = self.get(name).map(Json::tidy).transpose();
        json.map_err(|err| refusal(name, &format!("this is {err}")))
    }

    /// A count that must be there.
    pub fn need_number(&self, name: &str, label: &str) -> Answered<u32> {
        self.number(name)?.ok_or_else(|| missing(name, label))
    }

    /// A count.
    pub fn number(&self, name: &str) -> Answered<Option<u32>> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let number = text.trim().parse::<u32>();
        let number = number.map_err(|_| {
            refusal(name, &format!("`{text}` is no number")).hint("write digits, such as `5`")
        })?;
        Ok(Some(number))
    }

    /// A span of time, in milliseconds.
    pub fn span_ms(&self, name: &str) -> Answered<Option<u64>> {
        let span = self.get(name).map(|text| span(text.trim())).transpose();
        let span = span.map_err(|reason| refusal(name, &reason))?;
        Ok(span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// One that must be there.
    pub fn need_span_ms(&self, name: &str, label: &str) -> Answered<u64> {
        self.span_ms(name)?.ok_or_else(|| missing(name, label))
    }

    /// A point in time, in this zone unless it says another.
    pub fn point(&self, name: &str, zone: &Zone) -> Answered<Option<Timestamp>> {
        let point = self.get(name).map(|text| point(text.trim(), zone.tz()));
        point.transpose().map_err(|reason| refusal(name, &reason))
    }

    /// Words that stand apart by such characters.
    pub fn words(&self, name: &str, is_between: fn(char) -> bool) -> Vec<String> {
        let text = self.get(name).unwrap_or_default();
        let words = text.split(is_between).map(str::trim);
        let words = words.filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    }
}

/// What stands between the words of a list that is typed into a field.
pub fn is_between_words(c: char) -> bool {
    c.is_whitespace() || c == ','
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::html;

    fn form() -> Fields {
        let inputs = vec![
            Input::line("Slots", "slots")
                .now(5)
                .hint("How many. `0` is none."),
            Input::line("Per", "per_ms"),
            Input::tick("Paused", "paused", true),
            Input::one(
                "Overlap",
                "overlap",
                [("allow", "at once"), ("skip", "not")],
                "allow",
            ),
            Input::secret("Value", "value"),
        ];
        Fields::new("/limits/db", "Save", inputs).back("/limits")
    }

    #[test]
    fn what_was_typed_stays_and_the_problem_stands_at_its_field() {
        let posted = Query::parse("slots=%3Cb%3E&per_ms=1m&overlap=skip&value=hunter2");
        let problem = posted.number("slots").unwrap_err();
        let html = html(&form().refused(&posted, problem).unwrap());
        assert!(html.contains("`&#60;b&#62;` is no number"), "{html}");
        assert!(html.contains("value=\"1m\""), "{html}");
        assert!(html.contains("value=\"skip\" selected"), "{html}");
        assert_eq!(html.matches("aria-invalid").count(), 1, "{html}");
        assert_eq!(html.matches("checked").count(), 0, "{html}");
        assert!(!html.contains("hunter2"), "{html}");
    }

    #[test]
    fn a_problem_of_a_part_stands_at_the_field_of_the_whole() {
        let problem = Problem::new(ProblemKind::InvalidRequest, "no").at("/per_ms/0", "no");
        let html = html(&form().refused(&Query::default(), problem).unwrap());
        assert_eq!(html.matches("aria-invalid").count(), 1, "{html}");
    }

    #[test]
    fn fields_are_read_as_what_they_must_be() {
        let posted = Query::parse("n=+7+&span=1h+30m&at=2026-10-01+12:00&words=a,+b%0D%0Ac&none=");
        assert_eq!(posted.number("n").unwrap(), Some(7));
        assert_eq!(posted.span_ms("span").unwrap(), Some(5_400_000));
        assert_eq!(posted.span_ms("none").unwrap(), None);
        let at = posted.point("at", &Zone::utc()).unwrap();
        assert_eq!(at.unwrap().to_string(), "2026-10-01T12:00:00.000Z");
        assert_eq!(posted.words("words", is_between_words), ["a", "b", "c"]);
        let missing = posted.need::<u32>("none", "The number").unwrap_err();
        assert_eq!(missing.detail, "The number is missing");
        assert_eq!(missing.errors[0].pointer, "/none");
    }

    #[test]
    fn code_stands_between_backticks() {
        let html = html(&form());
        assert!(html.contains("How many. <code>0</code> is none."), "{html}");
    }
}
