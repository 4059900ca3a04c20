//! Every line that the program may say is in a list, so that it can be read in one sitting, and
//! so that a new one is seen by whoever reviews it.
//!
//! The list is read from the sources: the text of each error, and every text of some words that
//! is not for tests, not SQL and not for who reads a panic. A text with `{}` is shown with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// What is said by the program, and not by a library that it has inside.
const SAYING: [&str; 12] = [
    "host/src",
    "host/crates/bench/src",
    "host/crates/blobs/src",
    "host/crates/client/src",
    "host/crates/model/src",
    "host/crates/operations/src",
    "host/crates/orchestrator/src",
    "host/crates/server/src",
    "host/crates/store/src",
    "host/crates/vault/src",
    "host/crates/wasm/src",
    "host/crates/worker/src",
];
/// These describe the API, in whole sentences, as doc comments do.
const DESCRIBING: [&str; 3] = [
    "host/crates/model/src/schema.rs",
    "host/crates/operations/src/view/run.rs",
    "host/crates/wasm/src/fields/mod.rs",
];
/// Words that say nothing, or that the program says otherwise.
const NOT_OURS: [&str; 11] = [
    "please",
    "sorry",
    "oops",
    "successfully",
    "unable to",
    "failed to ",
    "e.g.",
    "i.e.",
    "etc.",
    "canceled",
    "job",
];

/// The texts of one file.
#[derive(Default)]
struct Said(Vec<String>);

impl Said {
    fn add(&mut self, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = text.split(' ').filter(|word| {
            let letters = word.chars().filter(|it| it.is_alphabetic());
            letters.count() > 1
        });
        if words.count() > 1 && !is_sql(&text) && !self.0.contains(&text) {
            self.0.push(text);
        }
    }

    /// The texts within a macro, of which nobody knows the grammar.
    fn add_tokens(&mut self, tokens: proc_macro2::TokenStream) {
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Group(group) if is_doc(&group) => {}
                proc_macro2::TokenTree::Group(group) => self.add_tokens(group.stream()),
                proc_macro2::TokenTree::Literal(literal) => {
                    let parsed = syn::parse_str::<syn::LitStr>(&literal.to_string());
                    if let Ok(text) = parsed {
                        self.add(&text.value());
                    }
                }
                _ => {}
            }
        }
    }
}

/// A doc comment within a macro.
fn is_doc(group: &proc_macro2::Group) -> bool {
    let first = group.stream().into_iter().next();
    matches!(first, Some(proc_macro2::TokenTree::Ident(it)) if it == "doc")
}

fn is_sql(text: &str) -> bool {
    let begins = [
        "SELECT ", "INSERT ", "UPDATE ", "DELETE ", "PRAGMA ", "WITH ",
    ];
    begins.iter().any(|begin| text.starts_with(begin))
}

fn is_for_tests(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| {
        let is_cfg = attr.path().is_ident("cfg");
        attr.path().is_ident("test") || is_cfg && attr.meta.to_token_text().contains("test")
    })
}

trait TokenText {
    fn to_token_text(&self) -> String;
}

impl TokenText for syn::Meta {
    fn to_token_text(&self) -> String {
        match self {
            syn::Meta::List(list) => list.tokens.to_string(),
            _ => String::new(),
        }
    }
}

impl<'ast> Visit<'ast> for Said {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attrs = match item {
            syn::Item::Mod(it) => &it.attrs,
            syn::Item::Fn(it) => &it.attrs,
            syn::Item::Impl(it) => &it.attrs,
            syn::Item::Use(it) => &it.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attrs) {
            visit::visit_item(self, item);
        }
    }

    fn visit_attribute(&mut self, attr: &'ast syn::Attribute) {
        // `doc` is for readers of the code, or of `--help`, which has its own list.
        if attr.path().is_ident("error")
            && let syn::Meta::List(list) = &attr.meta
        {
            self.add_tokens(list.tokens.clone());
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.add(&literal.value());
    }

    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        let name = found.path.segments.last().map(|it| it.ident.to_string());
        let is_for_panics = |name: &str| {
            name.starts_with("assert") || name.starts_with("debug_assert") || name == "unreachable"
        };
        if !name.is_some_and(|name| is_for_panics(&name)) {
            self.add_tokens(found.tokens.clone());
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "expect" || call.method == "expect_err" {
            return self.visit_expr(&call.receiver);
        }
        visit::visit_expr_method_call(self, call);
    }
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_test = name.ends_with("tests.rs") || name == "tests" || name == "testing.rs";
        if path.is_dir() {
            // What runs a store in tests is no part of the program.
            if !is_test && name != "contract" && name != "simulation" {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && !is_test {
            found.push(path);
        }
    }
}

/// Every text that the program may say, by file.
fn said() -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for dir in SAYING {
        sources(&root.join(dir), &mut files);
    }
    let mut said = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let parsed = syn::parse_file(&text).unwrap_or_else(|err| panic!("{file:?}: {err}"));
        let mut texts = Said::default();
        texts.visit_file(&parsed);
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        if !texts.0.is_empty() && !DESCRIBING.contains(&name.as_str()) {
            said.insert(name, texts.0);
        }
    }
    said
}

#[test]
fn every_line_is_in_a_list() {
    let mut list = String::new();
    for (file, texts) in said() {
        list += &format!("\n{file}\n");
        for text in texts {
            list += &format!("  {text}\n");
        }
    }
    insta::assert_snapshot!("lines", list);
}

#[test]
fn all_lines_are_said_in_one_voice() {
    let mut wrong = Vec::new();
    for (file, texts) in said() {
        for text in texts {
            let lower = text.to_lowercase();
            let strange = NOT_OURS.iter().find(|word| {
                lower.split(' ').any(|it| it == word.trim())
                    || word.contains(' ') && lower.contains(*word)
            });
            if let Some(strange) = strange {
                wrong.push(format!("{file}: `{strange}` in: {text}"));
            }
            // One sentence has no final period, but on a page.
            let sentences = text.matches(". ").count() + 1;
            let is_page = file.starts_with("host/crates/server/");
            if !is_page && sentences == 1 && text.ends_with('.') && !text.ends_with("..") {
                wrong.push(format!("{file}: a final period in: {text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
