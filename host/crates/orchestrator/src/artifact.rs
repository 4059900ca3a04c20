//! Artifacts as they are kept.

use sha2::{Digest as _, Sha256};

use model::{
    Artifact, ArtifactId, ArtifactKey, ArtifactKind, Ids, NewArtifact, RunId, TaskRunId, Timestamp,
};

/// An artifact of this run, made by the flow or by this task run.
///
/// All values of one progress are one artifact, so its identity follows from who shows it.
pub fn artifact(
    ids: &mut impl Ids,
    new: NewArtifact,
    run: RunId,
    task_run: Option<TaskRunId>,
    at: Timestamp,
) -> Artifact {
    let NewArtifact {
        key,
        kind,
        description,
        data,
        scope: _,
    } = new;
    let id = if kind == ArtifactKind::Progress {
        of_progress(run, task_run, &key)
    } else {
        ArtifactId::new(ids)
    };
    Artifact {
        id,
        key,
        kind,
        description,
        data,
        run,
        task_run,
        at,
    }
}

/// Adds an artifact to those that are to be recorded. A progress takes the place of its earlier
/// value.
pub fn add_artifact(artifacts: &mut Vec<Artifact>, artifact: Artifact) {
    if artifact.kind == ArtifactKind::Progress {
        artifacts.retain(|it| it.id != artifact.id);
    }
    artifacts.push(artifact);
}

fn of_progress(run: RunId, task_run: Option<TaskRunId>, key: &ArtifactKey) -> ArtifactId {
    let mut hash = Sha256::new();
    hash.update(run.0.as_bytes());
    hash.update(task_run.map_or([0; 16], |it| *it.0.as_bytes()));
    hash.update(key.as_str());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    // The version and variant of a UUID that is made in a way of one's own (RFC 9562, 5.8).
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    ArtifactId(uuid::Uuid::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Json;
    use model::testing::SomeIds;

    fn made(kind: ArtifactKind, key: &str, run: RunId, value: &str) -> Artifact {
        let new = NewArtifact {
            key: ArtifactKey::trusted(key),
            kind,
            description: None,
            data: Json::parse(value).unwrap(),
            scope: None,
        };
        artifact(&mut SomeIds, new, run, None, Timestamp(1))
    }

    #[test]
    fn all_values_of_a_progress_are_one_artifact() {
        use ArtifactKind::{Markdown, Progress};
        let (run, other) = (RunId::generate(), RunId::generate());
        let half = made(Progress, "load", run, "50");
        assert_eq!(half.id, made(Progress, "load", run, "75").id);
        assert_ne!(half.id, made(Progress, "loads", run, "75").id);
        assert_ne!(half.id, made(Progress, "load", other, "75").id);
        assert_eq!(half.id.0.get_version_num(), 8);
        let report = || made(Markdown, "report", run, r#""hi""#);
        assert_ne!(report().id, report().id);

        let mut recorded = Vec::new();
        for artifact in [half, report(), report(), made(Progress, "load", run, "75")] {
            add_artifact(&mut recorded, artifact);
        }
        let values: Vec<_> = recorded.iter().map(|it| it.data.as_str()).collect();
        assert_eq!(values, [r#""hi""#, r#""hi""#, "75"]);
    }
}
