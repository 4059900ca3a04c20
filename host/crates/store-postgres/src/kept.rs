//! Variables and secrets, and the verbs about them.

use std::sync::Arc;

use async_trait::async_trait;
use model::{KeyId, SealedSecret, SecretName, Variable, VariableName};
use store::{Kept, Missing, StoreError, StoreResult};

use super::PostgresStore;
use super::sql::{Conn, Row, params};
use super::verbs::write;
use crate::error::Pg;
use crate::tx::Tx;

#[async_trait]
impl Kept for PostgresStore {
    async fn set_variable(&self, variable: Variable) -> StoreResult<bool> {
        write!(self, |tx, variable| set_variable(&tx, &variable).await).await
    }

    async fn variable(&self, name: &VariableName) -> StoreResult<Option<Variable>> {
        let name = name.clone();
        self.read(async move |conn| {
            let select = "SELECT name, value, updated FROM variables WHERE name = $1";
            conn.first(select, params![name], variable).await
        })
        .await
    }

    async fn variables(&self) -> StoreResult<Vec<Variable>> {
        self.read(async move |conn| {
            let select = "SELECT name, value, updated FROM variables ORDER BY name";
            conn.all(select, params![], variable).await
        })
        .await
    }

    async fn delete_variable(&self, name: &VariableName) -> StoreResult<()> {
        let name = name.clone();
        write!(self, |tx, name| {
            let gone = tx
                .any(
                    "DELETE FROM variables WHERE name = $1 RETURNING 1",
                    params![*name],
                )
                .await?;
            if gone {
                Ok(())
            } else {
                Err(StoreError::NotFound(Missing::Variable((*name).clone())).into())
            }
        })
        .await
    }

    async fn put_secret(&self, secret: SealedSecret) -> StoreResult<bool> {
        write!(self, |tx, secret| put_secret(&tx, &secret).await).await
    }

    async fn secret(&self, name: &SecretName) -> StoreResult<Option<SealedSecret>> {
        let name = name.clone();
        self.read(async move |conn| {
            let select =
                "SELECT name, version, key_id, sealed, updated FROM secrets WHERE name = $1";
            conn.first(select, params![name], secret).await
        })
        .await
    }

    async fn secrets(&self) -> StoreResult<Vec<SealedSecret>> {
        self.read(async move |conn| {
            let select = "SELECT name, version, key_id, sealed, updated FROM secrets ORDER BY name";
            conn.all(select, params![], secret).await
        })
        .await
    }

    async fn delete_secret(&self, name: &SecretName) -> StoreResult<()> {
        let name = name.clone();
        write!(self, |tx, name| {
            let gone = tx
                .any(
                    "DELETE FROM secrets WHERE name = $1 RETURNING 1",
                    params![*name],
                )
                .await?;
            if gone {
                Ok(())
            } else {
                Err(StoreError::NotFound(Missing::Secret((*name).clone())).into())
            }
        })
        .await
    }

    async fn reseal_secrets(&self, anew: Vec<SealedSecret>) -> StoreResult<bool> {
        write!(self, |tx, anew| reseal(&tx, &anew).await).await
    }
}

async fn set_variable(tx: &Tx, variable: &Variable) -> Pg<bool> {
    let Variable {
        name,
        value,
        updated,
    } = variable;
    let known = tx
        .any("SELECT 1 FROM variables WHERE name = $1", params![name])
        .await?;
    tx.run(
        "INSERT INTO variables (name, value, updated) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated = excluded.updated",
        params![name, value, updated],
    );
    Ok(!known)
}

async fn put_secret(tx: &Tx, secret: &SealedSecret) -> Pg<bool> {
    let SealedSecret {
        name,
        version,
        key,
        sealed,
        updated,
    } = secret;
    let version = *version as i64;
    let put = match version {
        1 => {
            tx.any(
                "INSERT INTO secrets (name, version, key_id, sealed, updated)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING RETURNING 1",
                params![name, version, key.0, sealed, updated],
            )
            .await?
        }
        _ => {
            tx.any(
                "UPDATE secrets SET version = $2, key_id = $3, sealed = $4, updated = $5
                 WHERE name = $1 AND version = $2 - 1 RETURNING 1",
                params![name, version, key.0, sealed, updated],
            )
            .await?
        }
    };
    Ok(put)
}

async fn reseal(tx: &Tx, anew: &[SealedSecret]) -> Pg<bool> {
    // Nobody adds one meanwhile.
    tx.run("LOCK TABLE secrets IN SHARE ROW EXCLUSIVE MODE", params![]);
    let select = "SELECT name, version, key_id, sealed, updated FROM secrets ORDER BY name";
    let held = tx.all(select, params![], secret).await?;
    if !SealedSecret::are_same_versions(&held, anew) {
        return Ok(false);
    }
    for secret in anew {
        tx.run(
            "UPDATE secrets SET key_id = $2, sealed = $3 WHERE name = $1",
            params![secret.name, secret.key.0, secret.sealed],
        );
    }
    Ok(true)
}

fn variable(row: &Row) -> Pg<Variable> {
    Ok(Variable {
        name: row.get(0)?,
        value: row.get(1)?,
        updated: row.get(2)?,
    })
}

fn secret(row: &Row) -> Pg<SealedSecret> {
    Ok(SealedSecret {
        name: row.get(0)?,
        version: row.get::<i64>(1)?.cast_unsigned(),
        key: KeyId(row.get(2)?),
        sealed: row.get(3)?,
        updated: row.get(4)?,
    })
}
