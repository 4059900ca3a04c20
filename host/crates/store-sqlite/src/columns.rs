//! The model's types as values of columns.
//!
//! The model does not know SQLite, and this crate owns neither the model's types nor
//! rusqlite's traits. So it has two traits of its own, which [`sql`](super::sql) binds and
//! reads with.

use std::sync::Arc;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use model::{
    ArtifactId, ArtifactKey, ArtifactKind, BlobDigest, BlobPlace, DeploymentName, Digest, FlowName,
    Json, LimitName, LogLevel, PoolName, Priority, QueueName, Role, RunId, RunName, ScheduleId,
    ScheduleName, SecretHash, SecretName, Seq, SessionId, StateName, StateType, TaskName,
    TaskRunId, Timestamp, TokenId, TokenName, UploadId, VariableName, WorkerId,
};
use orchestrator::lifecycle::{LineKey, OriginKey, QueueKey, RunKey};
use store::texts::TextDigest;
use store::{BulkId, BulkState};

type Bound<'a> = rusqlite::Result<ToSqlOutput<'a>>;

/// A value that a statement can be given.
pub(super) trait ToColumn {
    fn to_column(&self) -> Bound<'_>;
}

/// A value that a row can give.
pub(super) trait FromColumn: Sized {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self>;
}

/// What SQLite itself has a form for.
macro_rules! own_column {
    ($($name:ty),*) => {$(
        impl ToColumn for $name {
            fn to_column(&self) -> Bound<'_> {
                self.to_sql()
            }
        }
        impl FromColumn for $name {
            fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::column_result(value)
            }
        }
    )*};
}
own_column!(bool, i64, u32, String, Vec<u8>);

impl ToColumn for i32 {
    fn to_column(&self) -> Bound<'_> {
        self.to_sql()
    }
}

impl ToColumn for str {
    fn to_column(&self) -> Bound<'_> {
        text(self)
    }
}

impl ToColumn for [u8] {
    fn to_column(&self) -> Bound<'_> {
        blob(self)
    }
}

impl ToColumn for Arc<str> {
    fn to_column(&self) -> Bound<'_> {
        text(self)
    }
}

impl FromColumn for Arc<str> {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(Self::from)
    }
}

impl<T: ToColumn + ?Sized> ToColumn for &T {
    fn to_column(&self) -> Bound<'_> {
        (**self).to_column()
    }
}

impl<T: ToColumn> ToColumn for Option<T> {
    fn to_column(&self) -> Bound<'_> {
        match self {
            Some(value) => value.to_column(),
            None => Ok(ToSqlOutput::Borrowed(ValueRef::Null)),
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::from_column(value).map(Some),
        }
    }
}

fn blob(bytes: &[u8]) -> Bound<'_> {
    Ok(ToSqlOutput::Borrowed(ValueRef::Blob(bytes)))
}

fn text(text: &str) -> Bound<'_> {
    Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())))
}

macro_rules! id_column {
    ($($name:ident),*) => {$(
        impl ToColumn for $name {
            fn to_column(&self) -> Bound<'_> {
                blob(self.0.as_bytes())
            }
        }
        impl FromColumn for $name {
            fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <[u8; 16]>::column_result(value).map(|bytes| Self(Uuid::from_bytes(bytes)))
            }
        }
    )*};
}
id_column!(
    ArtifactId, RunId, ScheduleId, SessionId, TaskRunId, TokenId, UploadId, WorkerId
);

impl ToColumn for Digest {
    fn to_column(&self) -> Bound<'_> {
        blob(&self.0)
    }
}
impl FromColumn for Digest {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Self)
    }
}

impl ToColumn for BlobDigest {
    fn to_column(&self) -> Bound<'_> {
        blob(&self.0)
    }
}
impl FromColumn for BlobDigest {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Self)
    }
}

macro_rules! text_column {
    ($($name:ident),*) => {$(
        impl ToColumn for $name {
            fn to_column(&self) -> Bound<'_> {
                text(self.as_str())
            }
        }
        impl FromColumn for $name {
            fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str().map(Self::trusted)
            }
        }
    )*};
}
text_column!(
    ArtifactKey,
    FlowName,
    TaskName,
    PoolName,
    QueueName,
    LimitName,
    RunName,
    SecretName,
    TokenName,
    ScheduleName,
    VariableName,
    Json
);

impl ToColumn for SecretHash {
    fn to_column(&self) -> Bound<'_> {
        blob(&self.0)
    }
}

impl ToColumn for ArtifactKind {
    fn to_column(&self) -> Bound<'_> {
        text(self.as_str())
    }
}
impl FromColumn for ArtifactKind {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value
            .as_str()?
            .parse()
            .map_err(|reason: String| FromSqlError::Other(reason.into()))
    }
}

impl ToColumn for TextDigest {
    fn to_column(&self) -> Bound<'_> {
        blob(&self.0)
    }
}
impl FromColumn for TextDigest {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Self)
    }
}

impl ToColumn for Role {
    fn to_column(&self) -> Bound<'_> {
        text(self.as_str())
    }
}
impl FromColumn for Role {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value
            .as_str()?
            .parse()
            .map_err(|reason: String| FromSqlError::Other(reason.into()))
    }
}

impl ToColumn for BlobPlace {
    fn to_column(&self) -> Bound<'_> {
        text(self.as_str())
    }
}
impl FromColumn for BlobPlace {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value
            .as_str()?
            .parse()
            .map_err(|reason: String| FromSqlError::Other(reason.into()))
    }
}

impl ToColumn for DeploymentName {
    fn to_column(&self) -> Bound<'_> {
        Ok(ToSqlOutput::Owned(Value::Text(self.to_string())))
    }
}
impl FromColumn for DeploymentName {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}

impl ToColumn for StateType {
    fn to_column(&self) -> Bound<'_> {
        text(self.as_str())
    }
}
impl FromColumn for StateType {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value
            .as_str()?
            .parse()
            .map_err(|reason: String| FromSqlError::Other(reason.into()))
    }
}

impl ToColumn for StateName {
    fn to_column(&self) -> Bound<'_> {
        text(&self.0)
    }
}
impl FromColumn for StateName {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(value.as_str()?.to_owned().into()))
    }
}

impl ToColumn for Timestamp {
    fn to_column(&self) -> Bound<'_> {
        self.0.to_column()
    }
}
impl FromColumn for Timestamp {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl ToColumn for Seq {
    fn to_column(&self) -> Bound<'_> {
        Ok(ToSqlOutput::Owned(Value::Integer(self.0.cast_signed())))
    }
}
impl FromColumn for Seq {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(|seq| Self(seq.cast_unsigned()))
    }
}

macro_rules! number_column {
    ($($name:ident),*) => {$(
        impl ToColumn for $name {
            fn to_column(&self) -> Bound<'_> {
                self.0.to_column()
            }
        }
        impl FromColumn for $name {
            fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map(Self)
            }
        }
    )*};
}
number_column!(RunKey, OriginKey, LineKey, QueueKey);

impl ToColumn for Priority {
    fn to_column(&self) -> Bound<'_> {
        Ok(ToSqlOutput::Owned(Value::Integer(self.get().into())))
    }
}
impl FromColumn for Priority {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = u8::column_result(value)?;
        Self::new(number).map_err(|err| FromSqlError::Other(err.into()))
    }
}

impl ToColumn for BulkId {
    fn to_column(&self) -> Bound<'_> {
        blob(self.0.as_bytes())
    }
}

impl ToColumn for BulkState {
    fn to_column(&self) -> Bound<'_> {
        text(self.as_str())
    }
}
impl FromColumn for BulkState {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| FromSqlError::Other(format!("`{text}` is no state").into()))
    }
}

/// Counts and epochs.
impl ToColumn for u64 {
    fn to_column(&self) -> Bound<'_> {
        Ok(ToSqlOutput::Owned(Value::Integer(self.cast_signed())))
    }
}

impl ToColumn for LogLevel {
    /// By weight, so that a least level is a comparison.
    fn to_column(&self) -> Bound<'_> {
        Ok(ToSqlOutput::Owned(Value::Integer(*self as i64)))
    }
}
impl FromColumn for LogLevel {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let level = value.as_i64()?;
        usize::try_from(level)
            .ok()
            .and_then(|level| Self::ALL.get(level).copied())
            .ok_or(FromSqlError::OutOfRange(level))
    }
}

/// A value kept as JSON text.
pub(super) struct AsJson<T>(pub T);

impl<T: Serialize> ToColumn for AsJson<T> {
    fn to_column(&self) -> Bound<'_> {
        let text = serde_json::to_string(&self.0)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(ToSqlOutput::Owned(Value::Text(text)))
    }
}

impl<T: DeserializeOwned> FromColumn for AsJson<T> {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

/// A list kept as JSON text, or as NULL while it is empty, as most are.
pub(super) fn list(items: &[String]) -> Option<AsJson<&[String]>> {
    (!items.is_empty()).then_some(AsJson(items))
}
