//! Variables and secrets.

use model::{Json, KeyId, SealedSecret, SecretName, Variable, VariableName};

use super::cast::*;
use crate::{Missing, Store, StoreError};

fn variable(name: &str, value: &str, second: i64) -> Variable {
    Variable {
        name: VariableName::new(name).unwrap(),
        value: Json::parse(value).unwrap(),
        updated: at(second),
    }
}

fn secret(name: &str, version: u64, sealed: &[u8]) -> SealedSecret {
    SealedSecret {
        name: SecretName::new(name).unwrap(),
        version,
        key: KeyId("0123456789abcdef".to_owned()),
        sealed: sealed.to_vec(),
        updated: at(i64::try_from(version).unwrap()),
    }
}

pub async fn a_variable_is_what_it_was_set_to_last<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let first = variable("rate", "1.50", 1);
    assert_eq!(store.variable(&first.name).await, Ok(None));
    assert_eq!(store.set_variable(first.clone()).await, Ok(true));
    assert_eq!(store.variable(&first.name).await, Ok(Some(first.clone())));
    let second = variable("rate", r#"{"eur":[1,null]}"#, 2);
    assert_eq!(store.set_variable(second.clone()).await, Ok(false));
    let other = variable("Limit", "true", 3);
    store.set_variable(other.clone()).await.unwrap();
    assert_eq!(
        store.variables().await,
        Ok(vec![other.clone(), second.clone()])
    );
    store.delete_variable(&second.name).await.unwrap();
    let missing = StoreError::NotFound(Missing::Variable(second.name.clone()));
    assert_eq!(store.delete_variable(&second.name).await, Err(missing));
    assert_eq!(store.variables().await, Ok(vec![other]));
}

pub async fn a_secret_is_followed_by_its_next_version<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let first = secret("token", 1, b"one");
    assert_eq!(
        store.put_secret(secret("token", 2, b"two")).await,
        Ok(false)
    );
    assert_eq!(store.put_secret(first.clone()).await, Ok(true));
    // Another was faster.
    assert_eq!(
        store.put_secret(secret("token", 1, b"other")).await,
        Ok(false)
    );
    assert_eq!(store.secret(&first.name).await, Ok(Some(first.clone())));
    let second = secret("token", 2, b"two");
    assert_eq!(store.put_secret(second.clone()).await, Ok(true));
    assert_eq!(store.secrets().await, Ok(vec![second.clone()]));
    store.delete_secret(&second.name).await.unwrap();
    let missing = StoreError::NotFound(Missing::Secret(second.name.clone()));
    assert_eq!(store.delete_secret(&second.name).await, Err(missing));
    assert_eq!(store.put_secret(first).await, Ok(true));
}

pub async fn all_secrets_are_sealed_anew_or_none<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    for new in [
        secret("a", 1, b"a1"),
        secret("a", 2, b"a2"),
        secret("b", 1, b"b1"),
    ] {
        assert_eq!(store.put_secret(new).await, Ok(true));
    }
    let before = store.secrets().await.unwrap();
    // One is missing; one has another version; one is no more.
    for wrong in [
        vec![secret("a", 2, b"A2")],
        vec![secret("a", 1, b"A1"), secret("b", 1, b"B1")],
        vec![
            secret("a", 2, b"A2"),
            secret("b", 1, b"B1"),
            secret("c", 1, b"C1"),
        ],
    ] {
        assert_eq!(store.reseal_secrets(wrong).await, Ok(false));
        assert_eq!(store.secrets().await.unwrap(), before);
    }
    let mut anew = vec![secret("a", 2, b"A2"), secret("b", 1, b"B1")];
    for secret in &mut anew {
        secret.key = KeyId("fedcba9876543210".to_owned());
    }
    assert_eq!(store.reseal_secrets(anew.clone()).await, Ok(true));
    assert_eq!(store.secrets().await, Ok(anew));
}
