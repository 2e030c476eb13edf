//! IP addresses and networks.

use std::net::IpAddr;

use super::Declaration;
use crate::expression::fault::{Budget, Fault, Outcome};
use crate::expression::value::{Cidr, Value};

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "ip",
        signatures: &["(string) -> net.IP", "(net.IP) -> net.IP", "net.CIDR.() -> net.IP"],
        implementation: ip,
    },
    Declaration { name: "cidr", signatures: &["(string) -> net.CIDR", "(net.CIDR) -> net.CIDR"], implementation: cidr },
    Declaration { name: "isIP", signatures: &["(string) -> bool"], implementation: is_ip },
    Declaration { name: "isCIDR", signatures: &["(string) -> bool"], implementation: is_cidr },
    Declaration { name: "ip.isCanonical", signatures: &["(string) -> bool"], implementation: is_canonical },
    Declaration { name: "family", signatures: &["net.IP.() -> int"], implementation: family },
    Declaration { name: "isUnspecified", signatures: &["net.IP.() -> bool"], implementation: is_unspecified },
    Declaration { name: "isLoopback", signatures: &["net.IP.() -> bool"], implementation: is_loopback },
    Declaration { name: "isGlobalUnicast", signatures: &["net.IP.() -> bool"], implementation: is_global_unicast },
    Declaration {
        name: "isLinkLocalMulticast",
        signatures: &["net.IP.() -> bool"],
        implementation: is_link_local_multicast,
    },
    Declaration {
        name: "isLinkLocalUnicast",
        signatures: &["net.IP.() -> bool"],
        implementation: is_link_local_unicast,
    },
    Declaration {
        name: "containsIP",
        signatures: &["net.CIDR.(net.IP) -> bool", "net.CIDR.(string) -> bool"],
        implementation: contains_ip,
    },
    Declaration {
        name: "containsCIDR",
        signatures: &["net.CIDR.(net.CIDR) -> bool", "net.CIDR.(string) -> bool"],
        implementation: contains_cidr,
    },
    Declaration { name: "prefixLength", signatures: &["net.CIDR.() -> int"], implementation: prefix_length },
    Declaration { name: "masked", signatures: &["net.CIDR.() -> net.CIDR"], implementation: masked },
];

fn read_ip(text: &str) -> Result<IpAddr, Fault> {
    if text.contains('%') {
        return Err(Fault::new(format!("IP Address with zone value is not allowed: `{text}`")));
    }
    // Dotted quads within an IPv6 address are written in no canonical form.
    if text.contains(':') && text.contains('.') {
        return Err(Fault::new(format!("IPv4-mapped IPv6 address is not allowed: `{text}`")));
    }
    text.parse().map_err(|_| Fault::new(format!("IP Address '{text}' parse error during conversion from string")))
}

fn read_cidr(text: &str) -> Result<Cidr, Fault> {
    let wrong = || Fault::new(format!("network address parse error during conversion from string: `{text}`"));
    let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
    if address.contains('%') {
        return Err(Fault::new(format!("CIDR with zone value is not allowed: `{text}`")));
    }
    if address.contains(':') && address.contains('.') {
        return Err(Fault::new(format!("IPv4-mapped IPv6 address is not allowed: `{text}`")));
    }
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (prefix == "0" || !prefix.starts_with('0'));
    let prefix = prefix.parse::<u8>().ok().filter(|prefix| canonical && *prefix <= bits(address)).ok_or_else(wrong)?;
    Ok(Cidr { address, prefix })
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with only its first `prefix` bits.
fn masked_address(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(u32::from(32 - prefix.min(32))).unwrap_or(0);
            IpAddr::from((u32::from(v4) & mask).to_be_bytes())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(u32::from(128 - prefix.min(128))).unwrap_or(0);
            IpAddr::from((u128::from(v6) & mask).to_be_bytes())
        }
    }
}

fn ip<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Ip(address)] => Ok(Value::Ip(*address)),
        [Value::Cidr(cidr)] => Ok(Value::Ip(cidr.address)),
        [value] => match value.as_str() {
            Some(text) => read_ip(text).map(Value::Ip),
            None => Err(Fault::no_overload("ip", arguments)),
        },
        _ => Err(Fault::no_overload("ip", arguments)),
    }
}

fn cidr<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Cidr(cidr)] => Ok(Value::Cidr(*cidr)),
        [value] => match value.as_str() {
            Some(text) => read_cidr(text).map(Value::Cidr),
            None => Err(Fault::no_overload("cidr", arguments)),
        },
        _ => Err(Fault::no_overload("cidr", arguments)),
    }
}

fn is_ip<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [value @ (Value::Str(_) | Value::String(_))] => {
            Ok(Value::Bool(value.as_str().is_some_and(|text| read_ip(text).is_ok())))
        }
        _ => Err(Fault::no_overload("isIP", arguments)),
    }
}

fn is_cidr<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [value @ (Value::Str(_) | Value::String(_))] => {
            Ok(Value::Bool(value.as_str().is_some_and(|text| read_cidr(text).is_ok())))
        }
        _ => Err(Fault::no_overload("isCIDR", arguments)),
    }
}

fn is_canonical<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [value] => match value.as_str() {
            Some(text) => Ok(Value::Bool(read_ip(text)?.to_string() == text)),
            None => Err(Fault::no_overload("ip.isCanonical", arguments)),
        },
        _ => Err(Fault::no_overload("ip.isCanonical", arguments)),
    }
}

/// Something that holds of an address; an IPv4 address within an IPv6 one is taken as such.
fn ask<'a>(name: &str, arguments: &[Value<'a>], holds: fn(IpAddr) -> bool) -> Outcome<'a> {
    match arguments {
        [Value::Ip(address)] => Ok(Value::Bool(holds(address.to_canonical()))),
        _ => Err(Fault::no_overload(name, arguments)),
    }
}

fn family<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Ip(address)] => Ok(Value::Int(if address.to_canonical().is_ipv4() { 4 } else { 6 })),
        _ => Err(Fault::no_overload("family", arguments)),
    }
}

fn is_unspecified<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    ask("isUnspecified", arguments, |address| address.is_unspecified())
}

fn is_loopback<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    ask("isLoopback", arguments, |address| address.is_loopback())
}

fn link_local_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn is_global_unicast<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    ask("isGlobalUnicast", arguments, |address| {
        let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        !(broadcast
            || address.is_unspecified()
            || address.is_loopback()
            || address.is_multicast()
            || link_local_unicast(address))
    })
}

fn is_link_local_multicast<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    ask("isLinkLocalMulticast", arguments, |address| match address {
        IpAddr::V4(v4) => matches!(v4.octets(), [224, 0, 0, _]),
        IpAddr::V6(v6) => v6.segments().first().is_some_and(|first| first & 0xff0f == 0xff02),
    })
}

fn is_link_local_unicast<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    ask("isLinkLocalUnicast", arguments, link_local_unicast)
}

fn contains_ip<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    let (cidr, address) = match arguments {
        [Value::Cidr(cidr), Value::Ip(address)] => (*cidr, *address),
        [Value::Cidr(cidr), other] => match other.as_str() {
            Some(text) => (*cidr, read_ip(text)?),
            None => return Err(Fault::no_overload("containsIP", arguments)),
        },
        _ => return Err(Fault::no_overload("containsIP", arguments)),
    };
    let same_family = cidr.address.is_ipv4() == address.is_ipv4();
    let network = masked_address(cidr.address, cidr.prefix);
    Ok(Value::Bool(same_family && masked_address(address, cidr.prefix) == network))
}

fn contains_cidr<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    let (outer, inner) = match arguments {
        [Value::Cidr(outer), Value::Cidr(inner)] => (*outer, *inner),
        [Value::Cidr(outer), other] => match other.as_str() {
            Some(text) => (*outer, read_cidr(text)?),
            None => return Err(Fault::no_overload("containsCIDR", arguments)),
        },
        _ => return Err(Fault::no_overload("containsCIDR", arguments)),
    };
    let fits = outer.address.is_ipv4() == inner.address.is_ipv4() && outer.prefix <= inner.prefix;
    let network = masked_address(outer.address, outer.prefix);
    Ok(Value::Bool(fits && masked_address(inner.address, outer.prefix) == network))
}

fn prefix_length<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Cidr(cidr)] => Ok(Value::Int(i64::from(cidr.prefix))),
        _ => Err(Fault::no_overload("prefixLength", arguments)),
    }
}

fn masked<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Cidr(cidr)] => {
            Ok(Value::Cidr(Cidr { address: masked_address(cidr.address, cidr.prefix), prefix: cidr.prefix }))
        }
        _ => Err(Fault::no_overload("masked", arguments)),
    }
}
