//! The filters of a listing: their fields, and what is wrong with them.

use askama::Template;
use futures::future::BoxFuture;
use operations::client::Answered;
use operations::problem::{Problem, ProblemKind};

use super::parts::{Choice, choices};
use super::query::Query;

/// The form over a listing.
#[derive(Template)]
#[template(path = "filters.html")]
pub struct Filters {
    /// The address of the listing.
    action: &'static str,
    /// How many are set.
    count: usize,
    fields: Vec<Field>,
    /// What is wrong with them: each at its field, all of them on top.
    wrong: Vec<Wrong>,
}

/// A field: one to choose from if there are choices, else one to type in.
pub struct Field {
    label: &'static str,
    name: &'static str,
    placeholder: &'static str,
    choices: Vec<Choice>,
    value: String,
    error: Option<String>,
}

/// A filter that cannot be read, or names nothing that can be asked for.
pub struct Wrong {
    name: String,
    problem: Problem,
}

impl Field {
    pub fn new(label: &'static str, name: &'static str, placeholder: &'static str) -> Self {
        Self {
            label,
            name,
            placeholder,
            choices: Vec::new(),
            value: String::new(),
            error: None,
        }
    }

    /// One of these values, each with its text.
    pub fn of<'a>(self, all: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            choices: choices(all, ""),
            ..self
        }
    }
}

impl Filters {
    /// Fields with what is set of them.
    pub fn new(action: &'static str, set: &Query, fields: Vec<Field>, wrong: Vec<Wrong>) -> Self {
        let field = |mut field: Field| {
            let values: Vec<&str> = set.all(field.name).collect();
            // Several at once come from a preset or an address; a choice shows the first.
            let first = values.first().copied().unwrap_or_default();
            for choice in &mut field.choices {
                choice.is_chosen = choice.value == first;
            }
            field.value = values.join(" ");
            let found = wrong.iter().find(|it| it.name == field.name);
            field.error = found.map(|it| it.problem.detail.clone());
            field
        };
        Self {
            action,
            count: set.0.len(),
            fields: fields.into_iter().map(field).collect(),
            wrong,
        }
    }

    pub fn is_wrong(&self) -> bool {
        !self.wrong.is_empty()
    }
}

/// Whether a problem is one of the filters, so that the page says it at their fields.
pub fn is_of_filters(problem: &Problem, set: &Query) -> bool {
    let kinds = [
        ProblemKind::InvalidQuery,
        ProblemKind::InvalidName,
        ProblemKind::NotFound,
        ProblemKind::Ambiguous,
    ];
    !set.is_empty() && kinds.contains(&problem.kind)
}

/// Which of the filters are wrong: those that are refused when they stand alone. If none is, it
/// is how they stand together.
pub async fn wrong<'c, const N: usize>(
    set: &Query,
    names: [&'static str; N],
    problem: Problem,
    ask: impl Fn(Query) -> BoxFuture<'c, Answered<()>>,
) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for name in names {
        let alone = set.only(&[name]);
        if alone.is_empty() {
            continue;
        }
        if let Err(problem) = ask(alone.with("limit", 1)).await {
            wrong.push(Wrong {
                name: name.to_owned(),
                problem,
            });
        }
    }
    if wrong.is_empty() {
        let name = String::new();
        wrong.push(Wrong { name, problem });
    }
    wrong
}
