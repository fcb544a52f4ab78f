//! Reading an instance, one field at a time, so that repeated and unknown fields do no harm.

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    instance::{DataCenterInfo, InstanceInfo, LeaseInfo, Port},
    scalar::{Scalar, TextMap},
    status::{ActionType, InstanceStatus},
};

/// The shape of an object that is read key by key into a default.
trait Fields: Default {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
    fn finish(&mut self) {}
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<String, A::Error> {
    Ok(map.next_value::<Scalar>()?.text())
}

fn optional<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<String>, A::Error> {
    Ok(map.next_value::<Scalar>()?.optional())
}

fn number<'de, N: FromStr, A: MapAccess<'de>>(map: &mut A, or: N) -> Result<N, A::Error> {
    Ok(map.next_value::<Scalar>()?.number().unwrap_or(or))
}

// ===== objects =====

impl Fields for InstanceInfo {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "instanceId" => self.instance_id = text(map)?,
            "hostName" => self.host_name = text(map)?,
            "app" => self.app = text(map)?.to_uppercase(),
            "appGroupName" => self.app_group_name = optional(map)?.map(|name| name.to_uppercase()),
            "ipAddr" => self.ip_addr = text(map)?,
            "sid" => self.sid = optional(map)?,
            "status" => self.status = map.next_value()?,
            // Java writes the first in JSON, clients send the second; where both are there, the one that says something.
            "overriddenStatus" | "overriddenstatus" => {
                let status: InstanceStatus = map.next_value()?;
                if status != InstanceStatus::Unknown {
                    self.overridden_status = status;
                }
            }
            "port" => self.port = map.next_value::<PortOr>()?.0.unwrap_or(self.port),
            "securePort" => {
                self.secure_port = map.next_value::<PortOr>()?.0.unwrap_or(self.secure_port);
            }
            "countryId" => self.country_id = number(map, 1)?,
            "dataCenterInfo" => self.data_center_info = map.next_value::<Object<_>>()?.0,
            "leaseInfo" => {
                self.lease_info = map.next_value::<Object<_>>()?.0.unwrap_or_default();
            }
            "metadata" => self.metadata = map.next_value::<TextMap>()?.0,
            "homePageUrl" => self.home_page_url = optional(map)?,
            "statusPageUrl" => self.status_page_url = optional(map)?,
            "healthCheckUrl" => self.health_check_url = optional(map)?,
            "secureHealthCheckUrl" => self.secure_health_check_url = optional(map)?,
            "vipAddress" => self.vip_address = optional(map)?,
            "secureVipAddress" => self.secure_vip_address = optional(map)?,
            "isCoordinatingDiscoveryServer" => {
                self.is_coordinating_discovery_server = map.next_value::<Scalar>()?.is_true();
            }
            "lastUpdatedTimestamp" => self.last_updated_timestamp = number(map, 0)?,
            "lastDirtyTimestamp" => self.last_dirty_timestamp = number(map, 0)?,
            "actionType" => self.action_type = ActionType::from_word(&text(map)?),
            "asgName" => self.asg_name = optional(map)?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }

    fn finish(&mut self) {
        // An instance without a name of its own has Amazon's, or else its host's.
        if self.instance_id.is_empty() {
            let amazon = self.data_center_info.as_ref().and_then(|d| d.metadata.get("instance-id"));
            self.instance_id = amazon.unwrap_or(&self.host_name).clone();
        }
        let id = &self.instance_id;
        if let Some(center) = self.data_center_info.as_mut().filter(|d| d.name == "Amazon") {
            center.metadata.entry("instance-id".to_owned()).or_insert_with(|| id.clone());
        }
    }
}

#[derive(Default)]
struct CenterFields(Option<DataCenterInfo>);

impl Fields for CenterFields {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let center = self.0.get_or_insert_with(|| DataCenterInfo {
            class: String::new(),
            name: String::new(),
            ..DataCenterInfo::my_own()
        });
        match key {
            "@class" => center.class = text(map)?,
            "name" => center.name = text(map)?,
            "metadata" => center.metadata = map.next_value::<TextMap>()?.0,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl Fields for LeaseInfo {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "renewalIntervalInSecs" => self.renewal_interval_in_secs = number(map, 30)?,
            "durationInSecs" => self.duration_in_secs = number(map, 90)?,
            "registrationTimestamp" => self.registration_timestamp = number(map, 0)?,
            "lastRenewalTimestamp" => self.last_renewal_timestamp = number(map, 0)?,
            "evictionTimestamp" => self.eviction_timestamp = number(map, 0)?,
            "serviceUpTimestamp" => self.service_up_timestamp = number(map, 0)?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

#[derive(Default)]
struct PortFields {
    number: u16,
    enabled: bool,
}

impl Fields for PortFields {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "$" => self.number = number(map, 0)?,
            "@enabled" => self.enabled = map.next_value::<Scalar>()?.is_true(),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

// ===== visitors =====

struct FieldsVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Fields> Visitor<'de> for FieldsVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut value = T::default();
        while let Some(key) = map.next_key::<String>()? {
            value.field(&key, &mut map)?;
        }
        value.finish();
        Ok(value)
    }
}

impl<'de> Deserialize<'de> for InstanceInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor(std::marker::PhantomData))
    }
}

/// An inner object; nothing where something else stands in its place.
struct Object<T>(Option<T>);

struct ObjectVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Fields> Visitor<'de> for ObjectVisitor<T> {
    type Value = (Option<T>, Option<u64>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok((Some(FieldsVisitor(std::marker::PhantomData).visit_map(map)?), None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok((None, None))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok((None, Some(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok((None, value.trim().parse().ok()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok((None, None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok((None, None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok((None, None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok((None, None))
    }
}

fn object<'de, T: Fields, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<(Option<T>, Option<u64>), D::Error> {
    deserializer.deserialize_any(ObjectVisitor(std::marker::PhantomData))
}

impl<'de> Deserialize<'de> for Object<DataCenterInfo> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (fields, _) = object::<CenterFields, _>(deserializer)?;
        Ok(Self(fields.and_then(|fields| fields.0)))
    }
}

impl<'de> Deserialize<'de> for Object<LeaseInfo> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(object(deserializer)?.0))
    }
}

/// A port as an object, or as the bare number that a hand-written registration has.
struct PortOr(Option<Port>);

impl<'de> Deserialize<'de> for PortOr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (fields, bare) = object::<PortFields, _>(deserializer)?;
        let bare = bare.and_then(|number| u16::try_from(number).ok());
        Ok(Self(
            fields
                .map(|f| Port::new(f.number, f.enabled))
                .or_else(|| bare.map(|number| Port::new(number, true))),
        ))
    }
}
