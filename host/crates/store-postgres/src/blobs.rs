//! Blobs, and the verbs about them.
//!
//! Who adds a hold locks the row of its blob, and who dooms a blob locks it in the other way before
//! it looks for holders: the look is a statement of its own, so it sees what was committed
//! meanwhile. A row that is locked is left for the next time, so who dooms waits for nobody.

use std::sync::Arc;

use async_trait::async_trait;
use model::{BlobDigest, BlobPlace, BlobRef, RunId, StoredBlob, Timestamp, UploadId};
use orchestrator::lifecycle::RunKey;
use store::{Blobs, DoomedUpload, Missing, StoreError, StoreResult};

use super::PostgresStore;
use super::holds::hold;
use super::sql::{Conn, Row, params};
use super::verbs::write;
use crate::columns::List;
use crate::error::Pg;
use crate::tx::Tx;

#[async_trait]
impl Blobs for PostgresStore {
    async fn begin_upload(
        &self,
        upload: UploadId,
        place: BlobPlace,
        now: Timestamp,
    ) -> StoreResult<()> {
        write!(self, |tx| {
            tx.run(
                "INSERT INTO blob_uploads (id, begun, place, doomed) VALUES ($1, $2, $3, false)",
                params![upload, now, place],
            );
            Ok(())
        })
        .await
    }

    async fn note_parts(&self, upload: UploadId, parts: &str) -> StoreResult<()> {
        let parts = parts.to_owned();
        write!(self, |tx, parts| {
            let sql = "UPDATE blob_uploads SET parts = $2 WHERE id = $1 AND NOT doomed RETURNING 1";
            known(upload, tx.any(sql, params![upload, *parts]).await?)
        })
        .await
    }

    async fn put_bytes(&self, upload: UploadId, seq: u32, bytes: Vec<u8>) -> StoreResult<()> {
        write!(self, |tx, bytes| {
            let sql = "INSERT INTO blob_bytes (upload, seq, bytes)
                 SELECT id, $2, $3 FROM blob_uploads WHERE id = $1 AND NOT doomed RETURNING 1";
            let put = params![upload, i64::from(seq), *bytes];
            known(upload, tx.any(sql, put).await?)
        })
        .await
    }

    async fn bytes(&self, upload: UploadId, seq: u32) -> StoreResult<Option<Vec<u8>>> {
        self.read(async move |conn| {
            let select = "SELECT bytes FROM blob_bytes WHERE upload = $1 AND seq = $2";
            conn.first(select, params![upload, i64::from(seq)], |row| row.get(0))
                .await
        })
        .await
    }

    async fn finish_upload(&self, run: RunId, blob: StoredBlob) -> StoreResult<StoredBlob> {
        write!(self, |tx, blob| finish(&tx, run, &blob).await).await
    }

    async fn break_off_upload(&self, upload: UploadId) -> StoreResult<()> {
        write!(self, |tx| {
            doom_upload(&tx, upload);
            Ok(())
        })
        .await
    }

    async fn blob(&self, digest: BlobDigest) -> StoreResult<Option<StoredBlob>> {
        self.read(async move |conn| {
            let select = "SELECT digest, size, upload, place, created FROM blobs WHERE digest = $1";
            conn.first(select, params![digest], stored).await
        })
        .await
    }

    async fn doom(&self, before: Timestamp, count: u32) -> StoreResult<u64> {
        let is_any = self
            .read(async move |conn| {
                conn.any(
                    "SELECT 1 FROM blobs WHERE loose
                     UNION ALL SELECT 1 FROM blob_uploads WHERE NOT doomed AND begun < $1 LIMIT 1",
                    params![before],
                )
                .await
            })
            .await?;
        if !is_any {
            return Ok(0);
        }
        write!(self, |tx| doom(&tx, before, count).await).await
    }

    async fn doomed(&self, count: u32) -> StoreResult<Vec<DoomedUpload>> {
        self.read(async move |conn| {
            conn.all(
                "SELECT id, place, parts FROM blob_uploads WHERE doomed LIMIT $1",
                params![i64::from(count)],
                |row| {
                    Ok(DoomedUpload {
                        upload: row.get(0)?,
                        place: row.get(1)?,
                        parts: row.get(2)?,
                    })
                },
            )
            .await
        })
        .await
    }

    async fn forget_uploads(&self, uploads: &[UploadId]) -> StoreResult<()> {
        let uploads = uploads.to_vec();
        write!(self, |tx, uploads| {
            let all = || params![List(&uploads)];
            tx.run("DELETE FROM blob_bytes WHERE upload = ANY($1)", all());
            let sql = "DELETE FROM blob_uploads WHERE id = ANY($1) AND doomed";
            tx.run(sql, all());
            Ok(())
        })
        .await
    }
}

/// Errs if there is no such upload.
fn known(upload: UploadId, is_known: bool) -> Pg<()> {
    if is_known {
        Ok(())
    } else {
        Err(StoreError::NotFound(Missing::Upload(upload)).into())
    }
}

async fn finish(tx: &Tx, run: RunId, new: &StoredBlob) -> Pg<StoredBlob> {
    // Whoever deletes the run waits, and finds the hold.
    let key: Option<RunKey> = tx
        .first(
            "SELECT no FROM flow_runs WHERE id = $1 FOR KEY SHARE",
            params![run],
            |row| row.get(0),
        )
        .await?;
    let key = key.ok_or(StoreError::NotFound(Missing::Run(run)))?;
    let sql = "SELECT 1 FROM blob_uploads WHERE id = $1 AND NOT doomed FOR UPDATE";
    known(new.upload, tx.any(sql, params![new.upload]).await?)?;
    let is_new = tx
        .any(
            "INSERT INTO blobs (digest, size, created, upload, place, loose)
             VALUES ($1, $2, $3, $4, $5, false) ON CONFLICT (digest) DO NOTHING RETURNING 1",
            params![
                new.blob.digest,
                new.blob.size.cast_signed(),
                new.created,
                new.upload,
                new.place
            ],
        )
        .await?;
    let kept = if is_new {
        let sql = "DELETE FROM blob_uploads WHERE id = $1";
        tx.run(sql, params![new.upload]);
        new.clone()
    } else {
        doom_upload(tx, new.upload);
        let kept = tx
            .first(
                "SELECT digest, size, upload, place, created FROM blobs WHERE digest = $1
                 FOR KEY SHARE",
                params![new.blob.digest],
                stored,
            )
            .await?;
        let gone = || StoreError::Unavailable("a blob is deleted at this moment".to_owned());
        kept.ok_or_else(gone)?
    };
    hold(tx, key, &[new.blob.digest]);
    Ok(kept)
}

fn doom_upload(tx: &Tx, upload: UploadId) {
    let sql = "UPDATE blob_uploads SET doomed = true WHERE id = $1";
    tx.run(sql, params![upload]);
}

async fn doom(tx: &Tx, before: Timestamp, count: u32) -> Pg<u64> {
    let count = i64::from(count);
    let loose: Vec<BlobDigest> = tx
        .all(
            "SELECT digest FROM blobs WHERE loose LIMIT $1 FOR UPDATE SKIP LOCKED",
            params![count],
            |row| row.get(0),
        )
        .await?;
    tx.run(
        "WITH gone AS (
             DELETE FROM blobs b WHERE digest = ANY($1)
                 AND NOT EXISTS (SELECT 1 FROM run_blobs h WHERE h.digest = b.digest)
                 AND NOT EXISTS (SELECT 1 FROM cached_blobs h WHERE h.digest = b.digest)
             RETURNING upload, created, place
         )
         INSERT INTO blob_uploads (id, begun, place, doomed)
         SELECT upload, created, place, true FROM gone",
        params![List(&loose)],
    );
    // Those are held by others.
    let sql = "UPDATE blobs SET loose = false WHERE digest = ANY($1)";
    tx.run(sql, params![List(&loose)]);
    let old: Vec<UploadId> = tx
        .all(
            "UPDATE blob_uploads SET doomed = true WHERE id IN (
                 SELECT id FROM blob_uploads WHERE NOT doomed AND begun < $1 LIMIT $2
                 FOR UPDATE SKIP LOCKED
             ) RETURNING id",
            params![before, count],
            |row| row.get(0),
        )
        .await?;
    Ok((loose.len() + old.len()) as u64)
}

fn stored(row: &Row) -> Pg<StoredBlob> {
    Ok(StoredBlob {
        blob: BlobRef {
            digest: row.get(0)?,
            size: row.get::<i64>(1)?.cast_unsigned(),
        },
        upload: row.get(2)?,
        place: row.get(3)?,
        created: row.get(4)?,
    })
}
