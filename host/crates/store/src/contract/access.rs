//! Tokens, sessions, the log of actions, answers that are asked for again.

use std::time::Duration;

use model::{AuditEntry, Role, SecretHash, SessionId, Token, TokenId, TokenName};
use uuid::Uuid;

use super::cast::*;
use crate::{
    AnswerKey, AuditFilter, Begun, Missing, NewSession, NewToken, Store, StoreError, StoreResult,
    StoredAnswer,
};

fn name(name: &str) -> TokenName {
    TokenName::new(name).unwrap()
}

fn token(name_of: &str, number: u128) -> Token {
    Token {
        id: TokenId(Uuid::from_u128(number)),
        name: name(name_of),
        role: Role::Operator,
        created: at(0),
        expires: Some(at(900)),
        last_used: None,
        revoked: None,
    }
}

/// Makes a token whose secret is its name and its number.
async fn create<S: Store>(store: &S, token: &Token) -> StoreResult<()> {
    let new = NewToken {
        token: token.clone(),
        secret: secret_of(token),
    };
    store.create_token(new).await
}

/// Opens a session whose secret is `word`.
async fn open<S: Store>(store: &S, token: &Token, word: &str, number: u128) -> SecretHash {
    let secret = SecretHash::of(word);
    let new = NewSession {
        id: SessionId(Uuid::from_u128(number)),
        secret,
        token: token.id,
        opened: at(0),
    };
    store.open_session(new).await.unwrap();
    secret
}

fn secret_of(token: &Token) -> SecretHash {
    SecretHash::of(&format!("{} {}", token.name, token.id))
}

pub async fn a_token_is_found_by_its_secret_until_it_is_revoked<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let mut ci = token("ci", 1);
    create(&store, &ci).await.unwrap();
    assert_eq!(store.token(secret_of(&ci)).await, Ok(Some(ci.clone())));
    assert_eq!(store.token(SecretHash::of("guess")).await, Ok(None));

    ci.revoked = Some(at(5));
    let revoked = store.revoke_token(&ci.name, at(5)).await;
    assert_eq!(revoked, Ok(ci.clone()));
    assert_eq!(store.token(secret_of(&ci)).await, Ok(Some(ci.clone())));
    let again = store.revoke_token(&ci.name, at(6)).await;
    let missing = StoreError::NotFound(Missing::Token(name("ci")));
    assert_eq!(again, Err(missing));
}

pub async fn a_name_is_free_again_when_its_token_is_revoked<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let (first, second) = (token("ci", 1), token("ci", 2));
    create(&store, &first).await.unwrap();
    let taken = create(&store, &second).await;
    assert_eq!(taken, Err(StoreError::TokenExists(name("ci"))));
    assert_eq!(store.token(secret_of(&second)).await, Ok(None));

    store.revoke_token(&first.name, at(5)).await.unwrap();
    create(&store, &second).await.unwrap();
    let all = store.tokens().await.unwrap();
    let ids: Vec<_> = all.iter().map(|token| token.id).collect();
    assert_eq!(ids, [second.id, first.id]);
}

pub async fn the_last_use_is_known_to_the_minute<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let ci = token("ci", 1);
    create(&store, &ci).await.unwrap();
    let used = async || {
        store
            .token(secret_of(&ci))
            .await
            .unwrap()
            .unwrap()
            .last_used
    };
    assert_eq!(used().await, None);
    store.touch_token(ci.id, at(100)).await.unwrap();
    let first = used().await.unwrap();
    assert!(first <= at(100) && at(100).since(first) < Duration::from_secs(60));
    store.touch_token(ci.id, at(101)).await.unwrap();
    assert_eq!(used().await, Some(first));
    store.touch_token(ci.id, at(200)).await.unwrap();
    assert!(used().await.unwrap() > first);

    // Nothing is used before it is made.
    let young = Token {
        created: at(119),
        ..token("young", 2)
    };
    create(&store, &young).await.unwrap();
    store.touch_token(young.id, at(119)).await.unwrap();
    let young = store.token(secret_of(&young)).await.unwrap().unwrap();
    assert_eq!(young.last_used, Some(at(119)));
}

pub async fn a_link_signs_in_once_and_in_time<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let ci = token("ci", 1);
    create(&store, &ci).await.unwrap();
    let (once, late) = (SecretHash::of("once"), SecretHash::of("late"));
    store.create_link(once, ci.id, at(60)).await.unwrap();
    store.create_link(late, ci.id, at(60)).await.unwrap();
    assert_eq!(store.redeem_link(once, at(59)).await, Ok(Some(ci.clone())));
    assert_eq!(store.redeem_link(once, at(59)).await, Ok(None));
    assert_eq!(store.redeem_link(late, at(60)).await, Ok(None));
    assert_eq!(store.redeem_link(secret_of(&ci), at(1)).await, Ok(None));
}

pub async fn a_session_ends_with_its_token<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let ci = token("ci", 1);
    create(&store, &ci).await.unwrap();
    let first = open(&store, &ci, "first", 1).await;
    let second = open(&store, &ci, "second", 2).await;
    let session = store.session(first).await.unwrap().unwrap();
    assert_eq!((session.token, session.opened), (ci.clone(), at(0)));

    assert_eq!(store.end_session(first).await, Ok(true));
    assert_eq!(store.end_session(first).await, Ok(false));
    assert_eq!(store.session(first).await, Ok(None));
    assert!(store.session(second).await.unwrap().is_some());
    let link = SecretHash::of("link");
    store.create_link(link, ci.id, at(60)).await.unwrap();
    store.revoke_token(&ci.name, at(1)).await.unwrap();
    assert_eq!(store.session(second).await, Ok(None));
    assert_eq!(store.redeem_link(link, at(1)).await, Ok(None));
}

pub async fn sessions_are_listed_and_ended_by_their_bearer<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let (ci, ann) = (token("ci", 1), token("ann", 2));
    for token in [&ci, &ann] {
        create(&store, token).await.unwrap();
    }
    let first = open(&store, &ci, "first", 1).await;
    open(&store, &ci, "second", 2).await;
    let other = open(&store, &ann, "other", 3).await;
    let ids = async |token: &Token| {
        let sessions = store.sessions(token.id).await.unwrap();
        sessions
            .into_iter()
            .map(|session| session.id.0.as_u128())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&ci).await, [2, 1]);
    let end = async |number| {
        let session = SessionId(Uuid::from_u128(number));
        store.end_session_of(ci.id, session).await.unwrap()
    };
    assert!(end(1).await && !end(1).await);
    // It is another's.
    assert!(!end(3).await);
    assert_eq!((ids(&ci).await, ids(&ann).await), (vec![2], vec![3]));
    assert_eq!(store.session(first).await, Ok(None));
    assert!(store.session(other).await.unwrap().is_some());
}

pub async fn what_is_idle_or_old_is_pruned<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let ci = token("ci", 1);
    create(&store, &ci).await.unwrap();
    let idle = open(&store, &ci, "idle", 1).await;
    let busy = open(&store, &ci, "busy", 2).await;
    store.touch_session(busy, at(1_000)).await.unwrap();
    let (old, new) = (key(&ci, "old", 1), key(&ci, "new", 1));
    let patience = Duration::from_secs(60);
    for (key, second) in [(&old, 0), (&new, 1_000)] {
        let begun = store.begin_answer(key.clone(), at(second), patience).await;
        assert_eq!(begun, Ok(Begun::New));
        let kept = store.keep_answer(key.clone(), Some(answer())).await;
        assert_eq!(kept, Ok(()));
    }
    let pruned = store.prune_access(at(2_000), at(500), at(500)).await;
    assert_eq!(pruned, Ok(()));
    assert_eq!(store.session(idle).await, Ok(None));
    assert!(store.session(busy).await.unwrap().is_some());
    let begun = store.begin_answer(old, at(2_000), patience).await;
    assert_eq!(begun, Ok(Begun::New));
    let begun = store.begin_answer(new, at(2_000), patience).await;
    assert_eq!(begun, Ok(Begun::Answered(answer())));
}

pub async fn the_log_of_actions_is_read_backwards<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let entry = |second: i64, who: &str, action: &str| AuditEntry {
        at: at(second),
        who: who.to_owned(),
        action: action.to_owned(),
        target: "/v1/flow-runs/1/cancel".to_owned(),
        outcome: "200".to_owned(),
        request: (second == 1).then(|| Uuid::from_u128(7)),
    };
    let all = [
        entry(0, "ci", "cancel_flow_run"),
        entry(1, "ann", "cancel_flow_run"),
        entry(2, "ci", "retry_flow_run"),
    ];
    for entry in all.clone() {
        store.audit(entry).await.unwrap();
    }
    let [first, second, third] = all;
    let read = async |filter: AuditFilter| {
        let lines = store.audit_log(filter).await.unwrap();
        let (cursors, entries): (Vec<_>, Vec<_>) = lines.into_iter().unzip();
        (cursors.last().copied(), entries)
    };
    let (cursor, entries) = read(AuditFilter {
        count: 2,
        ..AuditFilter::default()
    })
    .await;
    assert_eq!(entries, [third.clone(), second]);
    let (_, entries) = read(AuditFilter {
        before: cursor,
        ..AuditFilter::default()
    })
    .await;
    assert_eq!(entries, std::slice::from_ref(&first));
    let (_, entries) = read(AuditFilter {
        who: Some("ci".to_owned()),
        ..AuditFilter::default()
    })
    .await;
    assert_eq!(entries, [third.clone(), first]);
    let (_, entries) = read(AuditFilter {
        action: Some("retry_flow_run".to_owned()),
        ..AuditFilter::default()
    })
    .await;
    assert_eq!(entries, [third]);
}

fn key(token: &Token, key: &str, fingerprint: u8) -> AnswerKey {
    AnswerKey {
        token: token.id,
        key: key.to_owned(),
        fingerprint: [fingerprint; 32],
    }
}

fn answer() -> StoredAnswer {
    StoredAnswer {
        status: 201,
        headers: r#"{"location":"/v1/flow-runs/1"}"#.to_owned(),
        body: b"{}".to_vec(),
    }
}

pub async fn a_request_is_answered_once<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let ci = token("ci", 1);
    let patience = Duration::from_secs(60);
    let begin = async |second: i64| {
        let begun = store.begin_answer(key(&ci, "k", 1), at(second), patience);
        begun.await.unwrap()
    };
    assert_eq!(begin(0).await, Begun::New);
    assert_eq!(begin(59).await, Begun::Pending);
    // Whoever began it has died.
    assert_eq!(begin(60).await, Begun::New);
    assert_eq!(begin(61).await, Begun::Pending);
    store.keep_answer(key(&ci, "k", 1), None).await.unwrap();
    assert_eq!(begin(62).await, Begun::New);
    let kept = store.keep_answer(key(&ci, "k", 1), Some(answer())).await;
    assert_eq!(kept, Ok(()));
    assert_eq!(begin(63).await, Begun::Answered(answer()));
    // What was answered is not forgotten.
    store.keep_answer(key(&ci, "k", 1), None).await.unwrap();
    assert_eq!(begin(999).await, Begun::Answered(answer()));
}

pub async fn a_key_is_of_one_request_and_one_token<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let (ci, ann) = (token("ci", 1), token("ann", 2));
    let patience = Duration::from_secs(60);
    let begin = async |key: AnswerKey| store.begin_answer(key, at(0), patience).await.unwrap();
    assert_eq!(begin(key(&ci, "k", 1)).await, Begun::New);
    assert_eq!(begin(key(&ci, "k", 2)).await, Begun::Other);
    assert_eq!(begin(key(&ann, "k", 2)).await, Begun::New);
    assert_eq!(begin(key(&ci, "other", 2)).await, Begun::New);
}
