//! How the words appear in the document of the API: as JSON Schema.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{
    ArtifactId, ArtifactKey, CatchUp, Collision, DeploymentName, Digest, FlowName, InputId, Json,
    LimitName, LogLevel, Overlap, PoolName, Priority, QueueName, Role, RunId, RunName, ScheduleId,
    ScheduleName, ScheduleOrigin, SecretName, Seq, StateType, TaskName, TaskRunId, Timestamp,
    TokenId, TokenName, VariableName, WorkerId,
};

/// Texts, each with a description, an example and a format.
macro_rules! texts {
    ($($name:ident: $description:literal, $example:literal $(, $format:literal)?;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($description))
                    .examples([$example]);
                $(let text = text.format(Some(SchemaFormat::Custom($format.to_owned())));)?
                text.into()
            }
        }
        impl ToSchema for $name {}
    )*};
}
texts! {
    RunId: "The id of a flow run.", "019204b5-6a3e-7c41-9f1e-2f6d1c9b0a11", "uuid";
    ScheduleId: "The id of a schedule.", "019204b5-6a3e-7c41-9f1e-2f6d1c9b0a17", "uuid";
    ScheduleName: "The name of a schedule. Each deployment has its own.", "mornings";
    TaskRunId: "The id of a task run.", "019204b5-6a3e-7c41-9f1e-2f6d1c9b0a12", "uuid";
    InputId: "The id of an awaited input.", "019204b5-6a3e-7c41-9f1e-2f6d1c9b0a13", "uuid";
    WorkerId: "The id of a worker.", "019204b5-6a3e-7c41-9f1e-2f6d1c9b0a14", "uuid";
    ArtifactId: "The id of an artifact.", "019204b5-6a3e-7c41-9f1e-2f6d1c9b0a16", "uuid";
    ArtifactKey: "The key of an artifact, which its versions share.", "orders";
    TokenId: "The id of a token.", "019204b5-6a3e-7c41-9f1e-2f6d1c9b0a15", "uuid";
    FlowName: "The name of a flow.", "etl";
    TaskName: "The name of a task.", "load";
    PoolName: "The name of a work pool.", "default-pool";
    LimitName: "The name of a limit.", "db";
    QueueName: "The name of a queue. Each work pool has its own.", "default";
    RunName: "The name of a flow run. Several runs may have the same.", "silver-otter";
    TokenName: "The name of a token.", "ci";
    SecretName: "The name of a secret.", "shop-token";
    VariableName: "The name of a variable.", "rate";
    DeploymentName: "The name of a deployment: `flow/deployment`.", "etl/nightly";
    Digest: "The SHA-256 of a component, in hexadecimal digits.",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    Timestamp: "A time by RFC 3339 in UTC.", "2026-11-25T14:03:00.123456Z", "date-time";
}

/// Words of a fixed set.
macro_rules! words {
    ($($name:ident: $description:literal;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($description))
                    .enum_values(Some($name::ALL.map($name::as_str)))
                    .into()
            }
        }
        impl ToSchema for $name {}
    )*};
}
words! {
    StateType: "The type of a state.";
    LogLevel: "How much a line of a log matters.";
    Role: "What somebody may do: each role may do what the ones before it may.";
    CatchUp: "What becomes of slots that were missed.";
    Collision: "What a run does that finds no slot of its deployment free.";
    Overlap: "What a slot does while the run before is not over.";
    ScheduleOrigin: "Who has made a schedule.";
}

impl PartialSchema for Seq {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .description(Some("A position in a journal, from 1."))
            .minimum(Some(0))
            .into()
    }
}
impl ToSchema for Seq {}

impl PartialSchema for Priority {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .description(Some(
                "Which goes first: 1 before all others, 100 after them.",
            ))
            .minimum(Some(Self::FIRST.get()))
            .maximum(Some(Self::LAST.get()))
            .into()
    }
}
impl ToSchema for Priority {}

impl PartialSchema for Json {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .description(Some("Any JSON value."))
            .into()
    }
}
impl ToSchema for Json {}
