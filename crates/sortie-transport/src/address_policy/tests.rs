use super::*;

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

fn refusal(policy: &AddressPolicy, ip: &str) -> Option<Refusal> {
    policy.check(SocketAddr::new(ip.parse().unwrap(), 80)).err()
}

/// What the address is told to be; empty if it is public.
fn kind(ip: &str) -> &'static str {
    match refusal(&AddressPolicy::public_only(), ip) {
        None => "",
        Some(Refusal::Special { kind, .. }) => kind,
        Some(other) => panic!("{ip}: {other:?}"),
    }
}

#[test]
fn public_addresses_pass() {
    for ip in [
        "1.0.0.0",
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.0.9",
        "192.0.0.10",
        "192.0.1.0",
        "192.0.3.0",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "192.175.48.1",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::",
        "2001:1::1",
        "2001:1::2",
        "2001:1::3",
        "2001:3::1",
        "2001:4:112::1",
        "2001:20::1",
        "2001:2f:ffff::",
        "2001:30::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2001:db7:ffff::",
        "2001:db9::",
        "2003::1",
        "2606:4700::1111",
        "2620:4f:8000::1",
        "2a00:1450:4001::1",
        "3ffe::1",
        "3fff:1000::",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2a00::5efe:808:808",
        "2a00::200:5efe:808:808",
    ] {
        assert_eq!(kind(ip), "", "{ip}");
    }
}

#[test]
fn every_other_address_is_refused_by_what_it_is_for() {
    for (expected, addresses) in [
        (
            "cloud metadata",
            "169.254.169.254 169.254.170.2 192.0.0.192 100.100.100.200 168.63.129.16 fd00:ec2::254 fd20:ce::254",
        ),
        ("unspecified", "0.0.0.0 ::"),
        ("this network", "0.0.0.1 0.255.255.255"),
        ("private", "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255"),
        ("shared by carriers (CGNAT)", "100.64.0.0 100.127.255.255"),
        ("loopback", "127.0.0.0 127.0.0.1 127.255.255.255 ::1"),
        ("link-local", "169.254.0.0 169.254.255.255 fe80:: fe80::1 febf:ffff::"),
        ("IETF protocol assignments", "192.0.0.0 192.0.0.8 192.0.0.11 192.0.0.170 192.0.0.255 2001:1:: 2001:1::4"),
        ("IETF protocol assignments", "2001:4::1 2001:4:111:: 2001:4:113:: 2001:10::1 2001:40:: 2001:1ff:ffff::"),
        (
            "documentation",
            "192.0.2.0 192.0.2.255 198.51.100.1 203.0.113.1 2001:db8:: 2001:db8:ffff:: 3fff:: 3fff:fff::",
        ),
        ("6to4 relay", "192.88.99.0 192.88.99.1"),
        ("benchmarking", "198.18.0.0 198.19.255.255 2001:2::1"),
        ("multicast", "224.0.0.0 224.0.0.251 239.255.255.255 ff00:: ff02::1 ffff::"),
        ("broadcast", "255.255.255.255"),
        ("reserved", "240.0.0.0 255.255.255.254 2::1 200::1 400::1 1fff:: 4000:: 5eff:: 5f01:: 6000:: e000:: fe00::1"),
        ("reserved", "64:ff9a::1 64:ff9b:0:0:0:1:: 64:ff9b:2::1 ::fffe:0:1 ::ffff:0:7f00:1 ::1:0:0"),
        ("IPv4-compatible", "::2 ::7f00:1 ::8.8.8.8"),
        ("NAT64 for local use", "64:ff9b:1:: 64:ff9b:1::8.8.8.8 64:ff9b:1:ffff::"),
        ("discard-only", "100:: 100::ffff"),
        ("dummy prefix", "100:0:0:1::1"),
        ("reserved", "100:0:0:2:: 100:1::"),
        ("Teredo", "2001::1 2001:0:ffff::"),
        ("6to4", "2002:: 2002:808:808:: 2002:7f00:1::1"),
        ("segment routing", "5f00:: 5f00:ffff::"),
        ("unique-local", "fc00:: fc00::1 fd00::1 fdff:ffff::"),
        ("site-local", "fec0:: fec0::1 feff::"),
    ] {
        for ip in addresses.split_whitespace() {
            assert_eq!(kind(ip), expected, "{ip}");
        }
    }
}

#[test]
fn an_ipv4_address_within_an_ipv6_one_is_judged_too() {
    for (ip, expected) in [
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:a9fe:a9fe", "cloud metadata"),
        ("64:ff9b::127.0.0.1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "cloud metadata"),
        ("2a00::5efe:10.0.0.1", "private"),
        ("2a00::200:5efe:192.168.0.1", "private"),
    ] {
        assert_eq!(kind(ip), expected, "{ip}");
    }
    // And by lists, in each form.
    let policy = AddressPolicy::any().refuse(network("10.0.0.0/8"));
    for ip in [
        "10.0.0.1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "::ffff:0:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::10.0.0.1",
        "64:ff9b:1:a00:0:100::",
        "2002:a00:1::1",
        "2001:0:a00:1::",
        "2001:0:808:808::f5ff:fffe",
        "fe80::5efe:10.0.0.1",
    ] {
        assert_eq!(refusal(&policy, ip), Some(Refusal::Network(network("10.0.0.0/8"))), "{ip}");
    }
    // The unspecified address and the loopback of IPv6 have no IPv4 address in them.
    let policy = AddressPolicy::any().refuse(network("0.0.0.0/8"));
    assert_eq!([refusal(&policy, "::"), refusal(&policy, "::1")], [None, None]);
}

#[test]
fn networks_are_allowed_and_refused_and_refused_ones_win() {
    let policy = AddressPolicy::public_only()
        .allow(network("10.1.0.0/16"))
        .allow(IpAddr::from([127, 0, 0, 1]))
        .allow(network("2002::/16"))
        .refuse(network("10.1.2.0/24"))
        .refuse(network("8.8.8.0/24"));
    for (ip, allowed) in [
        ("10.1.0.1", true),
        ("::ffff:10.1.0.1", true),
        ("64:ff9b::10.1.0.1", true),
        ("10.1.2.1", false),
        ("10.2.0.1", false),
        ("127.0.0.1", true),
        ("127.0.0.2", false),
        ("8.8.8.8", false),
        ("8.8.4.4", true),
        // A tunnel that is allowed still leads to an address that may not be.
        ("2002:808:404::1", true),
        ("2002:7f00:2::1", false),
    ] {
        assert_eq!(refusal(&policy, ip).is_none(), allowed, "{ip}");
    }
}

#[test]
fn ports_and_closures_decide() {
    let policy = AddressPolicy::public_only().ports([80, 443]);
    for (port, expected) in [(80, Ok(())), (443, Ok(())), (22, Err(Refusal::Port))] {
        assert_eq!(policy.check(([8, 8, 8, 8], port).into()), expected, "{port}");
    }
    let policy = AddressPolicy::new(|address| address.ip() != IpAddr::from([10, 0, 0, 1]) && address.port() != 22);
    for (address, expected) in [
        ("10.0.0.2:80", Ok(())),
        ("10.0.0.2:22", Err(Refusal::Custom)),
        ("[::ffff:10.0.0.1]:80", Err(Refusal::Custom)),
        ("[64:ff9b::10.0.0.1]:80", Err(Refusal::Custom)),
    ] {
        assert_eq!(policy.check(address.parse().unwrap()), expected, "{address}");
    }
}

#[test]
fn a_proxy_is_asked_for_no_name_and_no_refused_address() {
    let policy = AddressPolicy::public_only().ports([80]);
    let trusting = policy.clone().names_by_proxy(true);
    for (host, port, strict, lax) in [
        ("example.com", 80, Some(Refusal::NameByProxy), None),
        ("example.com", 22, Some(Refusal::Port), Some(Refusal::Port)),
        ("8.8.8.8", 80, None, None),
        ("8.8.8.8", 22, Some(Refusal::Port), Some(Refusal::Port)),
    ] {
        let told = |policy: &AddressPolicy| policy.check_name_by_proxy(host, port).err().map(|error| error.refusal());
        assert_eq!((told(&policy), told(&trusting)), (strict, lax), "{host}:{port}");
    }
    // aiohttp #12827: the proxy would take them for 127.0.0.1.
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "::1"] {
        let error = trusting.check_name_by_proxy(host, 80).unwrap_err();
        assert!(matches!(error.refusal(), Refusal::Special { kind: "loopback", .. }), "{host}");
    }
}

#[test]
fn the_error_says_what_was_refused_why_and_which_setting_concerns_it() {
    let policy = AddressPolicy::public_only();
    let addresses = |ips: &[[u8; 4]]| ips.iter().map(|ip| SocketAddr::from((*ip, 80))).collect();
    for (host, ips, message) in [
        (
            "10.0.0.1",
            &[[10, 0, 0, 1]][..],
            "the address policy refuses 10.0.0.1: private, 10.0.0.0/8, is not public; AddressPolicy::allow admits a network",
        ),
        (
            "a.test",
            &[[127, 0, 0, 1], [10, 0, 0, 1]],
            "the address policy refuses a.test (127.0.0.1 and 1 more): \
             loopback, 127.0.0.0/8, is not public; AddressPolicy::allow admits a network",
        ),
    ] {
        assert_eq!(policy.admitted(host, addresses(ips)).unwrap_err().to_string(), message);
    }
    let some = policy.admitted("a.test", addresses(&[[127, 0, 0, 1], [8, 8, 8, 8]])).unwrap();
    assert_eq!(some, [SocketAddr::from(([8, 8, 8, 8], 80))]);
    let unix = policy.check_unix_url("/run/app.sock").unwrap_err();
    assert_eq!(
        unix.to_string(),
        "the address policy refuses /run/app.sock: it is a Unix socket; AddressPolicy::unix_urls admits it"
    );
    assert!(policy.unix_urls(true).check_unix_url("/run/app.sock").is_ok());
}
