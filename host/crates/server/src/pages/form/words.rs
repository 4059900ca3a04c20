//! What a form says about a field: its label, and what it takes.

use super::keywords::Keywords;
use super::shape::{Line, Node, Shape, label_of};
use super::tree::Tree;

/// Characters of a default or a pattern that are shown.
const SHOWN_MAX: usize = 60;

/// `integer 1 to 1000, default 100`
pub fn hint(node: &Node<'_>, is_json: bool) -> String {
    let keywords = &node.keywords;
    let mut parts = Vec::new();
    parts.extend(what(node, is_json));
    parts.extend(length(keywords));
    if let Some(Tree::String(pattern)) = keywords.bounds.get("pattern") {
        parts.push(format!("like {}", shorten(pattern)));
    }
    if let Some(step) = keywords.bound("multipleOf") {
        parts.push(format!("a multiple of {step}"));
    }
    if let Some(default) = keywords.default {
        parts.push(format!("default {}", shorten(&label_of(default))));
    }
    parts.join(", ")
}

fn what(node: &Node<'_>, is_json: bool) -> Option<String> {
    let keywords = &node.keywords;
    let kind = keywords
        .kinds
        .as_deref()
        .and_then(|kinds| kinds.first().copied());
    Some(match &node.shape {
        _ if is_json => match kind {
            Some("object") => "JSON object".to_owned(),
            Some("array") => "JSON list".to_owned(),
            _ => "JSON".to_owned(),
        },
        Shape::Text => match keywords.format {
            Some("date") => "date, such as 2026-11-25".to_owned(),
            Some(format) => format!("text, {}", shorten(format)),
            None => "text".to_owned(),
        },
        Shape::Moment => "date, time and zone".to_owned(),
        Shape::Number => {
            let kind = kind.unwrap_or("number");
            match range(keywords) {
                Some(range) => format!("{kind} {range}"),
                None => kind.to_owned(),
            }
        }
        Shape::Lines(Line::Text) => "list of texts, one a line".to_owned(),
        Shape::Lines(Line::Number) => "list of numbers, one a line".to_owned(),
        Shape::Lines(Line::OneOf(choices)) => {
            let labels: Vec<&str> = choices.iter().map(|choice| choice.label.as_str()).collect();
            format!("list, one a line, of: {}", shorten(&labels.join(", ")))
        }
        _ => return None,
    })
}

fn range(keywords: &Keywords<'_>) -> Option<String> {
    let said = |word: &str, bound: &str| Some(format!("{word} {}", keywords.bound(bound)?));
    if let (Some(least), Some(most)) = (keywords.bound("minimum"), keywords.bound("maximum")) {
        return Some(format!("{least} to {most}"));
    }
    let low = said("from", "minimum").or_else(|| said("above", "exclusiveMinimum"));
    let high = said("up to", "maximum").or_else(|| said("below", "exclusiveMaximum"));
    let parts: Vec<String> = low.into_iter().chain(high).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn length(keywords: &Keywords<'_>) -> Vec<String> {
    let said = |word: &str, unit: &str| match (
        keywords.bound(&format!("min{word}")),
        keywords.bound(&format!("max{word}")),
    ) {
        (Some(least), Some(most)) if least == most => Some(format!("exactly {least} {unit}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most} {unit}")),
        (Some(least), None) => Some(format!("at least {least} {unit}")),
        (None, Some(most)) => Some(format!("at most {most} {unit}")),
        (None, None) => None,
    };
    let mut parts = Vec::new();
    parts.extend(said("Length", "characters"));
    parts.extend(said("Items", "items"));
    parts.extend(said("Properties", "members"));
    if keywords.bounds.get("uniqueItems") == Some(&&Tree::Bool(true)) {
        parts.push("none twice".to_owned());
    }
    parts
}

/// The name of a branch: its title, its tag, its only member, or the name of its definition.
pub fn branch_label(node: &Node<'_>, at: usize) -> String {
    let keywords = &node.keywords;
    let from_members = match &node.shape {
        Shape::Group(members) => tag(keywords).or(match &members[..] {
            [only] => Some(only.name.to_owned()),
            _ => None,
        }),
        Shape::Fixed(value) => Some(label_of(value)),
        _ => None,
    };
    let kind = || {
        keywords
            .kinds
            .as_deref()?
            .first()
            .map(|kind| (*kind).to_owned())
    };
    (keywords.title.map(str::to_owned))
        .or(from_members)
        .or_else(|| keywords.named.map(str::to_owned))
        .or_else(kind)
        .unwrap_or_else(|| format!("option {}", at + 1))
}

/// The value of the first member that can have only one.
fn tag(keywords: &Keywords<'_>) -> Option<String> {
    keywords.properties.iter().find_map(|(_, schema)| {
        let only = match schema.get("enum") {
            Some(Tree::List(options)) if options.len() == 1 => options.first(),
            _ => schema.get("const"),
        };
        only.map(label_of)
    })
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
