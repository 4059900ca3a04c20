//! Tasks with directories and variables of their own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};

use guest_sdk::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Deed {
    Read(String),
    Write(String, String),
    Append(String, String),
    List(String),
    Count(String),
    /// A file of so many KiB, which is removed, so often.
    WriteAndRemove(String, usize, u32),
    MakeDir(String),
    Remove(String),
    RemoveDir(String),
    Rename(String, String),
    /// The content of the link, and where it is.
    Link(String, String),
    Truncate(String),
    /// Reads it so often, and counts what was read.
    ReadOften(String, u32),
    Env(String),
    TempDir,
    /// Reads, and fails with something else if that fails.
    ReadAndGoOn(String),
}

#[task]
fn deed(deed: Deed) -> Result<Value> {
    Ok(match deed {
        Deed::Read(path) => json!(fs::read_to_string(path)?),
        Deed::Write(path, text) => json!(fs::write(path, text)?),
        Deed::Append(path, text) => {
            let mut file = fs::OpenOptions::new().append(true).open(path)?;
            json!(file.write_all(text.as_bytes())?)
        }
        Deed::List(path) => {
            let mut names = Vec::new();
            for entry in fs::read_dir(path)? {
                names.push(entry?.file_name().to_string_lossy().into_owned());
            }
            names.sort();
            json!(names)
        }
        Deed::Count(path) => json!(fs::read_dir(path)?.count()),
        Deed::WriteAndRemove(path, kib, times) => {
            for _ in 0..times {
                fs::write(&path, vec![7; kib << 10])?;
                fs::remove_file(&path)?;
            }
            json!(times)
        }
        Deed::MakeDir(path) => json!(fs::create_dir(path)?),
        Deed::Remove(path) => json!(fs::remove_file(path)?),
        Deed::RemoveDir(path) => json!(fs::remove_dir(path)?),
        Deed::Rename(from, to) => json!(fs::rename(from, to)?),
        #[allow(deprecated)]
        Deed::Link(content, path) => json!(fs::soft_link(content, path)?),
        Deed::Truncate(path) => {
            let file = fs::OpenOptions::new().write(true).open(path)?;
            json!(file.set_len(0)?)
        }
        Deed::ReadOften(path, times) => {
            let mut read = BTreeMap::<String, u32>::new();
            for _ in 0..times {
                let mut text = String::new();
                let opened = fs::File::open(&path);
                let found = opened.and_then(|mut file| file.read_to_string(&mut text));
                let found = found.map_or("none".to_owned(), |_| text);
                *read.entry(found).or_default() += 1;
            }
            json!(read)
        }
        Deed::Env(name) => json!(std::env::var(name).ok()),
        Deed::TempDir => json!(std::env::temp_dir()),
        Deed::ReadAndGoOn(path) => {
            let _ = fs::read(path);
            bail!("something else")
        }
    })
}

/// Does these in turn, each in a task.
#[flow]
fn do_all(deeds: Vec<Deed>) -> Result<Vec<Value>> {
    deeds.into_iter().map(deed).collect()
}

/// Does it in a task that may be tried twice.
#[flow]
fn do_it(does: Deed) -> Result<Value> {
    deed::options().retries(1).call(does)
}

/// Does it in the flow itself.
#[flow]
fn do_it_here(does: Deed) -> Result<Value> {
    deed::call(does)
}

#[task]
fn own() -> Result<usize> {
    let before = fs::read_dir("/tmp")?.count();
    fs::write("/tmp/a", "a")?;
    fs::create_dir("/tmp/b")?;
    fs::write("/tmp/b/c", "c")?;
    fs::rename("/tmp/a", "/tmp/b/a")?;
    ensure!(fs::read("/tmp/b/a")? == b"a", "what was written is read");
    ensure!(before == 0, "the directory was not empty: {before}");
    if context().task()?.attempt == 1 {
        bail!("once more");
    }
    Ok(fs::read_dir("/tmp/b")?.count())
}

/// Uses a directory of its own in each of two attempts.
#[flow]
fn use_tmp() -> Result<usize> {
    own::options().retries(1).call()
}
