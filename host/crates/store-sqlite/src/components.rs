//! Components and their bytes.

use rusqlite::Connection;

use super::columns::AsJson;
use super::rows::unsigned;
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use model::{Component, Digest};
use store::StoreResult;

pub(super) fn put(tx: &Tx<'_>, component: &Component, bytes: &[u8]) -> StoreResult<bool> {
    let added = tx.run(
        "INSERT INTO components (digest, manifest, size, created, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        params![
            component.digest,
            AsJson(&component.manifest),
            component.size.cast_signed(),
            component.created,
            bytes
        ],
    )?;
    Ok(added > 0)
}

pub(super) fn exists(conn: &Connection, digest: Digest) -> StoreResult<bool> {
    conn.any("SELECT 1 FROM components WHERE digest = ?1", [digest])
}

pub(super) fn get(conn: &Connection, digest: Digest) -> StoreResult<Option<Component>> {
    conn.first(
        "SELECT digest, manifest, size, created FROM components WHERE digest = ?1",
        [digest],
        component,
    )
}

pub(super) fn bytes(conn: &Connection, digest: Digest) -> StoreResult<Option<Vec<u8>>> {
    conn.first(
        "SELECT bytes FROM components WHERE digest = ?1",
        [digest],
        |row| row.get(0),
    )
}

pub(super) fn all(conn: &Connection) -> StoreResult<Vec<Component>> {
    conn.all(
        "SELECT digest, manifest, size, created FROM components
         ORDER BY created DESC, rowid DESC",
        [],
        component,
    )
}

fn component(row: &Row<'_>) -> rusqlite::Result<Component> {
    Ok(Component {
        digest: row.get(0)?,
        manifest: row.get::<_, AsJson<_>>(1)?.0,
        size: unsigned(row, 2)?,
        created: row.get(3)?,
    })
}
