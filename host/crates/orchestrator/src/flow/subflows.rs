//! Flows that run inside the sandbox of the flow that calls them, each with a run of its own.
//!
//! Guests see of a subflow's run what stands in the journal and in the call: its times are
//! those of the entry that began it.

use super::machine::{Asked, Asks, Flow, wrong_answer};
use super::step::Moment;
use crate::subflow_run;
use model::{
    Answer, Call, Failure, FailureKind, FlowName, FlowRun, Json, Outcome, Reply, Seq, State,
    SubflowChange,
};

impl Flow {
    pub(super) fn begin(
        &mut self,
        flow: FlowName,
        parameters: Json,
        scope: Option<Seq>,
        at: &mut Moment,
    ) -> Asks {
        if self.manifest.flow(flow.as_str()).is_none() {
            let message = format!("the component has no flow `{flow}`");
            return Err(Failure::new(FailureKind::NotFound, message).into());
        }
        let call = Call::Subflow {
            flow: flow.clone(),
            parameters: parameters.clone(),
            scope,
        };
        let asked = self.look_back(&call)?;
        let parent = self.run(scope).id;
        let began = match asked {
            Asked::Answered(..) => self.journal.clock(),
            Asked::New(_) => self.journal.clock().max(at.now),
        };
        let fresh = subflow_run(&mut at.ids, &self.run, parent, flow, parameters, began);
        let (seq, run) = match asked {
            Asked::Answered(seq, Answer::Run { run }) => {
                let (id, name) = (run.id, run.name);
                (seq, FlowRun { id, name, ..fresh })
            }
            Asked::Answered(seq, _) => return Err(wrong_answer(seq)),
            Asked::New(_) => {
                let begun = SubflowChange::Begin(Box::new(fresh.clone()));
                self.buffer.progress.subflows.push(begun);
                let run = fresh.snapshot();
                (self.write(call, Answer::Run { run }, began), fresh)
            }
        };
        let snapshot = run.snapshot();
        self.subflows.insert(seq, run);
        Ok(self.answer(Reply::Started(seq, snapshot)))
    }

    pub(super) fn end_subflow(&mut self, subflow: Seq, outcome: Outcome, at: &mut Moment) -> Asks {
        let Some(run) = self.subflows.get(&subflow).map(|run| run.id) else {
            let message = format!("{subflow} is not a subflow that has begun");
            return Err(Failure::new(FailureKind::Invalid, message).into());
        };
        let call = Call::EndSubflow {
            subflow,
            outcome: outcome.clone(),
        };
        if let Asked::New(_) = self.look_back(&call)? {
            let state = State::ended(&outcome, at.now);
            self.buffer.progress.subflows.push(SubflowChange::End {
                run,
                state,
                outcome,
            });
            self.write(call, Answer::Accepted, at.now);
        }
        Ok(self.answer(Reply::Done))
    }
}
