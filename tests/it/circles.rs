//! No circles of files within a crate: what two files say must be readable one after the other.
//!
//! ```text
//! a file --syn--> its modules, what they define, what they import, what they name
//!        --resolved, through imports and re-exports, to the file that defines it--> an edge
//!        --Tarjan--> files that need each other
//! ```
//!
//! The rule for a module and its children: to declare a child and to re-export what is in it
//! (`pub use`, `pub(crate) use`) is no use of it, since the module says nothing about what it
//! passes on. So a child may use what its parent defines while the parent passes the child's
//! items on. Once the parent itself names something of the child (an import for its own code,
//! a path in its code), the child must not use what the parent defines.
//!
//! Methods cannot be seen this way, and neither can code that macros make. Tests may look
//! anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// A module: its names from the crate's root on.
type Module = Vec<String>;

/// Circles that are known, each by its files.
const KNOWN: &[&[&str]] = &[];

/// What a module says.
#[derive(Default)]
struct Said {
    file: PathBuf,
    /// What it defines itself, besides its child modules.
    defines: BTreeSet<String>,
    /// What it imports, by the name that it goes by here; `*` for whatever a module has.
    imports: Vec<Import>,
    /// Paths in its code.
    names: Vec<Vec<String>>,
}

struct Import {
    name: String,
    path: Vec<String>,
    /// Whether it is only passed on.
    is_passed_on: bool,
}

/// All modules of a crate.
#[derive(Default)]
struct Crate(BTreeMap<Module, Said>);

impl Crate {
    fn read(root: &Path) -> Self {
        let mut all = Self::default();
        let dir = root.parent().unwrap();
        all.read_file(&Module::new(), root, dir);
        all
    }

    /// Reads a module's file. Those of its children are in `dir`.
    fn read_file(&mut self, module: &Module, file: &Path, dir: &Path) {
        let text = fs::read_to_string(file).unwrap();
        let parsed = syn::parse_file(&text).unwrap_or_else(|err| panic!("{file:?}: {err}"));
        self.read_items(module, file, dir, parsed.items);
    }

    fn read_items(&mut self, module: &Module, file: &Path, dir: &Path, items: Vec<syn::Item>) {
        let mut said = Said {
            file: file.to_owned(),
            ..Said::default()
        };
        for item in items {
            match item {
                syn::Item::Mod(item) if !is_for_tests(&item.attrs) => {
                    let name = item.ident.to_string();
                    let (child, below) = (joined(module, &name), dir.join(&name));
                    match item.content {
                        Some((_, items)) => self.read_items(&child, file, &below, items),
                        None => {
                            let files = [dir.join(format!("{name}.rs")), below.join("mod.rs")];
                            let found = files.iter().find(|file| file.exists());
                            let found = found.unwrap_or_else(|| panic!("no file of {child:?}"));
                            self.read_file(&child, found, &below);
                        }
                    }
                }
                syn::Item::Use(item) if !is_for_tests(&item.attrs) => {
                    let is_passed_on = !matches!(item.vis, syn::Visibility::Inherited);
                    flatten(&item.tree, Vec::new(), &mut |name, path| {
                        said.imports.push(Import {
                            name,
                            path,
                            is_passed_on,
                        });
                    });
                }
                item => said.visit_item(&item),
            }
        }
        self.0.insert(module.clone(), said);
    }

    /// The module that defines what `path` names, seen from `module`; `None` if it is of
    /// another crate.
    fn defining(&self, module: &Module, path: &[String], depth: u32) -> Option<Module> {
        // Imports may be circular where a glob is among them.
        if depth > 20 {
            return None;
        }
        let (first, rest) = path.split_first()?;
        let base = match first.as_str() {
            "crate" => Module::new(),
            "self" => module.clone(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            _ => return self.item(module, first, rest, depth),
        };
        match rest.split_first() {
            None => Some(base),
            Some((next, rest)) if next == "super" => {
                let path: Vec<_> = [next.clone()].into_iter().chain(rest.to_vec()).collect();
                self.defining(&base, &path, depth + 1)
            }
            Some((next, rest)) => self.item(&base, next, rest, depth),
        }
    }

    /// The same of `name` in a module, and `rest` below that.
    fn item(&self, module: &Module, name: &str, rest: &[String], depth: u32) -> Option<Module> {
        let said = self.0.get(module)?;
        // A function and a module may share a name: a path that ends there means the function.
        if rest.is_empty() && said.defines.contains(name) {
            return Some(module.clone());
        }
        let child = joined(module, name);
        if self.0.contains_key(&child) {
            return match rest.split_first() {
                Some((next, rest)) => self.item(&child, next, rest, depth + 1),
                None => Some(child),
            };
        }
        if said.defines.contains(name) {
            return Some(module.clone());
        }
        let of_name = said.imports.iter().filter(|import| import.name == name);
        let globs = said.imports.iter().filter(|import| import.name == "*");
        of_name.chain(globs).find_map(|import| {
            let mut path = import.path.clone();
            if import.name == "*" {
                path.push(name.to_owned());
            }
            path.extend_from_slice(rest);
            // A name that imports itself is a crate's: `use serde::..`.
            let is_own = path.first().map(String::as_str) == Some(name);
            if is_own {
                None
            } else {
                self.defining(module, &path, depth + 1)
            }
        })
    }

    /// Which file uses which, and a name that it uses.
    fn edges(&self) -> BTreeMap<PathBuf, BTreeMap<PathBuf, String>> {
        let mut edges: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (module, said) in &self.0 {
            let imports = said.imports.iter().filter(|import| !import.is_passed_on);
            let used = imports.map(|import| &import.path).chain(&said.names);
            for path in used {
                let Some(defining) = self.defining(module, path, 0) else {
                    continue;
                };
                let file = &self.0[&defining].file;
                if *file != said.file {
                    let from: &mut BTreeMap<_, _> = edges.entry(said.file.clone()).or_default();
                    from.entry(file.clone()).or_insert_with(|| path.join("::"));
                }
            }
        }
        edges
    }
}

impl<'ast> Visit<'ast> for Said {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_for_tests(attributes(item)) {
            return;
        }
        if let Some(name) = defined(item) {
            self.defines.insert(name.to_string());
        }
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        // Within a function.
        flatten(&item.tree, Vec::new(), &mut |_, path| self.names.push(path));
    }

    /// `pub(super)` is no use of what is above.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.names.push(names.collect());
        visit::visit_path(self, path);
    }

    /// What stands in a macro's arguments is not parsed: any words with `::` between them.
    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let text = called.tokens.to_string().replace(" :: ", "::");
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        for path in text
            .split(|c| !is_name(c))
            .filter(|path| path.contains("::"))
        {
            let names = path.split("::").filter(|name| !name.is_empty());
            self.names.push(names.map(str::to_owned).collect());
        }
        visit::visit_macro(self, called);
    }
}

fn joined(module: &Module, name: &str) -> Module {
    let mut child = module.clone();
    child.push(name.to_owned());
    child
}

/// Each import of a `use`, with its name here and its path.
fn flatten(
    tree: &syn::UseTree,
    mut before: Vec<String>,
    tell: &mut impl FnMut(String, Vec<String>),
) {
    match tree {
        syn::UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, tell);
        }
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before.clone(), tell);
            }
        }
        syn::UseTree::Name(name) if name.ident == "self" => {
            let name = before.last().cloned().unwrap_or_default();
            tell(name, before);
        }
        syn::UseTree::Name(name) => {
            before.push(name.ident.to_string());
            tell(name.ident.to_string(), before);
        }
        syn::UseTree::Rename(rename) => {
            if rename.ident != "self" {
                before.push(rename.ident.to_string());
            }
            tell(rename.rename.to_string(), before);
        }
        syn::UseTree::Glob(_) => tell("*".to_owned(), before),
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|of| of.is_ident("test")))
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        _ => &[],
    }
}

fn defined(item: &syn::Item) -> Option<&syn::Ident> {
    match item {
        syn::Item::Fn(item) => Some(&item.sig.ident),
        syn::Item::Struct(item) => Some(&item.ident),
        syn::Item::Enum(item) => Some(&item.ident),
        syn::Item::Const(item) => Some(&item.ident),
        syn::Item::Static(item) => Some(&item.ident),
        syn::Item::Trait(item) => Some(&item.ident),
        syn::Item::Type(item) => Some(&item.ident),
        syn::Item::Macro(item) => item.ident.as_ref(),
        _ => None,
    }
}

/// Files that need each other, directly or by way of others: the groups of more than one.
fn circles(edges: &BTreeMap<PathBuf, BTreeMap<PathBuf, String>>) -> Vec<BTreeSet<PathBuf>> {
    let reached = |from: &PathBuf| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(at) = open.pop() {
            for to in edges.get(at).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(to.clone()) {
                    open.push(to);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&PathBuf, _> = edges.keys().map(|file| (file, reached(file))).collect();
    let groups = reached.iter().map(|(file, to)| {
        let back = to
            .iter()
            .filter(|to| reached.get(to).is_some_and(|it| it.contains(*file)));
        back.cloned().collect::<BTreeSet<_>>()
    });
    let groups: BTreeSet<_> = groups.filter(|group| group.len() > 1).collect();
    groups.into_iter().collect()
}

/// The roots of the workspace's crates: of the host, and of the SDK.
fn roots() -> Vec<PathBuf> {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(host.join("crates")).unwrap();
    let mut dirs: Vec<_> = crates.map(|entry| entry.unwrap().path()).collect();
    let workspace = host.parent().unwrap();
    dirs.push(host.to_owned());
    dirs.extend(["guest-sdk", "guest-sdk/macros", "tests/support"].map(|dir| workspace.join(dir)));
    let roots = dirs
        .iter()
        .flat_map(|dir| ["lib.rs", "main.rs"].map(|name| dir.join("src").join(name)));
    let mut roots: Vec<_> = roots.filter(|root| root.exists()).collect();
    roots.sort();
    roots
}

#[test]
fn no_files_of_a_crate_need_each_other() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let name = |file: &Path| file.strip_prefix(workspace).unwrap().display().to_string();
    let mut complaint = String::new();
    let known = KNOWN
        .iter()
        .map(|files| files.iter().map(|file| (*file).to_owned()).collect());
    let mut known: BTreeSet<Vec<String>> = known.collect();
    for root in roots() {
        let edges = Crate::read(&root).edges();
        for circle in circles(&edges) {
            let files: Vec<String> = circle.iter().map(|file| name(file)).collect();
            if known.remove(&files) {
                continue;
            }
            complaint += "\nfiles that need each other:\n";
            for from in &circle {
                for (to, used) in edges[from].iter().filter(|(to, _)| circle.contains(*to)) {
                    complaint += &format!("  {} uses `{used}` of {}\n", name(from), name(to));
                }
            }
        }
    }
    assert!(complaint.is_empty(), "{complaint}");
    assert!(
        known.is_empty(),
        "these circles are gone, strike them: {known:?}"
    );
}

/// Each file with its text, then the circles.
#[track_caller]
fn check(files: &[(&str, &str)], expect: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let found = circles(&Crate::read(&dir.path().join("lib.rs")).edges());
    let found = found.iter().map(|circle| {
        let names = circle.iter().map(|file| file.strip_prefix(&dir).unwrap());
        let names: Vec<_> = names.map(|file| file.display().to_string()).collect();
        names.join(" ")
    });
    assert_eq!(found.collect::<Vec<_>>(), expect);
}

#[test]
fn a_circle_is_found_by_imports_and_by_names_in_code() {
    let root = ("lib.rs", "mod a; mod b; mod c;");
    check(
        &[
            root,
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B(super::a::A);"),
            ("c.rs", "use crate::{a::A, b::B};"),
        ],
        &["a.rs b.rs"],
    );
    check(
        &[
            root,
            ("a.rs", "pub fn a() { super::b::b() }"),
            ("b.rs", "use super::c; pub fn b() { c::c() }"),
            ("c.rs", r#"pub fn c() { println!("{:?}", crate::a::a()) }"#),
        ],
        &["a.rs b.rs c.rs"],
    );
    check(
        &[
            root,
            ("a.rs", "pub fn a() { super::b::b() }"),
            (
                "b.rs",
                "pub fn b() {} #[cfg(test)] mod tests { use crate::a::a; }",
            ),
            ("c.rs", "pub(super) fn c() {}"),
        ],
        &[],
    );
}

#[test]
fn an_import_is_followed_to_the_file_that_defines_it() {
    check(
        &[
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::A; pub struct B;"),
        ],
        &["a.rs b.rs"],
    );
}

#[test]
fn a_parent_may_pass_on_what_a_child_has_but_not_use_it() {
    let child = ("a/child.rs", "use super::A; pub fn child(_: A) {}");
    let root = ("lib.rs", "mod a;");
    let passes_on = "mod child; pub use child::child; pub struct A;";
    check(&[root, ("a.rs", passes_on), child], &[]);
    let calls = "mod child; pub struct A; pub fn a() { child::child(A) }";
    check(&[root, ("a.rs", calls), child], &["a/child.rs a.rs"]);
    let imports = "mod child; use child::child; pub struct A;";
    check(
        &[root, ("a/mod.rs", imports), child],
        &["a/child.rs a/mod.rs"],
    );
}
