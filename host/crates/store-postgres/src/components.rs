//! Components and their bytes.

use super::columns::AsJson;
use super::sql::{Conn, Row, params};
use crate::error::Pg;
use crate::tx::Tx;
use model::{Component, Digest};

pub(crate) async fn put(tx: &Tx, component: &Component, bytes: &[u8]) -> Pg<bool> {
    tx.any(
        "INSERT INTO components (digest, manifest, size, created, bytes)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1",
        params![
            component.digest,
            AsJson(&component.manifest),
            component.size,
            component.created,
            bytes
        ],
    )
    .await
}

pub(crate) async fn exists(tx: &Tx, digest: Digest) -> Pg<bool> {
    tx.any(
        "SELECT 1 FROM components WHERE digest = $1 FOR KEY SHARE",
        params![digest],
    )
    .await
}

pub(crate) async fn get(conn: &impl Conn, digest: Digest) -> Pg<Option<Component>> {
    conn.first(
        "SELECT digest, manifest, size, created FROM components WHERE digest = $1",
        params![digest],
        component,
    )
    .await
}

pub(crate) async fn bytes(conn: &impl Conn, digest: Digest) -> Pg<Option<Vec<u8>>> {
    conn.first(
        "SELECT bytes FROM components WHERE digest = $1",
        params![digest],
        |row| row.get(0),
    )
    .await
}

pub(crate) async fn all(conn: &impl Conn) -> Pg<Vec<Component>> {
    conn.all(
        "SELECT digest, manifest, size, created FROM components ORDER BY created DESC, no DESC",
        params![],
        component,
    )
    .await
}

fn component(row: &Row) -> Pg<Component> {
    Ok(Component {
        digest: row.get(0)?,
        manifest: row.get::<AsJson<_>>(1)?.0,
        size: row.get(2)?,
        created: row.get(3)?,
    })
}
