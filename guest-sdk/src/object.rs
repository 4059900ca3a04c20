//! A JSON object whose values stay text, so that they are parsed once and as their own type.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Members in the order in which they were written. A list, because there are few members,
/// and the code of a map would make every guest larger.
#[derive(Debug, Default)]
pub struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    /// Adds a member, in place of one of the same name.
    pub fn insert(&mut self, name: String, value: Box<RawValue>) {
        self.remove(&name);
        self.0.push((name, value));
    }

    pub fn remove(&mut self, name: &str) -> Option<Box<RawValue>> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(at).1)
    }

    /// Lays the members of another object over this one.
    pub fn extend(&mut self, other: Self) {
        for (name, value) in other.0 {
            self.insert(name, value);
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut object = Object::default();
                while let Some((name, value)) = map.next_entry()? {
                    object.insert(name, value);
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Members)
    }
}
