//! Input that flow runs wait for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use crate::inputs::example;
use model::{AwaitedInput, InputId, Json, RunId, Timestamp};

/// Input that a flow run waits for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InputView {
    pub id: InputId,
    /// The flow run that asks: the run itself, or a subflow within it.
    pub flow_run: RunId,
    pub key: String,
    pub description: Option<String>,
    /// JSON Schema of the value.
    pub schema: Json,
    /// A value that fits the schema, where one can be told.
    pub example: Option<Json>,
    pub asked: Timestamp,
    /// When it is too late.
    pub until: Option<Timestamp>,
}

impl View for InputView {}

/// What the flow asked for.
impl From<InputView> for AwaitedInput {
    fn from(input: InputView) -> Self {
        Self {
            id: input.id,
            run: input.flow_run,
            key: input.key,
            description: input.description,
            schema: input.schema,
            asked: input.asked,
            until: input.until,
        }
    }
}

impl From<AwaitedInput> for InputView {
    fn from(input: AwaitedInput) -> Self {
        Self {
            example: example(&input),
            id: input.id,
            flow_run: input.run,
            key: input.key,
            description: input.description,
            schema: input.schema,
            asked: input.asked,
            until: input.until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{input, shown};

    #[test]
    fn the_shape_of_an_awaited_input() {
        insta::assert_snapshot!(shown(&InputView::from(input())), @r#"
        {
          "id": "01920000-0000-7000-8000-000000000003",
          "flow_run": "01920000-0000-7000-8000-000000000001",
          "key": "approval",
          "description": "Release it?",
          "schema": {"type":"boolean"},
          "example": true,
          "asked": "2023-11-14T22:13:20.123456Z",
          "until": "2023-11-14T22:13:21.123456Z"
        }
        "#);
    }
}
