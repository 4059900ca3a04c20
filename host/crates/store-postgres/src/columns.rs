//! The model's types as values of columns.
//!
//! The model does not know PostgreSQL, and this crate owns neither the model's types nor the
//! driver's traits. So it has traits of its own, and one type between: [`Value`].

use std::error::Error;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
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

type BoxError = Box<dyn Error + Sync + Send>;

/// What a statement is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(Uuid),
    List(Vec<Value>),
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Bool(value) => value.to_sql(ty, out),
            Self::Int(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Text(value) => value.to_sql(ty, out),
            Self::Bytes(value) => value.to_sql(ty, out),
            Self::Uuid(value) => value.to_sql(ty, out),
            Self::List(values) => values.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A value that a statement can be given.
pub(crate) trait ToColumn {
    fn to_column(&self) -> Value;
}

/// A value that a row can give.
pub(crate) trait FromColumn: Sized {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError>;
}

/// What a row has in a column.
pub(crate) struct Raw<'r> {
    ty: Type,
    bytes: Option<&'r [u8]>,
}

impl<'r> FromSql<'r> for Raw<'r> {
    fn from_sql(ty: &Type, raw: &'r [u8]) -> Result<Self, BoxError> {
        Ok(Self {
            ty: ty.clone(),
            bytes: Some(raw),
        })
    }

    fn from_sql_null(ty: &Type) -> Result<Self, BoxError> {
        Ok(Self {
            ty: ty.clone(),
            bytes: None,
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl<'r> Raw<'r> {
    fn read<T: FromSql<'r>>(self) -> Result<T, BoxError> {
        T::from_sql(&self.ty, self.bytes.ok_or("it is null")?)
    }

    fn text(self) -> Result<&'r str, BoxError> {
        self.read()
    }
}

impl ToColumn for bool {
    fn to_column(&self) -> Value {
        Value::Bool(*self)
    }
}
impl FromColumn for bool {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        raw.read()
    }
}

impl ToColumn for i64 {
    fn to_column(&self) -> Value {
        Value::Int(*self)
    }
}
impl FromColumn for i64 {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        if raw.ty == Type::INT4 {
            return raw.read::<i32>().map(Self::from);
        }
        raw.read()
    }
}

impl ToColumn for u32 {
    fn to_column(&self) -> Value {
        Value::Int(i64::from(*self))
    }
}
impl FromColumn for u32 {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        Ok(Self::try_from(i64::from_column(raw)?)?)
    }
}

/// Counts and epochs.
impl ToColumn for u64 {
    fn to_column(&self) -> Value {
        Value::Int(self.cast_signed())
    }
}
impl FromColumn for u64 {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        i64::from_column(raw).map(i64::cast_unsigned)
    }
}

/// A text of PostgreSQL has no NUL; another sign stands for it, as in logs that are printed.
pub(crate) fn text(text: &str) -> Value {
    if text.contains('\0') {
        Value::Text(text.replace('\0', "\u{2400}"))
    } else {
        Value::Text(text.to_owned())
    }
}

impl ToColumn for str {
    fn to_column(&self) -> Value {
        text(self)
    }
}
impl ToColumn for String {
    fn to_column(&self) -> Value {
        text(self)
    }
}
impl FromColumn for String {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        raw.text().map(str::to_owned)
    }
}
impl ToColumn for Arc<str> {
    fn to_column(&self) -> Value {
        text(self)
    }
}
impl FromColumn for Arc<str> {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        raw.text().map(Self::from)
    }
}

impl ToColumn for [u8] {
    fn to_column(&self) -> Value {
        Value::Bytes(self.to_vec())
    }
}
impl ToColumn for Vec<u8> {
    fn to_column(&self) -> Value {
        Value::Bytes(self.clone())
    }
}
impl FromColumn for Vec<u8> {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        raw.read()
    }
}

impl ToColumn for Uuid {
    fn to_column(&self) -> Value {
        Value::Uuid(*self)
    }
}
impl FromColumn for Uuid {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        raw.read()
    }
}

impl<T: ToColumn + ?Sized> ToColumn for &T {
    fn to_column(&self) -> Value {
        (**self).to_column()
    }
}

impl<T: ToColumn> ToColumn for Option<T> {
    fn to_column(&self) -> Value {
        self.as_ref().map_or(Value::Null, ToColumn::to_column)
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        match raw.bytes {
            None => Ok(None),
            Some(_) => T::from_column(raw).map(Some),
        }
    }
}

/// An array.
pub(crate) struct List<'l, T>(pub &'l [T]);

impl<T: ToColumn> ToColumn for List<'_, T> {
    fn to_column(&self) -> Value {
        Value::List(self.0.iter().map(ToColumn::to_column).collect())
    }
}

impl<T: FromColumn> FromColumn for Vec<T> {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        let items: Vec<Raw<'_>> = raw.read()?;
        items.into_iter().map(T::from_column).collect()
    }
}

macro_rules! id_column {
    ($($name:ident),*) => {$(
        impl ToColumn for $name {
            fn to_column(&self) -> Value {
                Value::Uuid(self.0)
            }
        }
        impl FromColumn for $name {
            fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
                raw.read().map(Self)
            }
        }
    )*};
}
id_column!(
    ArtifactId, RunId, ScheduleId, SessionId, TaskRunId, TokenId, UploadId, WorkerId, BulkId
);

macro_rules! text_column {
    ($($name:ident),*) => {$(
        impl ToColumn for $name {
            fn to_column(&self) -> Value {
                text(self.as_str())
            }
        }
        impl FromColumn for $name {
            fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
                raw.text().map(Self::trusted)
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

macro_rules! number_column {
    ($($name:ident),*) => {$(
        impl ToColumn for $name {
            fn to_column(&self) -> Value {
                Value::Int(self.0)
            }
        }
        impl FromColumn for $name {
            fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
                i64::from_column(raw).map(Self)
            }
        }
    )*};
}
number_column!(Timestamp, RunKey, OriginKey, LineKey, QueueKey);

impl ToColumn for Priority {
    fn to_column(&self) -> Value {
        Value::Int(self.get().into())
    }
}
impl FromColumn for Priority {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        let number = u8::try_from(i64::from_column(raw)?)?;
        Ok(Self::new(number)?)
    }
}

impl ToColumn for Seq {
    fn to_column(&self) -> Value {
        Value::Int(self.0.cast_signed())
    }
}
impl FromColumn for Seq {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        i64::from_column(raw).map(|seq| Self(seq.cast_unsigned()))
    }
}

impl ToColumn for Digest {
    fn to_column(&self) -> Value {
        Value::Bytes(self.0.to_vec())
    }
}
impl FromColumn for Digest {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        let bytes: &[u8] = raw.read()?;
        Ok(Self(bytes.try_into()?))
    }
}

impl ToColumn for TextDigest {
    fn to_column(&self) -> Value {
        Value::Bytes(self.0.to_vec())
    }
}
impl FromColumn for TextDigest {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        let bytes: &[u8] = raw.read()?;
        Ok(Self(bytes.try_into()?))
    }
}

impl ToColumn for BlobDigest {
    fn to_column(&self) -> Value {
        Value::Bytes(self.0.to_vec())
    }
}
impl FromColumn for BlobDigest {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        let bytes: &[u8] = raw.read()?;
        Ok(Self(bytes.try_into()?))
    }
}

impl ToColumn for SecretHash {
    fn to_column(&self) -> Value {
        Value::Bytes(self.0.to_vec())
    }
}

macro_rules! word_column {
    ($($name:ident),*) => {$(
        impl ToColumn for $name {
            fn to_column(&self) -> Value {
                Value::Text(self.as_str().to_owned())
            }
        }
        impl FromColumn for $name {
            fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
                Ok(raw.text()?.parse()?)
            }
        }
    )*};
}
word_column!(ArtifactKind, BlobPlace, Role, StateType);

impl ToColumn for DeploymentName {
    fn to_column(&self) -> Value {
        Value::Text(self.to_string())
    }
}
impl FromColumn for DeploymentName {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        Ok(raw.text()?.parse()?)
    }
}

impl ToColumn for StateName {
    fn to_column(&self) -> Value {
        text(&self.0)
    }
}
impl FromColumn for StateName {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        Ok(Self(raw.text()?.to_owned().into()))
    }
}

impl ToColumn for BulkState {
    fn to_column(&self) -> Value {
        Value::Text(self.as_str().to_owned())
    }
}
impl FromColumn for BulkState {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        let text = raw.text()?;
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no state").into())
    }
}

impl ToColumn for LogLevel {
    /// By weight, so that a least level is a comparison.
    fn to_column(&self) -> Value {
        Value::Int(*self as i64)
    }
}
impl FromColumn for LogLevel {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        let level = i64::from_column(raw)?;
        let known = usize::try_from(level).ok();
        let level = known.and_then(|level| Self::ALL.get(level).copied());
        level.ok_or_else(|| "it is no level".into())
    }
}

/// A value kept as JSON text.
pub(crate) struct AsJson<T>(pub T);

impl<T: Serialize> ToColumn for AsJson<T> {
    /// What has no JSON is an empty text, which nobody can read.
    fn to_column(&self) -> Value {
        Value::Text(serde_json::to_string(&self.0).unwrap_or_default())
    }
}

impl<T: DeserializeOwned> FromColumn for AsJson<T> {
    fn from_column(raw: Raw<'_>) -> Result<Self, BoxError> {
        Ok(Self(serde_json::from_str(raw.text()?)?))
    }
}

/// A list kept as JSON text, or as NULL while it is empty, as most are.
pub(crate) fn list(items: &[String]) -> Option<AsJson<&[String]>> {
    (!items.is_empty()).then_some(AsJson(items))
}
