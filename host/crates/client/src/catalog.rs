//! Components and deployments.

use async_trait::async_trait;
use hyper::{Method, StatusCode};
use model::{DeploymentName, FlowName};
use operations::client::{
    Answered, CatalogClient, ComponentQuery, DeployRequest, DeploymentQuery, EditDeployment,
    LIMIT_MAX, Page,
};
use operations::resolve::{self, ResolveRefusal};
use operations::view::{ComponentView, DeployedView, DeploymentDetailsView, DeploymentView};

use crate::http::{Ask, HttpClient};
use crate::segment::segment;

const WASM: &str = "application/wasm";

#[async_trait]
impl CatalogClient for HttpClient {
    async fn list_components(&self, query: ComponentQuery) -> Answered<Page<ComponentView>> {
        self.ask(Ask::get("/v1/components").query(&query)?).await
    }

    async fn inspect_component(&self, digest: &str) -> Answered<ComponentView> {
        self.ask(Ask::get(format!("/v1/components/{}", segment(digest))))
            .await
    }

    async fn upload_component(&self, bytes: Vec<u8>) -> Answered<(ComponentView, bool)> {
        let ask = Ask::new(Method::POST, "/v1/components").body(WASM, bytes);
        let (status, component) = self.ask_status(ask).await?;
        Ok((component, status == StatusCode::CREATED))
    }

    async fn list_deployments(&self, query: DeploymentQuery) -> Answered<Page<DeploymentView>> {
        self.ask(Ask::get("/v1/deployments").query(&query)?).await
    }

    async fn inspect_deployment(&self, name: &str) -> Answered<DeploymentDetailsView> {
        self.ask(Ask::get(self.deployment_path(name).await?)).await
    }

    async fn deploy(&self, request: DeployRequest) -> Answered<Vec<DeployedView>> {
        self.ask(Ask::new(Method::POST, "/v1/deployments").json(&request)?)
            .await
    }

    async fn edit_deployment(&self, name: &str, edit: EditDeployment) -> Answered<DeployedView> {
        let ask = Ask::new(Method::PATCH, self.deployment_path(name).await?).json(&edit)?;
        self.ask(ask.unconditionally()).await
    }

    async fn delete_deployment(&self, name: &str) -> Answered<()> {
        let path = self.deployment_path(name).await?;
        self.tell(Ask::new(Method::DELETE, path)).await
    }
}

impl HttpClient {
    /// The path of the deployment `flow/deployment`, or of the only one of a flow.
    pub(crate) async fn deployment_path(&self, text: &str) -> Answered<String> {
        let name = if text.contains('/') {
            text.parse::<DeploymentName>()
                .map_err(ResolveRefusal::from)?
        } else {
            let flow = FlowName::new(text).map_err(ResolveRefusal::from)?;
            resolve::only_of(flow, self.deployment_names().await?)?
        };
        let (flow, name) = (segment(name.flow.as_str()), segment(&name.name));
        Ok(format!("/v1/deployments/{flow}/{name}"))
    }

    async fn deployment_names(&self) -> Answered<Vec<DeploymentName>> {
        let mut query = DeploymentQuery {
            limit: Some(LIMIT_MAX),
            ..DeploymentQuery::default()
        };
        let mut names = Vec::new();
        loop {
            let page = self.list_deployments(query.clone()).await?;
            names.extend(page.items.into_iter().map(|it| it.name));
            if page.next.is_none() {
                return Ok(names);
            }
            query.cursor = page.next;
        }
    }
}
