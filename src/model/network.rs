//! Which hosts Homeostat may send load and commands to.

use std::net::IpAddr;

/// Hosts and networks that the configuration allows. Empty allows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    /// An exact name, or with a leading `*.` every name below it.
    Name(String),
    Network {
        base: IpAddr,
        bits: u8,
    },
}

impl AllowedHosts {
    /// Only this machine: what holds where the configuration says nothing.
    pub fn loopback() -> Self {
        Self {
            entries: vec![
                Entry::Network { base: IpAddr::from([127, 0, 0, 0]), bits: 8 },
                Entry::Network { base: IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), bits: 128 },
            ],
        }
    }

    /// Reads `host.example`, `*.example`, `10.1.2.3` and `10.0.0.0/8`.
    ///
    /// # Errors
    /// The entry that is none of these, with what is wrong.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        entries.into_iter().map(Entry::parse).collect::<Result<_, _>>().map(|entries| Self { entries })
    }

    /// Whether a host may be reached at an address: by its name as it was written, or by the network of the address.
    pub fn allows(&self, host: &str, address: IpAddr) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Name(name) => match name.strip_prefix("*.") {
                Some(parent) => {
                    let host = host.to_ascii_lowercase();
                    host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
                }
                None => name.eq_ignore_ascii_case(host),
            },
            Entry::Network { base, bits } => shares_prefix(*base, address.to_canonical(), *bits),
        })
    }
}

impl Default for AllowedHosts {
    fn default() -> Self {
        Self::loopback()
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, String> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits)),
            None => (text, None),
        };
        match (base.parse::<IpAddr>(), bits) {
            (Ok(base), bits) => {
                let most = if base.is_ipv4() { 32 } else { 128 };
                let bits = bits.map_or(Ok(most), str::parse::<u8>).ok().filter(|bits| *bits <= most);
                let bits = bits.ok_or_else(|| format!("`{text}`: the prefix length must be 0 to {most}"))?;
                Ok(Self::Network { base, bits })
            }
            (Err(_), None) if is_host_name(text) => Ok(Self::Name(text.to_ascii_lowercase())),
            (Err(_), _) => Err(format!("`{text}` is no host name, address or network like `10.0.0.0/8`")),
        }
    }
}

fn is_host_name(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    // No name ends in a number: that is an address with a mistake in it.
    let is_number = name.rsplit('.').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
    !name.is_empty()
        && !is_number
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_')
}

fn shares_prefix(base: IpAddr, address: IpAddr, bits: u8) -> bool {
    let (base, address, width) = match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => (u128::from(base.to_bits()), u128::from(address.to_bits()), 32),
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let below = width - u32::from(bits);
    base.checked_shr(below).unwrap_or(0) == address.checked_shr(below).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::AllowedHosts;

    #[test]
    fn names_and_networks_allow_what_they_say() {
        let allowed = AllowedHosts::parse(["*.staging.internal", "api.example", "10.0.0.0/8", "::1"]).unwrap();
        let outside = "93.184.216.34".parse().unwrap();
        assert!(allowed.allows("checkout.staging.internal", outside));
        assert!(!allowed.allows("staging.internal", outside));
        assert!(!allowed.allows("evilstaging.internal", outside));
        assert!(allowed.allows("API.example", outside));
        assert!(allowed.allows("anything", "10.200.3.4".parse().unwrap()));
        assert!(allowed.allows("anything", "::ffff:10.1.1.1".parse().unwrap()));
        assert!(allowed.allows("localhost", "::1".parse().unwrap()));
        assert!(!allowed.allows("localhost", "127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn an_entry_that_is_no_host_is_refused() {
        for wrong in ["", "http://x", "10.0.0.0/33", "a b", "host/8"] {
            assert!(AllowedHosts::parse([wrong]).is_err(), "{wrong}");
        }
    }
}
