//! From an instance to an endpoint.

use std::net::IpAddr;

use orlop_core::{Addr, Endpoint};

use super::wire::{InstanceInfo, InstanceStatus};

/// The endpoint that an instance is, if it takes calls.
///
/// `None` for an instance that is not `UP` or has no open port. The plain port is taken if it is open, else the TLS
/// port. The zone is metadata `zone`, else Amazon's availability zone; the metadata is copied.
pub fn endpoint(instance: &InstanceInfo) -> Option<Endpoint> {
    if instance.status != InstanceStatus::Up || instance.instance_id.is_empty() {
        return None;
    }
    let port = [instance.port, instance.secure_port]
        .into_iter()
        .find(|port| port.enabled && port.number != 0)?
        .number;
    let host = if instance.ip_addr.is_empty() { &instance.host_name } else { &instance.ip_addr };
    if host.is_empty() {
        return None;
    }
    let addr = match host.parse::<IpAddr>() {
        Ok(ip) => Addr::from((ip, port)),
        Err(_) => Addr::Name(host.as_str().into(), port),
    };
    let mut endpoint = Endpoint::builder(instance.instance_id.as_str(), addr);
    if let Some(zone) = zone(instance) {
        endpoint = endpoint.zone(zone);
    }
    for (key, value) in &instance.metadata {
        endpoint = endpoint.meta(key, value);
    }
    Some(endpoint.build())
}

fn zone(instance: &InstanceInfo) -> Option<&str> {
    let amazon = || instance.data_center_info.as_ref()?.metadata.get("availability-zone");
    instance.metadata.get("zone").or_else(amazon).map(String::as_str)
}
