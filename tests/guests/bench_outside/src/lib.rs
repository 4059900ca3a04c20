//! Flows to measure with whose tasks call the outside, or write and read blobs. They are apart from
//! the others, which would be larger for what they do not use.

use std::time::Instant;

use guest_sdk::prelude::*;

#[task]
fn ask(url: String) -> Result<usize> {
    Ok(http::get(url).send()?.error_for_status()?.bytes()?.len())
}

/// `n` tasks, one after the other, which make a request each.
#[flow]
fn serial_outside(n: u32, url: String) -> Result<()> {
    for _ in 0..n {
        ask(url.clone())?;
    }
    Ok(())
}

/// `n` such tasks, `at_once` of them at the same time.
#[flow]
async fn many_outside(n: u32, at_once: u32, url: String) -> Result<()> {
    let each = async |_| {
        for _ in 0..n / at_once {
            ask::submit(url.clone()).await?;
        }
        Ok::<_, Error>(())
    };
    try_join_all((0..at_once).map(each)).await?;
    Ok(())
}

#[task]
async fn ask_often(n: u32, at_once: u32, url: String) -> Result<u64> {
    let begin = Instant::now();
    let each = async |_| {
        for _ in 0..n / at_once {
            let answer = http::get(&url).send_async().await?;
            answer.error_for_status()?.bytes_async().await?;
        }
        Ok::<_, Error>(())
    };
    try_join_all((0..at_once).map(each)).await?;
    Ok(begin.elapsed().as_micros() as u64)
}

/// How many microseconds it takes one task to make `n` requests, `at_once` of them at the same time.
#[flow]
async fn requests(n: u32, at_once: u32, url: String) -> Result<u64> {
    ask_often(n, at_once, url).await
}

#[task]
fn write_parts(mb: usize) -> Result<Blob> {
    let mut writer = blob::writer()?;
    let part = vec![7; 1_000_000];
    for _ in 0..mb {
        std::io::Write::write_all(&mut writer, &part)?;
    }
    writer.finish()
}

/// A blob of so many MB.
#[flow]
fn write_blob(mb: usize) -> Result<Blob> {
    write_parts(mb)
}

#[task]
fn read_parts(blob: Blob) -> Result<u64> {
    let mut reader = blob.reader()?;
    Ok(std::io::copy(&mut reader, &mut std::io::sink())?)
}

/// Reads all of a blob.
#[flow]
fn read_blob(blob: Blob) -> Result<u64> {
    read_parts(blob)
}
