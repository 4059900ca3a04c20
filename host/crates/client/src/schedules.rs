//! Schedules.

use async_trait::async_trait;
use hyper::Method;
use model::ScheduleId;
use operations::client::{
    Answered, CreateSchedule, Page, ScheduleQuery, SchedulesClient, SlotQuery,
};
use operations::view::{ScheduleView, SlotView};

use crate::http::{Ask, HttpClient};

fn path(id: ScheduleId) -> String {
    format!("/v1/schedules/{id}")
}

#[async_trait]
impl SchedulesClient for HttpClient {
    async fn list_schedules(&self, query: ScheduleQuery) -> Answered<Page<ScheduleView>> {
        self.ask(Ask::get("/v1/schedules").query(&query)?).await
    }

    async fn inspect_schedule(&self, id: ScheduleId) -> Answered<ScheduleView> {
        self.ask(Ask::get(path(id))).await
    }

    async fn create_schedule(
        &self,
        deployment: &str,
        create: CreateSchedule,
    ) -> Answered<ScheduleView> {
        let path = self.deployment_path(deployment).await? + "/schedules";
        self.ask(Ask::new(Method::POST, path).json(&create)?).await
    }

    async fn pause_schedule(&self, id: ScheduleId) -> Answered<ScheduleView> {
        let path = format!("{}/pause", path(id));
        self.ask(Ask::new(Method::POST, path)).await
    }

    async fn resume_schedule(&self, id: ScheduleId) -> Answered<ScheduleView> {
        let path = format!("{}/resume", path(id));
        self.ask(Ask::new(Method::POST, path)).await
    }

    async fn delete_schedule(&self, id: ScheduleId) -> Answered<()> {
        self.tell(Ask::new(Method::DELETE, path(id))).await
    }

    async fn next_slots(&self, id: ScheduleId, query: SlotQuery) -> Answered<Page<SlotView>> {
        let path = format!("{}/slots", path(id));
        self.ask(Ask::get(path).query(&query)?).await
    }
}
