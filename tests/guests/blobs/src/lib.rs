//! Flows and tasks that write, pass on and read blobs.

use std::io::{Read as _, Write as _};

use guest_sdk::prelude::*;

const MIB: usize = 1 << 20;

/// Bytes that repeat only after a prime number of them.
fn pattern(from: usize, size: usize) -> Vec<u8> {
    (from..from + size).map(|at| (at % 251) as u8).collect()
}

#[task]
fn make(mib: usize) -> Result<Blob> {
    let mut writer = blob::writer()?;
    for part in 0..mib {
        writer.write_all(&pattern(part * MIB, MIB))?;
    }
    writer.finish()
}

/// How many bytes of a blob are as `make` wrote them.
#[task]
fn check(blob: Blob) -> Result<usize> {
    let mut reader = blob.reader()?;
    let (mut part, mut at) = (vec![0; 100_000], 0);
    loop {
        match reader.read(&mut part)? {
            0 => return Ok(at),
            read => {
                ensure!(
                    part[..read] == pattern(at, read),
                    "other bytes from {at} on"
                );
                at += read;
            }
        }
    }
}

/// A value with blobs within it.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Report {
    name: String,
    parts: Vec<Blob>,
}

/// Writes in one task, and reads in another.
#[flow]
fn write_and_check(mib: usize) -> Result<usize> {
    check(make(mib)?)
}

/// Keeps a blob in its result.
#[flow]
fn make_one(mib: usize) -> Result<Blob> {
    make(mib)
}

#[task]
fn write_text(text: String) -> Result<Blob> {
    blob::write(text)
}

#[task]
fn read_text(blob: Blob) -> Result<String> {
    Ok(String::from_utf8(blob.read()?)?)
}

/// A report with a blob of each text.
#[flow]
fn report(texts: Vec<String>) -> Result<Report> {
    let parts: Result<Vec<Blob>> = texts.into_iter().map(write_text).collect();
    Ok(Report {
        name: "all".to_owned(),
        parts: parts?,
    })
}

/// The texts of a report that another run has made.
#[flow]
fn read_report(report: Report) -> Result<Vec<String>> {
    report.parts.into_iter().map(read_text).collect()
}

/// Lets a child run make a report, and reads it.
#[flow]
async fn ask_child(texts: Vec<String>) -> Result<Vec<String>> {
    let child = run_deployment("report/report-deployment")
        .parameter("texts", texts)
        .await?;
    let report: Report = child.result()?;
    report.parts.into_iter().map(read_text).collect()
}

/// Waits for a person between writing and reading.
#[flow]
async fn hold_on(text: String) -> Result<String> {
    let blob = write_text(text)?;
    suspend_for_input::<bool>("go-on").await?;
    read_text(blob)
}

/// Reads what stands for a blob, in a task that may be tried again.
#[flow]
fn read_one(blob: Blob) -> Result<String> {
    read_text::options().retries(2).call(blob)
}

/// Writes in the flow itself.
#[flow]
fn write_in_flow() -> Result<Blob> {
    blob::write("abc")
}

/// Reads in the flow itself.
#[flow]
fn read_in_flow(blob: Blob) -> Result<usize> {
    Ok(blob.read()?.len())
}

/// Writes, tells of it, and never ends.
#[task]
fn write_and_stay(text: String) -> Result<()> {
    let mut writer = blob::writer()?;
    writer.write_all(text.as_bytes())?;
    writer.flush()?;
    info!("has written");
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[flow]
fn stay(text: String) -> Result<()> {
    write_and_stay(text)
}

/// Drops a blob that it has not finished.
#[task]
fn give_up() -> Result<()> {
    let mut writer = blob::writer()?;
    writer.write_all(&pattern(0, 3 * MIB))?;
    drop(writer);
    bail!("gave up")
}

#[flow]
fn gives_up() -> Result<()> {
    give_up()
}
