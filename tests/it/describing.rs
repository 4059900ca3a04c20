//! A component describes itself under limits of its own, which are part of the runtime's
//! settings.

use test_support::guest;
use wasm::{DescribeLimits, Runtime, RuntimeConfig};

#[tokio::test(flavor = "multi_thread")]
async fn describing_has_its_own_limit_on_memory() {
    let bytes = std::fs::read(guest("bench")).unwrap();
    let described = async |memory_max| {
        let runtime = Runtime::new(RuntimeConfig {
            describe_limits: DescribeLimits {
                memory_max,
                ..DescribeLimits::default()
            },
            ..RuntimeConfig::default()
        });
        let described = runtime.unwrap().describe(&bytes).await;
        described.map(|manifest| manifest.flows.len() > 1)
    };
    assert_eq!(
        described(256 << 20).await.map_err(|err| err.to_string()),
        Ok(true)
    );
    let refused = described(64 << 10).await.map_err(|err| err.to_string());
    insta::assert_snapshot!(refused.unwrap_err(), @"it could not describe itself: asked for 1.06 MiB of memory; the limit on memory is 64.00 KiB");
}
