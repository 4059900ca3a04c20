//! A form as HTML. Each field is drawn by the kind of value that it has; no script is needed.
//!
//! What is posted again is written to the letter (`xml`), whatever it holds; what is only read
//! is written as everywhere.
//!
//! A branch that is not chosen, and a field that is switched off, are there as well, so what
//! was typed into them comes back. Browsers change what is typed into `type=email`, and throw
//! away what is no date in `type=date`. So the former is plain text, and so is the latter while
//! it is no date.

use askama::Template;

use super::field::{Field, Format, Kind};
use super::moment;
use super::path::{self, DO, Role, TAB, WHOLE};
use super::shape::Line;
use super::whole::{Form, Tab};
use crate::pages::html;

/// Options that are drawn as radio buttons. More are a list to select from.
const RADIOS_MAX: usize = 4;
/// Characters of a text that are drawn in one line.
const LINE_MAX: usize = 100;

impl Form {
    /// Everything between the `form` element and its own button.
    pub fn html(&self) -> String {
        html(&Whole { form: self })
    }
}

#[derive(Template)]
#[template(path = "form/whole.html")]
struct Whole<'f> {
    form: &'f Form,
}

impl Whole<'_> {
    fn root(&self) -> String {
        html(&Drawn {
            f: &self.form.root,
            is_bare: true,
        })
    }

    fn is_group(&self) -> bool {
        matches!(self.form.root.kind, Kind::Group(_))
    }

    /// Where a problem is. On the tab for JSON all of them are in its text.
    fn place<'a>(&self, id: &'a str) -> &'a str {
        match self.form.tab {
            Tab::Form => id,
            Tab::Json => "f",
        }
    }
}

#[derive(Template)]
#[template(path = "form/field.html")]
struct Drawn<'f> {
    f: &'f Field,
    /// The frame and the name are drawn around it: it is the whole form, or a branch.
    is_bare: bool,
}

/// How a line of text is drawn.
struct Input {
    name: String,
    text: String,
    kind: &'static str,
    mode: &'static str,
    is_long: bool,
    is_code: bool,
    rows: usize,
}

impl Drawn<'_> {
    fn date_kind(&self, text: &str) -> &'static str {
        date_kind(text)
    }

    fn time_kind(&self, text: &str) -> &'static str {
        time_kind(text)
    }

    fn time_step(&self, text: &str) -> &'static str {
        time_step(text)
    }

    fn name(&self, role: Role) -> String {
        path::name(&self.f.path, role)
    }

    /// The fields inside, each by itself.
    fn parts(&self) -> Vec<String> {
        let is_drawn = |part: &&Field| !(part.is_required && is_fixed(part));
        let parts = self.f.parts().iter().filter(is_drawn);
        parts.map(|part| self.part(part, false)).collect()
    }

    fn part(&self, part: &Field, is_bare: bool) -> String {
        html(&Drawn { f: part, is_bare })
    }

    fn is(&self, chosen: &Option<usize>, at: &usize) -> bool {
        chosen.as_ref() == Some(at)
    }

    /// The member's name, if the label is another one.
    fn key(&self) -> Option<&str> {
        let (key, label) = (&self.f.key, &self.f.label);
        (!key.is_empty() && key != label).then_some(key)
    }

    /// What says more about the field, for those who do not see where it stands.
    fn described(&self) -> Option<String> {
        let f = self.f;
        let said = [
            ("error", !f.errors.is_empty()),
            ("about", f.about.is_some()),
            ("hint", !f.hint.is_empty()),
        ];
        let ids = said
            .iter()
            .filter(|(_, is_said)| *is_said)
            .map(|(what, _)| format!("{}~{what}", f.id));
        let ids: Vec<String> = ids.collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    /// A field of one text. A number is text, too, so that it keeps its digits.
    fn input(&self) -> Input {
        let (role, text, kind, mode) = match &self.f.kind {
            Kind::Text { text, format } => match format {
                Format::Date => (Role::Value, text, date_kind(text), ""),
                Format::Email => (Role::Value, text, "text", "email"),
                Format::Address => (Role::Value, text, "text", "url"),
                Format::Plain => (Role::Value, text, "text", ""),
            },
            Kind::Number(text) => (Role::Value, text, "text", "decimal"),
            Kind::Lines { text, .. } => (Role::Value, text, "text", ""),
            Kind::Json(text) => (Role::Json, text, "text", ""),
            // The template draws no others this way.
            _ => (Role::Value, &self.f.label, "text", ""),
        };
        let (is_lines, is_code) = match &self.f.kind {
            Kind::Json(_) => (true, true),
            Kind::Lines { line, .. } => (true, !matches!(line, Line::Text)),
            _ => (
                text.contains('\n') || text.chars().count() > LINE_MAX,
                false,
            ),
        };
        Input {
            name: self.name(role),
            text: text.clone(),
            kind,
            mode,
            is_long: is_lines,
            is_code,
            rows: (text.split('\n').count() + 1).clamp(3, 24),
        }
    }
}

fn is_fixed(field: &Field) -> bool {
    matches!(field.kind, Kind::Fixed(_))
}

/// The kind of input that keeps a date as it is, right or wrong.
fn date_kind(text: &str) -> &'static str {
    let is_date = moment::day(text).is_some() && text >= "0001";
    if text.is_empty() || is_date {
        "date"
    } else {
        "text"
    }
}

/// The same for a time of day.
fn time_kind(text: &str) -> &'static str {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_time = moment::clock(whole).is_some() && !text.ends_with('.') && fraction.len() <= 3;
    let is_time = is_time && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if text.is_empty() || is_time {
        "time"
    } else {
        "text"
    }
}

/// Steps of a time: a browser refuses a fraction between them.
fn time_step(text: &str) -> &'static str {
    if text.contains('.') { "any" } else { "1" }
}

#[cfg(test)]
mod tests {
    use model::Json;

    use super::*;

    fn drawn(schema: &str, value: &str) -> String {
        let json = |text: &str| Json::tidy(text).unwrap();
        Form::of(&json(schema), &json(value)).html()
    }

    #[test]
    fn texts_of_a_schema_are_never_markup() {
        let schema = r#"{"type": "object", "title": "</fieldset><script>", "properties": {
            "\"><script>alert(1)</script>": {"type": "string",
                "description": "<img src=x onerror=alert(1)>",
                "default": "</textarea><script>"},
            "list": {"enum": ["<b>", "</label>"]}
        }}"#;
        let html = drawn(schema, "{}");
        assert!(
            !html.contains("<script") && !html.contains("<img") && !html.contains("<b>"),
            "{html}"
        );
    }

    #[test]
    fn a_value_is_kept_to_the_letter_and_a_label_is_not_believed() {
        let schema = r#"{"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string", "title": "x\u202ey"}}}"#;
        let html = drawn(schema, r#"{"a": "p\u202eq"}"#);
        assert!(html.contains("value=\"p\u{202e}q\""), "{html}");
        assert!(!html.contains("x\u{202e}y"), "{html}");
    }

    #[test]
    fn an_error_is_tied_to_its_field() {
        let schema =
            r#"{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}"#;
        let json = |text: &str| Json::tidy(text).unwrap();
        let errors = [("/n".to_owned(), "5000 is above the maximum 1000".to_owned())];
        let html = Form::of(&json(schema), &json(r#"{"n": 5000}"#))
            .with_errors(&errors)
            .html();
        assert!(
            html.contains("<a href=\"#f.n\">n</a>: 5000 is above the maximum 1000"),
            "{html}"
        );
        assert!(
            html.contains("aria-invalid=\"true\"") && html.contains("f.n~error"),
            "{html}"
        );
    }
}
