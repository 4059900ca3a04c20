//! What is asked of the stream of events.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::ListOrder;
use crate::view::EventType;

/// Both are asked in the same way; what is about one run needs not say which.
macro_rules! event_queries {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams)]
        #[serde(default, deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            /// Only events of this type.
            #[param(inline)]
            #[serde(rename = "type", skip_serializing_if = "Vec::is_empty")]
            pub kinds: Vec<EventType>,
            $(
                $(#[$field_doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )*
            /// `oldest-first` unless it is said. A stream always goes forward.
            #[param(inline)]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub order: Option<ListOrder>,
            /// At most so many in a part.
            #[param(minimum = 1, maximum = 1000, default = 100)]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub limit: Option<u32>,
            /// Beyond this event: its `cursor`, or the `next` of the part before. Without, a part
            /// begins with the oldest event that is kept, or the newest, as the order says; and
            /// a stream with what happens from now on.
            #[param(example = "7-1a2b3c")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub after: Option<String>,
            /// The same.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub cursor: Option<String>,
        }
    )*};
}
event_queries! {
    /// Which events to read.
    EventQuery {
        /// Only what concerns this flow run: its id, the beginning of it, or its name.
        run: String,
    }
    /// Which events of a flow run to read.
    RunEventQuery {}
}

impl RunEventQuery {
    /// The same, asked of all events.
    pub fn of(self, run: impl ToString) -> EventQuery {
        EventQuery {
            kinds: self.kinds,
            run: Some(run.to_string()),
            order: self.order,
            limit: self.limit,
            after: self.after,
            cursor: self.cursor,
        }
    }
}
