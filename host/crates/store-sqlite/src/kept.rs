//! Variables and secrets, and the verbs about them.

use async_trait::async_trait;
use model::{KeyId, SealedSecret, SecretName, Variable, VariableName};
use rusqlite::Connection;
use store::{Kept, Missing, StoreError, StoreResult};

use super::SqliteStore;
use super::sql::{Row, Sql, params};
use super::writer::Tx;

#[async_trait]
impl Kept for SqliteStore {
    async fn set_variable(&self, variable: Variable) -> StoreResult<bool> {
        self.writer
            .write(move |tx| set_variable(tx, &variable))
            .await
    }

    async fn variable(&self, name: &VariableName) -> StoreResult<Option<Variable>> {
        self.readers.with(|conn| {
            let select = "SELECT name, value, updated FROM variables WHERE name = ?1";
            conn.first(select, [name], variable)
        })
    }

    async fn variables(&self) -> StoreResult<Vec<Variable>> {
        self.readers.with(|conn| {
            let select = "SELECT name, value, updated FROM variables ORDER BY name";
            conn.all(select, [], variable)
        })
    }

    async fn delete_variable(&self, name: &VariableName) -> StoreResult<()> {
        let name = name.clone();
        self.writer
            .write(
                move |tx| match tx.run("DELETE FROM variables WHERE name = ?1", [&name])? {
                    0 => Err(StoreError::NotFound(Missing::Variable(name.clone()))),
                    _ => Ok(()),
                },
            )
            .await
    }

    async fn put_secret(&self, secret: SealedSecret) -> StoreResult<bool> {
        self.writer.write(move |tx| put_secret(tx, &secret)).await
    }

    async fn secret(&self, name: &SecretName) -> StoreResult<Option<SealedSecret>> {
        self.readers.with(|conn| {
            let select =
                "SELECT name, version, key_id, sealed, updated FROM secrets WHERE name = ?1";
            conn.first(select, [name], secret)
        })
    }

    async fn secrets(&self) -> StoreResult<Vec<SealedSecret>> {
        self.readers.with(secrets)
    }

    async fn delete_secret(&self, name: &SecretName) -> StoreResult<()> {
        let name = name.clone();
        self.writer
            .write(
                move |tx| match tx.run("DELETE FROM secrets WHERE name = ?1", [&name])? {
                    0 => Err(StoreError::NotFound(Missing::Secret(name.clone()))),
                    _ => Ok(()),
                },
            )
            .await
    }

    async fn reseal_secrets(&self, anew: Vec<SealedSecret>) -> StoreResult<bool> {
        self.writer.write(move |tx| reseal(tx, &anew)).await
    }
}

fn set_variable(tx: &Tx<'_>, variable: &Variable) -> StoreResult<bool> {
    let Variable {
        name,
        value,
        updated,
    } = variable;
    let is_new = !tx.any("SELECT 1 FROM variables WHERE name = ?1", [name])?;
    tx.run(
        "INSERT INTO variables (name, value, updated) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated = excluded.updated",
        params![name, value, updated],
    )?;
    Ok(is_new)
}

fn put_secret(tx: &Tx<'_>, secret: &SealedSecret) -> StoreResult<bool> {
    let SealedSecret {
        name,
        version,
        key,
        sealed,
        updated,
    } = secret;
    let held = tx.first(
        "SELECT version FROM secrets WHERE name = ?1",
        [name],
        |row| Ok(row.get::<_, i64>(0)?.cast_unsigned()),
    )?;
    if held.unwrap_or(0) + 1 != *version {
        return Ok(false);
    }
    tx.run(
        "INSERT INTO secrets (name, version, key_id, sealed, updated) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO UPDATE SET version = excluded.version, key_id = excluded.key_id,
             sealed = excluded.sealed, updated = excluded.updated",
        params![name, *version as i64, key.0, sealed, updated],
    )?;
    Ok(true)
}

fn reseal(tx: &Tx<'_>, anew: &[SealedSecret]) -> StoreResult<bool> {
    let held = secrets(tx)?;
    if !SealedSecret::are_same_versions(&held, anew) {
        return Ok(false);
    }
    for secret in anew {
        tx.run(
            "UPDATE secrets SET key_id = ?2, sealed = ?3 WHERE name = ?1",
            params![secret.name, secret.key.0, secret.sealed],
        )?;
    }
    Ok(true)
}

fn secrets(conn: &Connection) -> StoreResult<Vec<SealedSecret>> {
    let select = "SELECT name, version, key_id, sealed, updated FROM secrets ORDER BY name";
    conn.all(select, [], secret)
}

fn variable(row: &Row<'_>) -> rusqlite::Result<Variable> {
    Ok(Variable {
        name: row.get(0)?,
        value: row.get(1)?,
        updated: row.get(2)?,
    })
}

fn secret(row: &Row<'_>) -> rusqlite::Result<SealedSecret> {
    Ok(SealedSecret {
        name: row.get(0)?,
        version: row.get::<_, i64>(1)?.cast_unsigned(),
        key: KeyId(row.get(2)?),
        sealed: row.get(3)?,
        updated: row.get(4)?,
    })
}
