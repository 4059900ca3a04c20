//! Makes the fields of a schema, filled from a value or from what was posted.
//!
//! ```text
//! schema --Node--> shape  \
//!                          >  Field, and below it those of its members, items, branches
//! value or posted --Source /
//! ```
//!
//! The work is bounded: by the number of fields, by their depth, and in [`super::keywords`].

use super::field::{Field, Format, Kind};
use super::keywords::Schema;
use super::path::Role;
use super::posted::Typed;
use super::shape::{Choice, Line, Member, Node, Shape};
use super::tree::Tree;
use super::value::Given;
use super::words;

/// Fields of one form, as a browser can show them and a person can look through them.
pub const FIELDS_MAX: usize = 2_000;
/// Keys and items on the way to a field. Deeper ones are JSON.
pub const DEPTH_MAX: usize = 4;
/// Fieldsets within each other, branches of unions included.
const LEVELS_MAX: usize = 8;

/// The form would have too many fields.
#[derive(Debug)]
pub struct TooMany;

/// Where the contents of a field are from.
#[derive(Clone)]
pub enum Source<'a> {
    Given(Given<'a>),
    Typed(Typed<'a>),
}

pub struct Builder<'a, 's> {
    pub schema: &'a Schema<'s>,
    /// At most [`DEPTH_MAX`].
    pub depth_max: usize,
    pub fields: usize,
}

/// Where a field is.
#[derive(Clone)]
struct Place<'s> {
    trail: Vec<&'s str>,
    depth: usize,
    level: usize,
}

impl<'a, 's: 'a> Builder<'a, 's> {
    /// The field of the whole value.
    pub fn root(&mut self, source: Source<'a>) -> Result<Field, TooMany> {
        let whole = Member {
            name: "",
            schema: self.schema.root,
            is_required: true,
        };
        let place = Place {
            trail: vec!["#"],
            depth: 0,
            level: 0,
        };
        let mut field = self.field(&whole, source, &place)?;
        field.place("");
        Ok(field)
    }

    fn field(
        &mut self,
        member: &Member<'s>,
        source: Source<'a>,
        place: &Place<'s>,
    ) -> Result<Field, TooMany> {
        let mut node = Node::of(self.schema, member.schema, &place.trail);
        self.count(&node)?;
        let is_deep = place.depth >= self.depth_max || place.level >= LEVELS_MAX;
        if is_deep
            && matches!(
                node.shape,
                Shape::Items(_) | Shape::Group(_) | Shape::Union(_)
            )
        {
            node.shape = Shape::Json;
            node.is_nullable = false;
        }
        let source = source.prepared(self.schema, &node);
        let kind = self.kind(&node, &source, place)?;
        let keywords = &node.keywords;
        let is_json = matches!(kind, Kind::Json(_));
        let mut field = Field {
            path: String::new(),
            pointer: String::new(),
            id: String::new(),
            key: member.name.to_owned(),
            label: label(member.name, keywords.title),
            about: keywords.description.map(str::to_owned),
            hint: words::hint(&node, is_json),
            is_required: member.is_required,
            is_given: member.is_required || source.is_given(),
            null: node.is_nullable.then(|| source.is_null(&node)),
            is_unset: source.is_unset(),
            has_reset: false,
            errors: Vec::new(),
            kind,
        };
        field.has_reset = keywords
            .default
            .is_some_and(|default| is_changed(&field, default));
        field.errors.extend(source.complaint(&field));
        Ok(field)
    }

    /// Counts a field, and long lists of choices as several.
    fn count(&mut self, node: &Node<'s>) -> Result<(), TooMany> {
        self.fields += 1;
        if let Shape::Choice(choices) = &node.shape {
            self.fields += choices.len() / 10;
        }
        if self.fields > FIELDS_MAX {
            return Err(TooMany);
        }
        Ok(())
    }

    fn kind(
        &mut self,
        node: &Node<'s>,
        source: &Source<'a>,
        place: &Place<'s>,
    ) -> Result<Kind, TooMany> {
        if let Some(text) = source.as_json(self.schema, node) {
            return Ok(Kind::Json(text));
        }
        let source = source.clone().inside(node);
        let below = Place {
            trail: node.trail.clone(),
            depth: place.depth + 1,
            level: place.level + 1,
        };
        Ok(match &node.shape {
            Shape::Text => source.text(format(node.keywords.format)),
            Shape::Number => source.number(),
            Shape::Moment => source.moment(),
            Shape::Fixed(value) => Kind::Fixed((*value).clone()),
            Shape::Choice(choices) => Kind::Choice {
                chosen: source.choice(choices),
                choices: choices.clone(),
            },
            Shape::Lines(line) => Kind::Lines {
                text: source.lines(line),
                line: line.clone(),
            },
            Shape::Items(items) => Kind::Items(self.items(items, &source, &below)?),
            Shape::Group(members) => {
                let members = members
                    .iter()
                    .map(|member| self.field(member, source.member(member.name), &below));
                Kind::Group(members.collect::<Result<_, _>>()?)
            }
            Shape::Union(branches) => {
                let inside = Place {
                    depth: place.depth,
                    ..below
                };
                self.union(branches, &source, node, &inside)?
            }
            // `as_json` has answered.
            Shape::Json => Kind::Json(String::new()),
        })
    }

    fn items(
        &mut self,
        schema: &'s Tree,
        source: &Source<'a>,
        place: &Place<'s>,
    ) -> Result<Vec<Field>, TooMany> {
        let item = Member {
            name: "",
            schema,
            is_required: true,
        };
        let items = source.items().into_iter();
        items
            .map(|source| self.field(&item, source, place))
            .collect()
    }

    fn union(
        &mut self,
        branches: &[&'s Tree],
        source: &Source<'a>,
        node: &Node<'s>,
        place: &Place<'s>,
    ) -> Result<Kind, TooMany> {
        let chosen = source.branch(self.schema, branches, &node.trail);
        let mut fields = Vec::with_capacity(branches.len());
        for (at, schema) in branches.iter().enumerate() {
            let branch = Member {
                name: "",
                schema,
                is_required: true,
            };
            let source = source.at_branch(at, chosen == Some(at));
            let mut field = self.field(&branch, source, place)?;
            field.label = words::branch_label(&Node::of(self.schema, schema, &node.trail), at);
            fields.push(field);
        }
        Ok(Kind::Union {
            branches: fields,
            chosen,
        })
    }
}

fn label(name: &str, title: Option<&str>) -> String {
    match title {
        Some(title) if !title.trim().is_empty() => title.to_owned(),
        _ if name.is_empty() => "Value".to_owned(),
        _ => name.to_owned(),
    }
}

fn format(format: Option<&str>) -> Format {
    match format {
        Some("date") => Format::Date,
        Some("email" | "idn-email") => Format::Email,
        Some("uri" | "url" | "iri") => Format::Address,
        _ => Format::Plain,
    }
}

/// Whether a field shows something else than its default.
fn is_changed(field: &Field, default: &Tree) -> bool {
    match field.shown() {
        Some(Tree::Typed(text)) => Tree::parse(&text).is_none_or(|value| !value.is_same(default)),
        Some(value) => !value.is_same(default),
        None => true,
    }
}

impl<'a> Source<'a> {
    fn blank() -> Self {
        Self::Given(Given::default())
    }

    /// With the default of the field's schema, and without what a button threw away.
    fn prepared<'s: 'a>(self, schema: &Schema<'s>, node: &Node<'s>) -> Self {
        match self {
            Self::Given(given) => Self::Given(given.or_default(schema, node)),
            Self::Typed(typed) if typed.is_reset() => {
                Self::Given(Given::default().or_default(schema, node))
            }
            typed @ Self::Typed(_) => typed,
        }
    }

    fn is_given(&self) -> bool {
        match self {
            Self::Given(given) => given.value.is_some(),
            Self::Typed(typed) => typed.has(Role::Give),
        }
    }

    fn is_null(&self, node: &Node<'_>) -> bool {
        match self {
            Self::Given(given) => given.is_null(node),
            Self::Typed(typed) => typed.has(Role::Null),
        }
    }

    fn is_unset(&self) -> bool {
        match self {
            Self::Given(given) => given.value.is_none(),
            Self::Typed(typed) => typed.has(Role::Unset),
        }
    }

    fn inside(self, node: &Node<'_>) -> Self {
        match self {
            Self::Given(given) => Self::Given(given.inside(node)),
            typed @ Self::Typed(_) => typed,
        }
    }

    fn as_json(&self, schema: &Schema<'_>, node: &Node<'_>) -> Option<String> {
        match self {
            Self::Given(given) => given.as_json(schema, node),
            Self::Typed(typed) => typed.as_json(node),
        }
    }

    fn text(&self, format: Format) -> Kind {
        match self {
            Self::Given(given) => given.text(format),
            Self::Typed(typed) => typed.text(format),
        }
    }

    fn number(&self) -> Kind {
        match self {
            Self::Given(given) => given.number(),
            Self::Typed(typed) => typed.number(),
        }
    }

    fn moment(&self) -> Kind {
        match self {
            Self::Given(given) => given.moment(),
            Self::Typed(typed) => typed.moment(),
        }
    }

    fn choice(&self, choices: &[Choice]) -> Option<usize> {
        match self {
            Self::Given(given) => given.choice(choices),
            Self::Typed(typed) => typed.choice(choices),
        }
    }

    fn lines(&self, line: &Line) -> String {
        match self {
            Self::Given(given) => given.lines(line),
            Self::Typed(typed) => typed.lines(),
        }
    }

    fn items(&self) -> Vec<Self> {
        match self {
            Self::Given(given) => given.items().into_iter().map(Self::Given).collect(),
            Self::Typed(typed) => {
                let (items, is_added) = typed.items();
                let added = is_added.then(Self::blank);
                items.into_iter().map(Self::Typed).chain(added).collect()
            }
        }
    }

    fn member(&self, name: &str) -> Self {
        match self {
            Self::Given(given) => Self::Given(given.member(name)),
            Self::Typed(typed) => Self::Typed(typed.member(name)),
        }
    }

    fn branch<'s>(
        &self,
        schema: &Schema<'s>,
        branches: &[&'s Tree],
        trail: &[&'s str],
    ) -> Option<usize> {
        match self {
            Self::Given(given) => given.branch(schema, branches, trail),
            Self::Typed(typed) => typed.branch(branches.len()),
        }
    }

    fn at_branch(&self, at: usize, is_chosen: bool) -> Self {
        match self {
            Self::Given(_) if !is_chosen => Self::blank(),
            Self::Given(given) => Self::Given(given.as_branch()),
            Self::Typed(typed) => Self::Typed(typed.at_branch(at)),
        }
    }

    /// What is wrong if something was typed into a field that does not count.
    fn complaint(&self, field: &Field) -> Option<String> {
        let Self::Typed(typed) = self else {
            return None;
        };
        let (before, now) = (typed.mark()?, field.mark()?);
        (before != now).then(|| {
            if field.is_given {
                "something is typed here, but null is chosen: choose one, or send it again \
                 to pass null"
            } else {
                "something is typed here, but “give it” is off: turn it on, or send it again \
                 to leave this out"
            }
            .to_owned()
        })
    }
}
