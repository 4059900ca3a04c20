//! The floors of the host: a module imports only from those above it.

use std::fs;
use std::path::{Path, PathBuf};

/// Top to bottom. What stands in one line does not see each other.
const FLOORS: [&[&str]; 7] = [
    &["model"],
    &["orchestrator"],
    &["store", "wasm"],
    &["worker"],
    &["scheduler"],
    &["bench"],
    &["cli"],
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// Every source of the host with the module it belongs to.
fn modules() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&src, &mut found);
    let module = |path: &Path| {
        let first = path
            .strip_prefix(&src)
            .unwrap()
            .components()
            .next()
            .unwrap();
        let name = first.as_os_str().to_str().unwrap();
        name.trim_end_matches(".rs").to_owned()
    };
    found
        .into_iter()
        .map(|path| (module(&path), fs::read_to_string(&path).unwrap(), path))
        .map(|(module, text, path)| (module, path, text))
        .collect()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The program's part of a source: tests, which stand last, may look anywhere.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text)
}

/// The modules that a source names by `crate::`, alone or in braces, each with its line.
fn named(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let line = text[..at].lines().count().max(1);
        let rest = &text[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push((line, first_word(rest)));
            continue;
        };
        let mut depth = 1;
        let mut is_new = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => is_new = true,
                _ if is_new && !c.is_whitespace() => {
                    found.push((line, first_word(&group[at..])));
                    is_new = false;
                }
                _ => (),
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

fn first_word(text: &str) -> String {
    let is_part = |c: &char| c.is_alphanumeric() || *c == '_';
    text.chars().take_while(is_part).collect()
}

#[test]
fn imports_are_found_in_every_form() {
    let source = "use crate::model::Run;\nuse crate::{\n    store::{Store, sqlite},\n    wasm,\n};\n\
                  fn f() -> crate::cli::Output {}\n\n#[cfg(test)]\nmod tests {\n    use crate::worker::W;\n}\n";
    let found = named(without_tests(source));
    let names: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["model", "store", "wasm", "cli"]);
}

#[test]
fn a_module_imports_only_from_the_floors_above() {
    for (module, path, text) in modules() {
        let Some(own) = floor(&module) else {
            assert!(["lib", "main"].contains(&&*module), "{module} has no floor");
            continue;
        };
        for (line, used) in named(without_tests(&text)) {
            let Some(other) = floor(&used) else { continue };
            assert!(
                other < own || used == module,
                "{}:{line}: {module} must not import from {used}",
                path.display(),
            );
        }
    }
}

#[test]
fn each_engine_is_named_in_one_place_only() {
    for (word, place) in [
        ("wasmtime", "src/wasm/"),
        ("wasmtime_wasi", "src/wasm/"),
        ("rusqlite", "src/store/sqlite/"),
        ("println!", "src/cli/"),
        ("print!", "src/cli/"),
        ("clap", "src/cli/"),
    ] {
        for (_, path, text) in modules() {
            // The simulation is compiled for tests only, and prints the trace of a failure.
            let path_text = path.to_str().unwrap();
            let allowed = path_text.contains(place) || path_text.contains("/store/simulation");
            let is_named = without_tests(&text)
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| {
                    line.contains(&format!("{word}::"))
                        || (word.ends_with('!') && line.contains(word))
                });
            assert!(allowed || !is_named, "{} names {word}", path.display());
        }
    }
}

/// What decides must not ask: no clock, no files, no waiting.
#[test]
fn model_and_orchestrator_do_no_io() {
    let forbidden = [
        "std::fs",
        "std::net",
        "tokio",
        "SystemTime::now",
        "Instant::now",
        "async fn",
    ];
    for (module, path, text) in modules() {
        if !["model", "orchestrator"].contains(&&*module) {
            continue;
        }
        for word in forbidden {
            assert!(!text.contains(word), "{} uses {word}", path.display());
        }
    }
}
