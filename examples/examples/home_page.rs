//! A chain of fallbacks: fresh rows, else cached ones, else a static row; and what it says of itself.

use orlop_fallback::{FallbackLayer, core::BoxError};
use std::io;
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let fresh = service_fn(async |member: String| match member.as_str() {
        "ada" => Ok(format!("made for {member}")),
        _ => Err(io::Error::other("personalization is down")),
    });
    let cached = FallbackLayer::from_async(async |member: String, _| match member.as_str() {
        "bob" => Ok(format!("cached for {member}")),
        _ => Err(io::Error::other("not cached")),
    });
    let last = FallbackLayer::value("for everyone".to_owned());
    let (from_cache, static_rows) = (cached.handle(), last.handle());

    // The innermost fallback is tried first.
    let home = last.layer(cached.remember(String::clone).layer(fresh));
    for member in ["ada", "bob", "eve"] {
        println!("{member}: {}", home.clone().oneshot(member.to_owned()).await?);
    }
    println!("{} from the cache, {} static", from_cache.rescued(), static_rows.rescued());
    assert_eq!((from_cache.rescued(), static_rows.rescued()), (1, 1));
    Ok(())
}
