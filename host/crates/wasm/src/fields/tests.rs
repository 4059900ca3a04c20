use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use model::Timestamp;
use wit_parser::{Function, InterfaceId, Resolve, Type, TypeDefKind, TypeId};

use super::*;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// Collects the fields that a guest hands over: parameters of what it imports, and results of
/// what it exports.
struct Walk<'r> {
    resolve: &'r Resolve,
    fields: BTreeSet<String>,
}

impl Walk<'_> {
    fn function(&mut self, interface: &str, function: &Function, is_import: bool) {
        // `[method]writer.write` is one of a resource.
        let name = function.name.rsplit(']').next().unwrap_or_default();
        let place = format!("{interface}.{name}");
        if is_import {
            for parameter in &function.params {
                let named = format!("{place}.{}", parameter.name);
                self.value(&named, &parameter.ty);
            }
        } else if let Some(result) = &function.result {
            self.value(&place, result);
        }
    }

    /// A value at this place. Numbers that mean nothing but themselves need no limit: a handle
    /// is known or not, a count of 32 bits may be any.
    fn value(&mut self, place: &str, kind: &Type) {
        match kind {
            Type::String | Type::F32 | Type::F64 => self.add(place),
            Type::Id(id) => self.defined(place, *id),
            _ => {}
        }
    }

    fn add(&mut self, place: &str) {
        self.fields.insert(place.to_owned());
    }

    fn defined(&mut self, place: &str, id: TypeId) {
        let def = &self.resolve.types[id];
        let name = def.name.clone().unwrap_or_default();
        let home = self.home_of(id).unwrap_or_default();
        match &def.kind {
            TypeDefKind::Record(record) => {
                for field in &record.fields {
                    self.value(&format!("{home}.{name}.{}", field.name), &field.ty);
                }
            }
            TypeDefKind::Variant(variant) => {
                for case in &variant.cases {
                    let place = format!("{home}.{name}.{}", case.name);
                    case.ty.iter().for_each(|kind| self.value(&place, kind));
                }
            }
            TypeDefKind::Tuple(tuple) => {
                for (at, kind) in tuple.types.iter().enumerate() {
                    self.value(&format!("{place}.{at}"), kind);
                }
            }
            TypeDefKind::List(item) => {
                self.add(place);
                self.value(&format!("{place}[]"), item);
            }
            TypeDefKind::Option(kind) => self.value(place, kind),
            TypeDefKind::Result(result) => {
                let cases = [&result.ok, &result.err];
                cases
                    .into_iter()
                    .flatten()
                    .for_each(|kind| self.value(place, kind));
            }
            TypeDefKind::Type(_) if matches!(name.as_str(), "timestamp-ms" | "duration-ms") => {
                self.add(place);
            }
            TypeDefKind::Type(kind) => self.value(place, kind),
            // What it is used for has functions of its own.
            TypeDefKind::Enum(_) | TypeDefKind::Handle(_) | TypeDefKind::Resource => {}
            other => panic!("{place}: no test for {other:?}"),
        }
    }

    /// The interface that declares a type. One that `use` brings in is an alias of it.
    fn home_of(&self, id: TypeId) -> Option<String> {
        let owner = match self.resolve.types[id].owner {
            wit_parser::TypeOwner::Interface(interface) => interface,
            _ => return None,
        };
        self.resolve.interfaces[owner].name.clone()
    }
}

fn interface(resolve: &Resolve, id: InterfaceId) -> (&str, Vec<&Function>) {
    let interface = &resolve.interfaces[id];
    let name = interface.name.as_deref().expect("interfaces have names");
    (name, interface.functions.values().collect())
}

/// The fields of `wit/`.
fn declared() -> BTreeSet<String> {
    let mut resolve = Resolve::default();
    resolve.push_dir(workspace().join("wit")).unwrap();
    let mut walk = Walk {
        resolve: &resolve,
        fields: BTreeSet::new(),
    };
    let (_, world) = resolve.worlds.iter().next().unwrap();
    let ways = [(&world.imports, true), (&world.exports, false)];
    for (items, is_import) in ways {
        for item in items.values() {
            let wit_parser::WorldItem::Interface { id, .. } = item else {
                continue;
            };
            let (name, functions) = interface(&resolve, *id);
            for function in functions {
                walk.function(name, function, is_import);
            }
        }
    }
    walk.fields
}

#[test]
fn every_field_of_the_contract_has_a_limit() {
    let known: BTreeSet<String> = FIELDS.iter().map(|field| field.path.to_owned()).collect();
    assert_eq!(known.len(), FIELDS.len(), "a field stands twice");
    let declared = declared();
    let without: Vec<_> = declared.difference(&known).collect();
    assert!(without.is_empty(), "without a limit: {without:#?}");
    let unknown: Vec<_> = known.difference(&declared).collect();
    assert!(unknown.is_empty(), "not in wit/: {unknown:#?}");
}

#[test]
fn the_document_has_every_limit() {
    let mut table = String::from("| field | limit |\n|---|---|\n");
    for field in FIELDS {
        writeln!(table, "| `{}` | {} |", field.path, field.limit).unwrap();
    }
    let path = workspace().join("host/docs/limits.md");
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.contains(&table),
        "{}: should have\n{table}",
        path.display()
    );
}

#[test]
fn a_size_and_its_limit_are_told_apart() {
    #[track_caller]
    fn check(size: usize, max: usize, expect: &str) {
        let (is, limit) = in_words(size, max);
        assert_eq!(format!("{is} of {limit}"), expect);
    }
    check(201, 200, "201 bytes of 200 bytes");
    check(50 << 20, 200, "50.00 MiB of 200 bytes");
    check(5 << 20, 4 << 20, "5.00 MiB of 4.00 MiB");
    check((4 << 20) + 1, 4 << 20, "4194305 bytes of 4194304 bytes");
}

/// A time is stored as text. If another one came back, a call would not be the same on replay.
#[test]
fn the_last_time_reads_back() {
    let FieldLimit::Number(max) = SCHEDULED.limit else {
        panic!("{SCHEDULED:?}");
    };
    let last = Timestamp::from_millis(max);
    let stored = String::from(last);
    assert_eq!(Timestamp::try_from(stored).unwrap(), last);
}
