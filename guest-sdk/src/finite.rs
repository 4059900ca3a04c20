//! JSON has no NaN and no infinity. `serde_json` writes `null` for them, which is another value:
//! here the place is named where one stands.
//!
//! Every value passes through a serializer that hands it on to that of `serde_json`, and stops at
//! such a number.

use std::fmt;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::value::RawValue;

/// The JSON of a value. Errs with the place of what has none.
pub fn to_json(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    serde_json::to_string(&Finite::new(value))
}

/// The same, as a part of a JSON that is put together.
pub fn to_raw(value: &(impl Serialize + ?Sized)) -> serde_json::Result<Box<RawValue>> {
    serde_json::value::to_raw_value(&Finite::new(value))
}

/// A value of which each number has a form in JSON, or its serialization errs.
struct Finite<'a, T: ?Sized> {
    value: &'a T,
    place: Place<'a>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
    Entry(&'a Place<'a>, &'a dyn fmt::Display),
}

impl<'a, T: ?Sized> Finite<'a, T> {
    fn new(value: &'a T) -> Self {
        let place = Place::Root;
        Self { value, place }
    }
}

impl<T: Serialize + ?Sized> Serialize for Finite<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Checked {
            to: serializer,
            place: &self.place,
        })
    }
}

impl fmt::Display for Place<'_> {
    /// As in JSONPath, without what stands for all of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(of, name) => of.fmt_field(name, f),
            Self::Item(of, at) => write!(f, "{of}[{at}]"),
            Self::Entry(of, key) => {
                let key = key.to_string();
                let name = key.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
                let is_word = |it: &&str| it.chars().all(|it| it == '_' || it.is_alphanumeric());
                match name.filter(is_word) {
                    Some(name) => of.fmt_field(name, f),
                    None => write!(f, "{of}[{key}]"),
                }
            }
        }
    }
}

impl Place<'_> {
    fn fmt_field(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str(name),
            of => write!(f, "{of}.{name}"),
        }
    }
}

/// A serializer, or a part of one, of what stands at a place.
struct Checked<'p, S> {
    to: S,
    place: &'p Place<'p>,
}

/// The key of an entry of a map, as it is written.
struct Key<'k, K: ?Sized>(&'k K);

impl<K: Serialize + ?Sized> fmt::Display for Key<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).unwrap_or_default())
    }
}

impl<S> Checked<'_, S> {
    fn check<E: Error>(&self, number: impl Into<f64>) -> Result<(), E> {
        let number = number.into();
        if number.is_finite() {
            return Ok(());
        }
        let place = self.place.to_string();
        let at = if place.is_empty() {
            place
        } else {
            format!("`{place}` is ")
        };
        Err(E::custom(format!(
            "{at}{number}, which JSON has no number for"
        )))
    }
}

/// Hands on what has no numbers in it that may be none of JSON.
macro_rules! hand_on {
    ($($method:ident: $ty:ty),* $(,)?) => {
        $(fn $method(self, value: $ty) -> Result<S::Ok, S::Error> {
            self.to.$method(value)
        })*
    };
}

impl<'p, S: Serializer> Serializer for Checked<'p, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Parts<'p, S::SerializeSeq>;
    type SerializeTuple = Parts<'p, S::SerializeTuple>;
    type SerializeTupleStruct = Parts<'p, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Parts<'p, S::SerializeTupleVariant>;
    type SerializeMap = Parts<'p, S::SerializeMap>;
    type SerializeStruct = Parts<'p, S::SerializeStruct>;
    type SerializeStructVariant = Parts<'p, S::SerializeStructVariant>;

    hand_on! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
    }

    fn serialize_f32(self, number: f32) -> Result<S::Ok, S::Error> {
        self.check(number)?;
        self.to.serialize_f32(number)
    }

    fn serialize_f64(self, number: f64) -> Result<S::Ok, S::Error> {
        self.check(number)?;
        self.to.serialize_f64(number)
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.to.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let place = *self.place;
        self.to.serialize_some(&Finite { value, place })
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.to.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.to.serialize_unit_struct(name)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.to.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let place = *self.place;
        self.to
            .serialize_newtype_struct(name, &Finite { value, place })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let place = Place::Field(self.place, variant);
        let value = Finite { value, place };
        self.to
            .serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Ok(Parts::new(self.to.serialize_seq(len)?, self.place))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Ok(Parts::new(self.to.serialize_tuple(len)?, self.place))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        let to = self.to.serialize_tuple_struct(name, len)?;
        Ok(Parts::new(to, self.place))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let to = self.to.serialize_tuple_variant(name, index, variant, len)?;
        Ok(Parts::new(to, self.place))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Ok(Parts::new(self.to.serialize_map(len)?, self.place))
    }

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        Ok(Parts::new(self.to.serialize_struct(name, len)?, self.place))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let to = self
            .to
            .serialize_struct_variant(name, index, variant, len)?;
        Ok(Parts::new(to, self.place))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.to.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.to.is_human_readable()
    }
}

/// A list, a map or a struct at a place, part by part.
struct Parts<'p, S> {
    to: S,
    place: &'p Place<'p>,
    /// Of the next part.
    at: usize,
}

impl<'p, S> Parts<'p, S> {
    fn new(to: S, place: &'p Place<'p>) -> Self {
        Self { to, place, at: 0 }
    }

    fn item<'a, T: ?Sized>(&mut self, value: &'a T) -> Finite<'a, T>
    where
        'p: 'a,
    {
        let place = Place::Item(self.place, self.at);
        self.at += 1;
        Finite { value, place }
    }
}

/// Lists, whose parts are numbered.
macro_rules! list {
    ($($of:ident: $method:ident),*) => {
        $(impl<S: $of> $of for Parts<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                let item = self.item(value);
                self.to.$method(&item)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.to.end()
            }
        })*
    };
}

list!(SerializeSeq: serialize_element, SerializeTuple: serialize_element);
list!(SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field);

/// Structs, whose parts have names.
macro_rules! named {
    ($($of:ident),*) => {
        $(impl<S: $of> $of for Parts<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), S::Error> {
                let place = Place::Field(self.place, name);
                self.to.serialize_field(name, &Finite { value, place })
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), S::Error> {
                self.to.skip_field(name)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.to.end()
            }
        })*
    };
}

named!(SerializeStruct, SerializeStructVariant);

impl<S: SerializeMap> SerializeMap for Parts<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.to.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        let item = self.item(value);
        self.to.serialize_value(&item)
    }

    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), S::Error> {
        let shown = Key(key);
        let place = Place::Entry(self.place, &shown);
        self.to.serialize_entry(key, &Finite { value, place })
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.to.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn written(value: impl Serialize) -> String {
        match to_json(&value) {
            Ok(json) => json,
            Err(err) => format!("err: {err}"),
        }
    }

    #[derive(serde::Serialize)]
    enum Shape {
        Unit,
        Circle(f64),
        Box(f32, f32),
        Ring { inner: f64, outer: Option<f64> },
    }

    #[derive(serde::Serialize)]
    struct All {
        shapes: Vec<Shape>,
        by_name: BTreeMap<&'static str, (i8, f64)>,
        raw: Box<RawValue>,
        #[serde(flatten)]
        rest: BTreeMap<String, f64>,
    }

    fn all(circle: f64, in_map: f64, outer: f64, rest: f64) -> All {
        All {
            shapes: vec![
                Shape::Unit,
                Shape::Circle(circle),
                Shape::Box(1.0, -0.0),
                Shape::Ring {
                    inner: 0.1,
                    outer: Some(outer),
                },
            ],
            by_name: BTreeMap::from([("a b", (-1, in_map))]),
            raw: RawValue::from_string("[ 1.50 ]".to_owned()).unwrap(),
            rest: BTreeMap::from([("more".to_owned(), rest)]),
        }
    }

    #[test]
    fn what_json_has_is_written_as_ever() {
        let all = all(1e300, 2.5, f64::MIN_POSITIVE, 3.0);
        assert_eq!(written(&all), serde_json::to_string(&all).unwrap());
        assert_eq!(written(Some(i128::MIN)), i128::MIN.to_string());
        assert_eq!(written(None::<f64>), "null");
        assert_eq!(written("é\n"), "\"é\\n\"");
    }

    #[test]
    fn what_json_has_not_is_named_with_its_place() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let none = "which JSON has no number for";
        assert_eq!(written(nan), format!("err: NaN, {none}"));
        assert_eq!(written(f32::NEG_INFINITY), format!("err: -inf, {none}"));
        assert_eq!(written([1.0, inf]), format!("err: `[1]` is inf, {none}"));
        assert_eq!(
            written(all(nan, 0.0, 0.0, 0.0)),
            format!("err: `shapes[1].Circle` is NaN, {none}")
        );
        assert_eq!(
            written(all(0.0, inf, 0.0, 0.0)),
            format!("err: `by_name[\"a b\"][1]` is inf, {none}")
        );
        assert_eq!(
            written(all(0.0, 0.0, inf, 0.0)),
            format!("err: `shapes[3].outer` is inf, {none}")
        );
        assert_eq!(
            written(all(0.0, 0.0, 0.0, nan)),
            format!("err: `more` is NaN, {none}")
        );
    }
}
