//! A form as a short text, for tests.
//!
//! ```text
//! size * [5000]                  a required number or text
//! since [2026-11-25|00:00|Z]     date, time and zone
//! mode (o) fast ( ) safe         a choice
//! tags [a/b]                     a line for each item
//! off: note [x]                  left out
//! null: note []                  null
//! any {{"a": 1}}                 JSON
//! ! at `size`: too large         a problem
//! ```

use std::fmt::Write;

use super::field::{Field, Kind};
use super::whole::{Form, Tab};

pub fn sketch(form: &Form) -> String {
    let mut text = String::new();
    for problem in &form.problems {
        writeln!(text, "! at `{}`: {}", problem.label, problem.text).unwrap();
    }
    match form.tab {
        Tab::Form => draw(&form.root, 0, &mut text),
        Tab::Json => writeln!(text, "JSON {}", form.json).unwrap(),
    }
    text.trim_end().to_owned()
}

fn draw(field: &Field, indent: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", indent));
    if !field.is_given {
        text.push_str("off: ");
    }
    if field.null == Some(true) {
        text.push_str("null: ");
    }
    text.push_str(&field.label);
    text.push_str(if field.is_required { " *" } else { "" });
    let shown = match &field.kind {
        Kind::Text { text, .. } | Kind::Number(text) | Kind::Lines { text, .. } => {
            format!("[{}]", text.replace('\n', "/"))
        }
        Kind::Moment(moment) => format!("[{}|{}|{}]", moment.date, moment.time, moment.zone),
        Kind::Choice { choices, chosen } => {
            let choices = choices.iter().enumerate().map(|(at, choice)| {
                let mark = if *chosen == Some(at) { "(o)" } else { "( )" };
                format!("{mark} {}", choice.label)
            });
            choices.collect::<Vec<_>>().join(" ")
        }
        Kind::Fixed(value) => format!("= {}", value.compact()),
        Kind::Json(text) => {
            let words: Vec<&str> = text.split_whitespace().collect();
            format!("{{{}}}", words.join(" "))
        }
        Kind::Items(items) => format!("{} items", items.len()),
        Kind::Group(_) => ":".to_owned(),
        Kind::Union { branches, chosen } => match chosen {
            Some(at) => format!("{} of {}", branches[*at].label, branches.len()),
            None => format!("none of {}", branches.len()),
        },
    };
    writeln!(text, " {shown}").unwrap();
    let parts = match &field.kind {
        Kind::Union { branches, chosen } => match chosen {
            Some(at) => &branches[*at..=*at],
            None => &[],
        },
        _ => field.parts(),
    };
    for part in parts {
        draw(part, indent + 1, text);
    }
}
