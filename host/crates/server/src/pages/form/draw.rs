//! A form as HTML. Each field is drawn by the kind of value that it has; no script is needed.
//!
//! What is posted again is written to the letter (`xml`), whatever it holds; what is only read
//! is written as everywhere.
//!
//! A branch that is not chosen, and a field that is switched off, are there as well, so what
//! was typed into them comes back.

use std::borrow::Borrow;

use askama::Template;

use super::field::{Field, Format, Kind};
use super::path::{self, DO, Role, TAB, WHOLE};
use super::shape::Line;
use super::whole::{Form, Tab};
use crate::pages::html;

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
            is_top: true,
        })
    }
}

#[derive(Template)]
#[template(path = "form/field.html")]
struct Drawn<'f> {
    f: &'f Field,
    /// Drawn without a frame of its own.
    is_top: bool,
}

impl Drawn<'_> {
    /// A group that is the whole form, or a branch, needs no heading of its own.
    fn is_root(&self) -> bool {
        self.is_top && matches!(self.f.kind, Kind::Group(_))
    }

    fn is(&self, chosen: &Option<usize>, at: impl Borrow<usize>) -> bool {
        *chosen == Some(*at.borrow())
    }

    fn name(&self, role: Role) -> String {
        path::name(&self.f.path, role)
    }

    fn part(&self, part: &Field) -> String {
        html(&Drawn {
            f: part,
            is_top: false,
        })
    }

    fn branch(&self, branch: &Field) -> String {
        html(&Drawn {
            f: branch,
            is_top: true,
        })
    }

    fn parts(&self) -> String {
        let parts = self.f.parts().iter().map(|part| self.part(part));
        let mut drawn = if self.is_root() {
            self.errors()
        } else {
            String::new()
        };
        drawn.extend(parts);
        drawn
    }

    fn star(&self) -> &'static str {
        if self.f.is_required { " *" } else { "" }
    }

    fn about(&self) -> String {
        match &self.f.about {
            Some(about) => tagged("span", "field-hint", None, about),
            None => String::new(),
        }
    }

    fn hint(&self) -> String {
        if self.f.hint.is_empty() {
            return String::new();
        }
        tagged(
            "span",
            "field-hint",
            Some(&format!("{}-hint", self.f.id)),
            &self.f.hint,
        )
    }

    fn errors(&self) -> String {
        if self.f.errors.is_empty() {
            return String::new();
        }
        let text = self.f.errors.join("; ");
        tagged(
            "span",
            "field-error",
            Some(&format!("{}-error", self.f.id)),
            &text,
        )
    }

    /// Whether it is given, and whether it is null.
    fn switches(&self) -> String {
        let mut switches = String::new();
        let mut switch = |role, is_on: bool, text: &str| {
            switches += &html(&Switch {
                name: self.name(role),
                is_on,
                text,
            });
        };
        if !self.f.is_required {
            switch(Role::Give, self.f.is_given, "give it");
        }
        if let Some(is_null) = self.f.null {
            switch(Role::Null, is_null, "null");
        }
        if let Some(mark) = self.f.mark() {
            switches += &hidden(&self.name(Role::Was), &mark);
        }
        if switches.is_empty() {
            switches
        } else {
            format!("<span class=\"row\">{switches}</span>")
        }
    }

    /// What says more about it, for those who do not see where it stands.
    fn described(&self) -> String {
        let mut by = Vec::new();
        if !self.f.hint.is_empty() {
            by.push(format!("{}-hint", self.f.id));
        }
        let mut said = String::new();
        if !self.f.errors.is_empty() {
            by.push(format!("{}-error", self.f.id));
            said += " aria-invalid=\"true\"";
        }
        if !by.is_empty() {
            // Ids of fields have no characters that need to be escaped.
            said += &format!(" aria-describedby=\"{}\"", by.join(" "));
        }
        said
    }

    fn input(&self) -> String {
        let input = |role, value: &str, kind: &'static str| {
            html(&Input {
                id: &self.f.id,
                name: self.name(role),
                value,
                kind,
                rows: rows(value, kind),
                described: self.described(),
            })
        };
        match &self.f.kind {
            Kind::Text { text, format } => {
                let kind = match format {
                    _ if text.contains('\n') => "lines",
                    Format::Plain => "text",
                    Format::Date => "date",
                    Format::Email => "email",
                    Format::Address => "url",
                };
                let mut drawn = input(Role::Value, text, kind);
                if self.f.is_unset {
                    drawn += &hidden(&self.name(Role::Unset), "on");
                }
                drawn
            }
            Kind::Number(text) => input(Role::Value, text, "number"),
            Kind::Lines { text, line } => {
                let kind = if matches!(line, Line::Text) {
                    "lines"
                } else {
                    "json"
                };
                input(Role::Value, text, kind)
            }
            Kind::Json(text) => input(Role::Json, text, "json"),
            _ => String::new(),
        }
    }
}

fn rows(text: &str, kind: &str) -> usize {
    let least = if kind == "json" { 4 } else { 3 };
    text.lines().count().clamp(least, 24)
}

#[derive(Template)]
#[template(
    source = r#"<label class="field-give"><input type="checkbox" name="{{ name }}" value="on"{% if is_on %} checked{% endif %}> {{ text }}</label>"#,
    ext = "xml"
)]
struct Switch<'s> {
    name: String,
    is_on: bool,
    text: &'s str,
}

/// A field of text. A number is text, too, so that it keeps its digits.
#[derive(Template)]
#[template(
    source = r#"{% if kind == "lines" || kind == "json" %}<textarea id="{{ id }}" name="{{ name }}" rows="{{ rows }}" autocomplete="off"{% if kind == "json" %} spellcheck="false" class="mono"{% endif %}{{ described|safe }}>
{{ value }}</textarea>{% else %}<input id="{{ id }}" name="{{ name }}" value="{{ value }}" type="{% if kind == "number" %}text{% else %}{{ kind }}{% endif %}"{% if kind == "number" %} inputmode="decimal"{% endif %} autocomplete="off"{{ described|safe }}>{% endif %}"#,
    ext = "xml"
)]
struct Input<'i> {
    id: &'i str,
    name: String,
    value: &'i str,
    kind: &'static str,
    rows: usize,
    described: String,
}

#[derive(Template)]
#[template(
    source = r#"<input type="hidden" name="{{ name }}" value="{{ value }}">"#,
    ext = "xml"
)]
struct Hidden<'h> {
    name: &'h str,
    value: &'h str,
}

fn hidden(name: &str, value: &str) -> String {
    html(&Hidden { name, value })
}

#[derive(Template)]
#[template(
    source = r#"<{{ tag }} class="{{ class }}"{% if let Some(id) = id %} id="{{ id }}"{% endif %}>{{ text }}</{{ tag }}>"#,
    ext = "html"
)]
struct Tagged<'t> {
    tag: &'t str,
    class: &'t str,
    id: Option<&'t str>,
    text: &'t str,
}

fn tagged(tag: &str, class: &str, id: Option<&str>, text: &str) -> String {
    html(&Tagged {
        tag,
        class,
        id,
        text,
    })
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
    fn every_pair_of_a_form_is_in_its_html() {
        let schema = r#"{"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "maximum": 10},
            "mode": {"enum": ["fast", "safe"]},
            "note": {"type": ["string", "null"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "any": {}
        }}"#;
        let value = r#"{"size": 1, "note": null, "tags": ["a"], "any": {"x": 1}}"#;
        let json = |text: &str| Json::tidy(text).unwrap();
        let form = Form::of(&json(schema), &json(value));
        let html = form.html();
        for (name, _) in form.pairs() {
            assert!(
                html.contains(&format!("name=\"{name}\"")),
                "{name} in {html}"
            );
        }
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
            html.contains("aria-invalid=\"true\"") && html.contains("f.n-error"),
            "{html}"
        );
    }
}
