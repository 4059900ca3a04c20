//! The model's types as values of columns.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::model::{
    DeploymentName, Digest, FlowName, Json, LogLevel, PoolName, RunId, RunName, Seq, StateName,
    StateType, TaskName, TaskRunId, Timestamp, WorkerId,
};

type Sql<'a> = rusqlite::Result<ToSqlOutput<'a>>;

fn blob(bytes: &[u8]) -> Sql<'_> {
    Ok(ToSqlOutput::Borrowed(ValueRef::Blob(bytes)))
}

fn text(text: &str) -> Sql<'_> {
    Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())))
}

macro_rules! id_column {
    ($($name:ident),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> Sql<'_> {
                blob(self.0.as_bytes())
            }
        }
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <[u8; 16]>::column_result(value).map(|bytes| Self(Uuid::from_bytes(bytes)))
            }
        }
    )*};
}
id_column!(RunId, TaskRunId, WorkerId);

impl ToSql for Digest {
    fn to_sql(&self) -> Sql<'_> {
        blob(&self.0)
    }
}
impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Self)
    }
}

macro_rules! text_column {
    ($($name:ident),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> Sql<'_> {
                text(self.as_str())
            }
        }
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str().map(Self::trusted)
            }
        }
    )*};
}
text_column!(FlowName, TaskName, PoolName, RunName, Json);

impl ToSql for DeploymentName {
    fn to_sql(&self) -> Sql<'_> {
        Ok(ToSqlOutput::Owned(Value::Text(self.to_string())))
    }
}
impl FromSql for DeploymentName {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}

impl ToSql for StateType {
    fn to_sql(&self) -> Sql<'_> {
        text(self.as_str())
    }
}
impl FromSql for StateType {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value
            .as_str()?
            .parse()
            .map_err(|reason: String| FromSqlError::Other(reason.into()))
    }
}

impl ToSql for StateName {
    fn to_sql(&self) -> Sql<'_> {
        text(&self.0)
    }
}
impl FromSql for StateName {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(value.as_str()?.to_owned().into()))
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> Sql<'_> {
        self.0.to_sql()
    }
}
impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl ToSql for Seq {
    fn to_sql(&self) -> Sql<'_> {
        Ok(ToSqlOutput::Owned(Value::Integer(self.0.cast_signed())))
    }
}
impl FromSql for Seq {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(|seq| Self(seq.cast_unsigned()))
    }
}

impl ToSql for LogLevel {
    /// By weight, so that a least level is a comparison.
    fn to_sql(&self) -> Sql<'_> {
        Ok(ToSqlOutput::Owned(Value::Integer(*self as i64)))
    }
}
impl FromSql for LogLevel {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let level = value.as_i64()?;
        usize::try_from(level)
            .ok()
            .and_then(|level| Self::ALL.get(level).copied())
            .ok_or(FromSqlError::OutOfRange(level))
    }
}

/// A value kept as JSON text.
pub(super) struct AsJson<T>(pub T);

impl<T: Serialize> ToSql for AsJson<T> {
    fn to_sql(&self) -> Sql<'_> {
        let text = serde_json::to_string(&self.0)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(ToSqlOutput::Owned(Value::Text(text)))
    }
}

impl<T: DeserializeOwned> FromSql for AsJson<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

/// A list kept as JSON text, or as NULL while it is empty, as most are.
pub(super) fn list(items: &[String]) -> Option<AsJson<&[String]>> {
    (!items.is_empty()).then_some(AsJson(items))
}
