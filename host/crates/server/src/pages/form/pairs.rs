//! What a browser posts of a form: names and values of its fields.

use super::field::{Field, Kind};
use super::path::{self, Role};

/// The names and values of a field and all below it, as a browser would post them.
pub fn pairs_of(field: &Field) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    add(field, &mut pairs);
    pairs
}

fn add(field: &Field, pairs: &mut Vec<(String, String)>) {
    let mut push = |role, value: &str| {
        pairs.push((path::name(&field.path, role), value.to_owned()));
    };
    if !field.is_required && field.is_given {
        push(Role::Give, "on");
    }
    if field.null == Some(true) {
        push(Role::Null, "on");
    }
    if let Some(mark) = field.mark() {
        push(Role::Was, &mark);
    }
    match &field.kind {
        Kind::Text { text, .. } => {
            push(Role::Value, text);
            if field.is_unset {
                push(Role::Unset, "on");
            }
        }
        Kind::Number(text) | Kind::Lines { text, .. } => push(Role::Value, text),
        Kind::Json(text) => push(Role::Json, text),
        Kind::Moment(moment) => {
            push(Role::Date, &moment.date);
            push(Role::Time, &moment.time);
            push(Role::Zone, &moment.zone);
        }
        Kind::Choice { choices, chosen } => {
            if let Some(choice) = chosen.and_then(|at| choices.get(at)) {
                push(Role::Choice, &choice.value.compact());
            }
        }
        Kind::Union { chosen, .. } => {
            if let Some(at) = chosen {
                push(Role::Choice, &at.to_string());
            }
        }
        Kind::Items(items) => push(Role::Items, &items.len().to_string()),
        Kind::Fixed(_) | Kind::Group(_) => {}
    }
    for part in field.parts() {
        add(part, pairs);
    }
}
