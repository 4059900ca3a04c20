//! Variables and secrets.

use async_trait::async_trait;
use hyper::Method;
use model::{Json, SecretName, VariableName};
use operations::client::{
    Answered, KeptClient, Page, SecretQuery, SecretText, SetSecret, SetVariable, VariableQuery,
};
use operations::view::{SecretView, VariableView};

use crate::http::{Ask, HttpClient};
use crate::segment::segment;

fn variable(name: &VariableName) -> String {
    format!("/v1/variables/{}", segment(name.as_str()))
}

fn secret(name: &SecretName) -> String {
    format!("/v1/secrets/{}", segment(name.as_str()))
}

#[async_trait]
impl KeptClient for HttpClient {
    async fn list_variables(&self, query: VariableQuery) -> Answered<Page<VariableView>> {
        self.ask(Ask::get("/v1/variables").query(&query)?).await
    }

    async fn get_variable(&self, name: &VariableName) -> Answered<VariableView> {
        self.ask(Ask::get(variable(name))).await
    }

    async fn set_variable(&self, name: &VariableName, value: Json) -> Answered<VariableView> {
        let set = SetVariable { value };
        self.ask(Ask::new(Method::PUT, variable(name)).json(&set)?)
            .await
    }

    async fn delete_variable(&self, name: &VariableName) -> Answered<()> {
        self.tell(Ask::new(Method::DELETE, variable(name))).await
    }

    async fn list_secrets(&self, query: SecretQuery) -> Answered<Page<SecretView>> {
        self.ask(Ask::get("/v1/secrets").query(&query)?).await
    }

    async fn set_secret(&self, name: &SecretName, value: SecretText) -> Answered<SecretView> {
        let set = SetSecret { value };
        self.ask(Ask::new(Method::PUT, secret(name)).json(&set)?)
            .await
    }

    async fn delete_secret(&self, name: &SecretName) -> Answered<()> {
        self.tell(Ask::new(Method::DELETE, secret(name))).await
    }
}
