//! The floors of the host: which crate may use which, and what may be named where.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What each crate may use of the others. What is absent is forbidden.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("orchestrator", &["model"]),
    ("wasm", &["model", "orchestrator"]),
    ("blobs", &[]),
    ("vault", &["model"]),
    ("store", &["model", "orchestrator"]),
    ("store-postgres", &["model", "orchestrator", "store"]),
    ("store-sqlite", &["model", "orchestrator", "store"]),
    (
        "operations",
        &["blobs", "model", "orchestrator", "store", "vault"],
    ),
    (
        "worker",
        &[
            "blobs",
            "model",
            "operations",
            "orchestrator",
            "store",
            "vault",
            "wasm",
        ],
    ),
    ("server", &["model", "operations", "store"]),
    ("client", &["model", "operations"]),
    (
        "bench",
        &[
            "blobs",
            "model",
            "operations",
            "orchestrator",
            "store",
            "wasm",
            "worker",
        ],
    ),
];

/// The crates below `host/crates`, each with its name there.
fn crates() -> Vec<(String, PathBuf)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    found.sort();
    found
}

#[test]
fn a_crate_uses_only_those_that_its_floor_allows() {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let metadata = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{metadata:?}");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut checked = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let Some(name) = package["name"].as_str().unwrap().strip_prefix("orch-host-") else {
            continue;
        };
        let (_, allowed) = EDGES
            .iter()
            .find(|(of, _)| *of == name)
            .unwrap_or_else(|| panic!("crate `{name}` has no floor"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let is_for_tests = dependency["kind"] == "dev";
            if let Some(used) = used
                .strip_prefix("orch-host-")
                .or(used.eq("orch-host").then_some(used))
                && !is_for_tests
            {
                assert!(allowed.contains(&used), "`{name}` must not use `{used}`");
            }
        }
        checked.insert(name.to_owned());
    }
    let all: BTreeSet<String> = crates().into_iter().map(|(name, _)| name).collect();
    assert_eq!(checked, all);
}

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

/// Every source of the host, with the crate it belongs to (`cli` for the binary).
fn modules() -> Vec<(String, PathBuf, String)> {
    let mut roots = crates();
    roots.push((
        "cli".to_owned(),
        Path::new(env!("CARGO_MANIFEST_DIR")).to_owned(),
    ));
    let mut all = Vec::new();
    for (name, root) in roots {
        let mut found = Vec::new();
        sources(&root.join("src"), &mut found);
        for path in found {
            let text = fs::read_to_string(&path).unwrap();
            all.push((name.clone(), path, text));
        }
    }
    all
}

/// The program's part of a source: tests, which stand last, may look anywhere.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text)
}

#[test]
fn each_engine_is_named_in_one_place_only() {
    for (word, place) in [
        ("wasmtime", "wasm"),
        ("wasmtime_wasi", "wasm"),
        ("rusqlite", "store-sqlite"),
        ("tokio_postgres", "store-postgres"),
        ("object_store", "blobs"),
        ("println!", "cli"),
        ("print!", "cli"),
        ("clap", "cli"),
    ] {
        for (module, path, text) in modules() {
            // The simulation is compiled for tests only, and prints the trace of a failure.
            let is_simulation = path
                .components()
                .any(|part| part.as_os_str() == "simulation");
            let is_named = without_tests(&text)
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| {
                    line.contains(&format!("{word}::"))
                        || (word.ends_with('!') && line.contains(word))
                });
            assert!(
                module == place || is_simulation || !is_named,
                "{} names {word}",
                path.display()
            );
        }
    }
}

/// What decides must not ask: no clock, no chance, no files, no waiting.
#[test]
fn model_and_orchestrator_do_no_io() {
    let forbidden = [
        "std::fs",
        "std::net",
        "tokio",
        "SystemTime::now",
        "Instant::now",
        "now_v7",
        "new_v4",
        "petname",
        "rand::",
        "async fn",
    ];
    for (module, path, text) in modules() {
        // Compiled for tests only.
        if !["model", "orchestrator"].contains(&&*module) || path.ends_with("testing.rs") {
            continue;
        }
        for word in forbidden {
            assert!(!text.contains(word), "{} uses {word}", path.display());
        }
    }
}
