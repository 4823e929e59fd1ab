//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// How far requests may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Addresses of the public internet.
    Public,
    /// Loopback and private networks too. Never the metadata services of clouds (link-local IPv4), nor addresses that are
    /// no single host.
    Private,
}

/// Metadata services of clouds that stand among other addresses (Azure, Alibaba). No single host: this network, link-local with the metadata services, protocol assignments, benchmarks, documentation,
/// 6to4 relays, multicast, reserved (RFC 6890 and its successors).
const NEVER_V4: [(Ipv4Addr, u8); 12] = [
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(100, 100, 100, 200), 32),
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Loopback, private (RFC 1918), shared by carriers (RFC 6598).
const PRIVATE_V4: [(Ipv4Addr, u8); 5] = [
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
];

/// Unique local (RFC 4193) and link-local addresses.
const PRIVATE_V6: [(Ipv6Addr, u8); 2] =
    [(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7), (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10)];

/// Of what is assigned to the internet (2000::/3): Teredo and protocol assignments, documentation.
const NEVER_V6: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Where clouds answer for their metadata by IPv6 (AWS, Google).
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

impl Reach {
    /// Whether an address may be connected to. An IPv6 address that carries an IPv4 address counts as that one.
    pub fn allows(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.allows_v4(v4),
            IpAddr::V6(v6) => match carried(v6) {
                Some(v4) => self.allows_v4(v4),
                None => self.allows_v6(v6),
            },
        }
    }

    fn allows_v4(self, address: Ipv4Addr) -> bool {
        let within = |nets: &[(Ipv4Addr, u8)]| {
            nets.iter().any(|(net, bits)| Ipv4Net::new_assert(*net, *bits).contains(&address))
        };
        !within(&NEVER_V4) && (self == Reach::Private || !within(&PRIVATE_V4))
    }

    fn allows_v6(self, address: Ipv6Addr) -> bool {
        let within = |nets: &[(Ipv6Addr, u8)]| {
            nets.iter().any(|(net, bits)| Ipv6Net::new_assert(*net, *bits).contains(&address))
        };
        let private = address.is_loopback() || within(&PRIVATE_V6) && !METADATA_V6.contains(&address);
        let public = address.segments()[0] >> 13 == 1 && !within(&NEVER_V6);
        public || self == Reach::Private && private
    }
}

/// The IPv4 address in an IPv6 address: mapped and compatible (RFC 4291), 6to4 (RFC 3056), NAT64 (RFC 6052).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    let last = Ipv4Addr::from_bits(bits as u32);
    let starts = |prefix: &str| prefix.parse::<IpNet>().is_ok_and(|net| net.contains(&IpAddr::V6(address)));
    if starts("2002::/16") {
        return Some(Ipv4Addr::from_bits((bits >> 80) as u32));
    }
    let is_compatible = bits >> 32 == 0 && bits > 1;
    (is_compatible || starts("::ffff:0:0/96") || starts("64:ff9b::/96")).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::Reach;

    fn allows(reach: Reach, address: &str) -> bool {
        reach.allows(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_the_internet_may_be_connected_to() {
        for address in
            ["1.1.1.1", "93.184.216.34", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "2002:101:101::"]
        {
            assert!(allows(Reach::Public, address) && allows(Reach::Private, address), "{address}");
        }
    }

    #[test]
    fn private_networks_only_where_an_owner_says_so() {
        let private = [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "::ffff:10.0.0.1",
        ];
        for address in private {
            assert!(!allows(Reach::Public, address), "{address}");
            assert!(allows(Reach::Private, address), "{address}");
        }
    }

    #[test]
    fn metadata_services_and_what_is_no_host_never() {
        let never = [
            "0.0.0.0",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "fd00:ec2::254",
            "fd20:ce::254",
            "168.63.129.16",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "64:ff9b:1::1",
            "fec0::1",
            "4000::1",
            "::ffff:0.0.0.0",
        ];
        for address in never {
            assert!(!allows(Reach::Public, address) && !allows(Reach::Private, address), "{address}");
        }
    }
}
