//! Blobs, and the verbs about them.
//!
//! There is one writer, so no hold comes between the look for holders and the row that goes.

use async_trait::async_trait;
use model::{BlobDigest, BlobPlace, BlobRef, RunId, StoredBlob, Timestamp, UploadId};
use orchestrator::lifecycle::RunKey;
use rusqlite::Connection;
use store::{Blobs, DoomedUpload, Missing, StoreError, StoreResult};

use super::SqliteStore;
use super::holds::hold;
use super::sql::{Row, Sql, params};
use super::writer::Tx;

#[async_trait]
impl Blobs for SqliteStore {
    async fn begin_upload(
        &self,
        upload: UploadId,
        place: BlobPlace,
        now: Timestamp,
    ) -> StoreResult<()> {
        self.writer
            .write(move |tx| {
                tx.run(
                    "INSERT INTO blob_uploads (id, begun, place, doomed) VALUES (?1, ?2, ?3, 0)",
                    params![upload, now, place],
                )
                .map(drop)
            })
            .await
    }

    async fn note_parts(&self, upload: UploadId, parts: &str) -> StoreResult<()> {
        let parts = parts.to_owned();
        self.writer
            .write(move |tx| {
                let sql = "UPDATE blob_uploads SET parts = ?2 WHERE id = ?1 AND doomed = 0";
                known(upload, tx.run(sql, params![upload, parts])?)
            })
            .await
    }

    async fn put_bytes(&self, upload: UploadId, seq: u32, bytes: Vec<u8>) -> StoreResult<()> {
        self.writer
            .write(move |tx| {
                let put = tx.run(
                    "INSERT INTO blob_bytes (upload, seq, bytes)
                     SELECT id, ?2, ?3 FROM blob_uploads WHERE id = ?1 AND doomed = 0",
                    params![upload, seq, bytes],
                )?;
                known(upload, put)
            })
            .await
    }

    async fn bytes(&self, upload: UploadId, seq: u32) -> StoreResult<Option<Vec<u8>>> {
        self.read_long(move |conn| {
            conn.first(
                "SELECT bytes FROM blob_bytes WHERE upload = ?1 AND seq = ?2",
                params![upload, seq],
                |row| row.get(0),
            )
        })
        .await
    }

    async fn finish_upload(&self, run: RunId, blob: StoredBlob) -> StoreResult<StoredBlob> {
        self.writer.write(move |tx| finish(tx, run, &blob)).await
    }

    async fn break_off_upload(&self, upload: UploadId) -> StoreResult<()> {
        self.writer.write(move |tx| doom_upload(tx, upload)).await
    }

    async fn blob(&self, digest: BlobDigest) -> StoreResult<Option<StoredBlob>> {
        self.readers.with(|conn| blob(conn, digest))
    }

    async fn doom(&self, before: Timestamp, count: u32) -> StoreResult<u64> {
        let is_any = self.readers.with(|conn| {
            conn.any(
                "SELECT 1 FROM blobs WHERE loose = 1
                 UNION ALL SELECT 1 FROM blob_uploads WHERE doomed = 0 AND begun < ?1",
                [before],
            )
        })?;
        if !is_any {
            return Ok(0);
        }
        self.writer.write(move |tx| doom(tx, before, count)).await
    }

    async fn doomed(&self, count: u32) -> StoreResult<Vec<DoomedUpload>> {
        self.readers.with(|conn| {
            conn.all(
                "SELECT id, place, parts FROM blob_uploads WHERE doomed = 1 LIMIT ?1",
                [count],
                |row| {
                    Ok(DoomedUpload {
                        upload: row.get(0)?,
                        place: row.get(1)?,
                        parts: row.get(2)?,
                    })
                },
            )
        })
    }

    async fn forget_uploads(&self, uploads: &[UploadId]) -> StoreResult<()> {
        for upload in uploads.iter().copied() {
            let forget = move |tx: &Tx<'_>| {
                tx.run("DELETE FROM blob_bytes WHERE upload = ?1", [upload])?;
                let sql = "DELETE FROM blob_uploads WHERE id = ?1 AND doomed = 1";
                tx.run(sql, [upload]).map(drop)
            };
            self.writer.write(forget).await?;
        }
        Ok(())
    }
}

/// Errs if there was no such upload.
fn known(upload: UploadId, rows: usize) -> StoreResult<()> {
    match rows {
        0 => Err(StoreError::NotFound(Missing::Upload(upload))),
        _ => Ok(()),
    }
}

fn finish(tx: &Tx<'_>, run: RunId, new: &StoredBlob) -> StoreResult<StoredBlob> {
    let key: Option<RunKey> = tx.first(
        // Of one that is deleted a row may be left, under another id.
        "SELECT no FROM flow_runs WHERE id = ?1",
        [run],
        |row| row.get(0),
    )?;
    let key = key.ok_or(StoreError::NotFound(Missing::Run(run)))?;
    let sql = "SELECT 1 FROM blob_uploads WHERE id = ?1 AND doomed = 0";
    known(new.upload, tx.any(sql, [new.upload])?.into())?;
    let kept = match blob(tx, new.blob.digest)? {
        Some(kept) => {
            doom_upload(tx, new.upload)?;
            kept
        }
        None => {
            tx.run(
                "INSERT INTO blobs (digest, size, created, upload, place, loose)
                 VALUES (?1, ?2, ?3, ?4, ?5, 0)",
                params![
                    new.blob.digest,
                    new.blob.size.cast_signed(),
                    new.created,
                    new.upload,
                    new.place
                ],
            )?;
            tx.run("DELETE FROM blob_uploads WHERE id = ?1", [new.upload])?;
            new.clone()
        }
    };
    hold(tx, key, &[new.blob.digest])?;
    Ok(kept)
}

fn doom_upload(tx: &Tx<'_>, upload: UploadId) -> StoreResult<()> {
    tx.run("UPDATE blob_uploads SET doomed = 1 WHERE id = ?1", [upload])
        .map(drop)
}

fn doom(tx: &Tx<'_>, before: Timestamp, count: u32) -> StoreResult<u64> {
    let loose: Vec<(BlobDigest, bool)> = tx.all(
        "SELECT digest, EXISTS (SELECT 1 FROM run_blobs h WHERE h.digest = b.digest)
             OR EXISTS (SELECT 1 FROM cached_blobs h WHERE h.digest = b.digest)
         FROM blobs b WHERE loose = 1 LIMIT ?1",
        [count],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut looked_at = loose.len();
    for (digest, is_held) in loose {
        if is_held {
            tx.run("UPDATE blobs SET loose = 0 WHERE digest = ?1", [digest])?;
            continue;
        }
        tx.run(
            "INSERT INTO blob_uploads (id, begun, place, doomed)
             SELECT upload, created, place, 1 FROM blobs WHERE digest = ?1",
            [digest],
        )?;
        tx.run("DELETE FROM blobs WHERE digest = ?1", [digest])?;
    }
    looked_at += tx.run(
        "UPDATE blob_uploads SET doomed = 1 WHERE id IN (
             SELECT id FROM blob_uploads WHERE doomed = 0 AND begun < ?1 LIMIT ?2
         )",
        params![before, count],
    )?;
    Ok(looked_at as u64)
}

fn blob(conn: &Connection, digest: BlobDigest) -> StoreResult<Option<StoredBlob>> {
    let select = "SELECT digest, size, upload, place, created FROM blobs WHERE digest = ?1";
    conn.first(select, [digest], stored)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredBlob> {
    Ok(StoredBlob {
        blob: BlobRef {
            digest: row.get(0)?,
            size: row.get::<_, i64>(1)?.cast_unsigned(),
        },
        upload: row.get(2)?,
        place: row.get(3)?,
        created: row.get(4)?,
    })
}
