//! Which status counts, when an instance and an operator disagree.

use orlop_discovery_client::eureka::wire::InstanceStatus;

use super::Origin;

/// The status of an instance that says `said`, over which an operator said `overridden`, and which is held as
/// `existing`.
///
/// First match wins, as in the rules of `com.netflix.eureka.registry.rule`, without the one for Amazon's groups:
///
/// 1. Neither up nor out of service: believe the instance, it knows best that it cannot serve.
/// 2. There is an override: that.
/// 3. From the instance itself, with a lease that is up or out of service: keep that.
/// 4. What the instance says.
pub(super) fn status(
    said: InstanceStatus,
    overridden: Option<InstanceStatus>,
    existing: Option<InstanceStatus>,
    origin: Origin,
) -> InstanceStatus {
    let in_service = |status| matches!(status, InstanceStatus::Up | InstanceStatus::OutOfService);
    if !in_service(said) {
        return said;
    }
    if let Some(overridden) = overridden {
        return overridden;
    }
    match existing {
        Some(existing) if origin == Origin::Client && in_service(existing) => existing,
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InstanceStatus::{Down, OutOfService, Starting, Unknown, Up};

    #[test]
    fn first_match_wins() {
        let table = [
            // said, overridden, existing, origin, counts
            (Up, None, None, Origin::Client, Up),
            (Down, Some(Up), Some(Up), Origin::Client, Down),
            (Starting, Some(OutOfService), None, Origin::Client, Starting),
            (Unknown, Some(Up), Some(Up), Origin::Client, Unknown),
            (Up, Some(OutOfService), Some(Up), Origin::Client, OutOfService),
            (OutOfService, Some(Up), None, Origin::Peer, Up),
            (OutOfService, None, Some(Up), Origin::Client, Up),
            (Up, None, Some(OutOfService), Origin::Client, OutOfService),
            (OutOfService, None, Some(Up), Origin::Peer, OutOfService),
            (Up, None, Some(Starting), Origin::Client, Up),
        ];
        for (said, overridden, existing, origin, counts) in table {
            assert_eq!(
                status(said, overridden, existing, origin),
                counts,
                "{said} over {overridden:?}, held as {existing:?}, from {origin:?}"
            );
        }
    }
}
