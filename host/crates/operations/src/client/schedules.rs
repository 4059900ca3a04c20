//! Schedules, from the store.

use async_trait::async_trait;
use model::{
    Json, Schedule, ScheduleId, ScheduleName, ScheduleOrigin, ScheduleRule, Timestamp, Timetable,
};
use store::{Missing, StoreError};

use super::catalog::tidied;
use super::cursor::{Order, limited, part};
use super::local::LocalClient;
use super::page::Page;
use super::requests::{CreateSchedule, ScheduleQuery, SlotQuery};
use super::{Answered, SchedulesClient};
use crate::problem::Problem;
use crate::resolve;
use crate::schedules::{self, ScheduleRefusal, Wish};
use crate::view::{ScheduleView, SlotView};

/// Slots that are shown unless more are asked for.
const SLOTS: u32 = 5;

impl LocalClient {
    async fn schedule(&self, id: ScheduleId) -> Answered<Schedule> {
        let found = self.store.schedule(id).await?;
        Ok(found.ok_or(StoreError::NotFound(Missing::Schedule(id)))?)
    }

    async fn set_paused(&self, id: ScheduleId, is_paused: bool) -> Answered<ScheduleView> {
        let schedule = self.schedule(id).await?;
        let changed = schedules::set_paused(&*self.store, &schedule, is_paused).await;
        Ok(changed.map_err(|refusal| Problem::from(&refusal))?.into())
    }

    /// The schedules of a deployment, each with a name of its own.
    pub(super) fn schedules_wished(&self, create: Vec<CreateSchedule>) -> Answered<Vec<Wish>> {
        let mut wishes: Vec<Wish> = Vec::new();
        for (at, create) in create.into_iter().enumerate() {
            let wish = self.wish(create).map_err(|problem| {
                let pointer = format!("/schedules/{at}");
                problem.within(&pointer)
            })?;
            if wishes.iter().any(|other| other.name == wish.name) {
                return Err(Problem::from(&ScheduleRefusal::Twice(wish.name)));
            }
            wishes.push(wish);
        }
        Ok(wishes)
    }

    /// What a request wishes.
    fn wish(&self, create: CreateSchedule) -> Answered<Wish> {
        let now = self.store.clock().now();
        let anchor = create.anchor.unwrap_or(now);
        let timetable = match (create.cron, create.interval_ms, create.rrule) {
            (Some(line), None, None) => Timetable::Cron(line),
            (None, Some(every_ms), None) => Timetable::Interval { every_ms, anchor },
            (None, None, Some(rule)) => Timetable::Rrule {
                rule,
                anchor: create.anchor.unwrap_or_else(|| whole_minute(now)),
            },
            (None, None, None) => return Err(Problem::from(&ScheduleRefusal::Kinds("none"))),
            _ => return Err(Problem::from(&ScheduleRefusal::Kinds("several"))),
        };
        let parameters = match &create.parameters {
            Some(parameters) => tidied(parameters)?,
            None => Json::empty_object(),
        };
        Ok(Wish {
            name: create
                .name
                .unwrap_or_else(|| ScheduleName::trusted("default")),
            rule: ScheduleRule {
                timetable,
                timezone: create.timezone.unwrap_or_else(|| "UTC".to_owned()),
                parameters,
                start: create.start,
                end: create.end,
                catch_up: create.catch_up,
                overlap: create.overlap,
            },
            has_anchor: create.anchor.is_some(),
            is_paused: create.paused,
        })
    }
}

#[async_trait]
impl SchedulesClient for LocalClient {
    async fn list_schedules(&self, query: ScheduleQuery) -> Answered<Page<ScheduleView>> {
        let of = match &query.deployment {
            Some(name) => Some(resolve::deployment(&*self.store, name).await?.name),
            None => None,
        };
        let schedules = self.store.schedules(of.as_ref()).await?;
        // In the order of deployment and name, which a slash would not keep.
        let key = |it: &Schedule| {
            let of = &it.deployment;
            format!("{}\u{1}{}\u{1}{}", of.flow, of.name, it.name)
        };
        part(&query, "", schedules, Order::Up, key)
    }

    async fn inspect_schedule(&self, id: ScheduleId) -> Answered<ScheduleView> {
        Ok(self.schedule(id).await?.into())
    }

    async fn create_schedule(
        &self,
        deployment: &str,
        create: CreateSchedule,
    ) -> Answered<ScheduleView> {
        let deployment = resolve::deployment(&*self.store, deployment).await?;
        let wish = self.wish(create)?;
        let made = schedules::add(&*self.store, &deployment, wish, ScheduleOrigin::Added).await;
        Ok(made.map_err(|refusal| Problem::from(&refusal))?.into())
    }

    async fn pause_schedule(&self, id: ScheduleId) -> Answered<ScheduleView> {
        self.set_paused(id, true).await
    }

    async fn resume_schedule(&self, id: ScheduleId) -> Answered<ScheduleView> {
        self.set_paused(id, false).await
    }

    async fn delete_schedule(&self, id: ScheduleId) -> Answered<()> {
        Ok(self.store.delete_schedule(id).await?)
    }

    async fn next_slots(&self, id: ScheduleId, query: SlotQuery) -> Answered<Page<SlotView>> {
        let count = limited(query.limit.or(Some(SLOTS)))?;
        let schedule = self.schedule(id).await?;
        let slots = schedules::slots(&schedule, count as usize);
        let slots = slots.map_err(|err| Problem::from(&ScheduleRefusal::from(err)))?;
        Ok(Page::all(slots))
    }
}

/// The beginning of its minute: a rule that names hours and minutes means no seconds.
fn whole_minute(at: Timestamp) -> Timestamp {
    const MINUTE: i64 = 60_000_000;
    Timestamp(at.0 - at.0.rem_euclid(MINUTE))
}
