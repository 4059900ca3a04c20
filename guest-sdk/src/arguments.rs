//! Arguments on their way to a task or flow, and back from JSON into its parameters.

use serde::{
    Serialize,
    de::{DeserializeOwned, Deserializer, Error as _, Visitor, value::Error as ValueError},
};
use serde_json::value::RawValue;

use crate::{
    Error, ErrorKind, Result, bindings::tasks, executor::Wait, finite, host::host, object::Object,
};

/// What can be given for a parameter of type `T`: a `T`, a `&T`, or the [`TaskFuture`](crate::TaskFuture) of a
/// task that makes one. A `String` also takes a `&str`, and a `Vec<T>` also takes slices,
/// arrays, and a list of futures.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no argument for a parameter of type `{T}`",
    label = "expected `{T}`, or a `TaskFuture` of it",
    note = "the type must also be `serde::Serialize`"
)]
pub trait Argument<T> {
    #[doc(hidden)]
    fn into_argument(self) -> Result<RawArgument>;
}

/// An argument that no longer knows its type.
#[doc(hidden)]
pub struct RawArgument(pub(crate) tasks::Argument);

fn value(value: &(impl Serialize + ?Sized)) -> Result<RawArgument> {
    Ok(RawArgument(tasks::Argument::Value(to_json(value)?)))
}

impl<T: Serialize> Argument<T> for T {
    fn into_argument(self) -> Result<RawArgument> {
        value(&self)
    }
}

impl<T: Serialize> Argument<T> for &T {
    fn into_argument(self) -> Result<RawArgument> {
        value(self)
    }
}

impl Argument<String> for &str {
    fn into_argument(self) -> Result<RawArgument> {
        value(self)
    }
}

impl<T: Serialize> Argument<Vec<T>> for &[T] {
    fn into_argument(self) -> Result<RawArgument> {
        value(self)
    }
}

impl<T: Serialize, const N: usize> Argument<Vec<T>> for [T; N] {
    fn into_argument(self) -> Result<RawArgument> {
        value(self.as_slice())
    }
}

/// Arguments by parameter name, as the macros hand them over.
#[doc(hidden)]
pub type NamedArguments = Vec<(&'static str, Result<RawArgument>)>;

/// The object of parameters for a subflow, once the tasks among its arguments have ended.
pub(crate) async fn resolve(arguments: NamedArguments) -> Result<String> {
    let mut object = Object::default();
    for (name, argument) in arguments {
        let json = match argument?.0 {
            tasks::Argument::Value(json) => json,
            tasks::Argument::ResultOf(handle) => result_json(handle).await?,
            tasks::Argument::ResultsOf(handles) => {
                let mut list = Vec::new();
                for handle in handles {
                    list.push(raw(result_json(handle).await?)?);
                }
                to_json(&list)?
            }
        };
        object.insert(name.into(), raw(json)?);
    }
    to_json(&object)
}

fn raw(json: String) -> Result<Box<RawValue>> {
    Ok(RawValue::from_string(json)?)
}

/// The JSON that a task returned, once it has.
pub(crate) async fn result_json(handle: u64) -> Result<String> {
    use crate::bindings::waiting::Settlement;

    Wait::any(vec![handle]).await;
    match host().settled(handle) {
        Some(Settlement::Task(Ok(json))) => Ok(json),
        Some(Settlement::Task(Err(failure))) => Err(Error::from_host(&failure)),
        _ => Err(Error::of_kind(
            ErrorKind::Crashed,
            format!("the host returned handle {handle} and cannot say what became of its task"),
        )),
    }
}

pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> Result<String> {
    finite::to_json(value)
        .map_err(|error| Error::invalid(format!("a value cannot be written as JSON: {error}")))
}

pub(crate) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| {
        let ty = std::any::type_name::<T>();
        Error::invalid(format!("a result is not a `{ty}`: {error}"))
    })
}

/// The arguments of one run, still as JSON.
#[doc(hidden)]
pub struct Arguments(Object);

impl Arguments {
    pub fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json)
            .map(Self)
            .map_err(|error| Error::invalid_arguments(format!("no JSON object: {error}")))
    }

    /// The argument `name`; if absent, what `default` gives, or `None` for an `Option`.
    pub fn take<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        default: Option<fn() -> T>,
    ) -> Result<T> {
        match (self.0.remove(name), default) {
            (Some(json), _) => serde_json::from_str(json.get())
                .map_err(|error| Error::invalid_arguments(format!("argument `{name}`: {error}"))),
            (None, Some(default)) => Ok(default()),
            (None, None) => absent()
                .ok_or_else(|| Error::invalid_arguments(format!("argument `{name}` is missing"))),
        }
    }
}

/// What a type makes of an absent argument: `None` if it is an `Option`.
pub(crate) fn absent<T: DeserializeOwned>() -> Option<T> {
    T::deserialize(Absent).ok()
}

struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ValueError> {
        Err(ValueError::custom("absent"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
