//! A large blob beside a copy of a file of its size.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::bed::Bed;
use crate::figures::Sample;

/// Its size, in bytes.
const SIZE: usize = 100_000_000;

/// What the task writes at once, in bytes.
const PART: usize = 1_000_000;

/// The copy, the blob that is written, and how many times as long that took; and the same of one
/// that is read.
pub async fn blob(bed: &Bed) -> anyhow::Result<Vec<Sample>> {
    let dir = bed.dir.clone();
    let copied = tokio::task::spawn_blocking(move || copied(&dir)).await??;
    let parameters = format!(r#"{{"mb":{}}}"#, SIZE / PART);
    let (run, wrote) = bed.run_to_end("write-blob", &parameters).await?;
    let written = bed.read(run).await?.outcome;
    let written = written.and_then(Result::ok);
    let blob = written.ok_or_else(|| anyhow::anyhow!("the flow has written no blob"))?;
    let (_, read) = bed
        .run_to_end("read-blob", &format!(r#"{{"blob":{blob}}}"#))
        .await?;
    Ok(vec![
        Sample::ms("copy", copied),
        Sample::ms("write", wrote),
        Sample::times("write / copy", wrote, copied),
        Sample::ms("read", read),
        Sample::times("read / copy", read, copied),
    ])
}

/// How long it takes to copy a file, and to sync the copy and its name.
fn copied(dir: &Path) -> anyhow::Result<Duration> {
    let (from, to) = (dir.join("from"), dir.join("to"));
    if !from.exists() {
        let mut file = File::create(&from)?;
        for part in 0..SIZE / PART {
            file.write_all(&vec![part as u8; PART])?;
        }
        file.sync_all()?;
    }
    let begin = Instant::now();
    fs::copy(&from, &to)?;
    File::open(&to)?.sync_all()?;
    File::open(dir)?.sync_all()?;
    let took = begin.elapsed();
    fs::remove_file(&to)?;
    Ok(took)
}
