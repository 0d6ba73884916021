//! Redirects: what is followed, with which method and body, and where to (S19 to S31, group B).

use crate::answer::{ok, raw, redirect, reply};
use crate::intended::Intended;
use crate::scenario::{Call, Scenario, call, get, page, post, scenario};

const METHODS: [(&str, [&str; 5]); 5] = [
    ("GET", ["301 GET", "302 GET", "303 GET", "307 GET", "308 GET"]),
    ("HEAD", ["301 HEAD", "302 HEAD", "303 HEAD", "307 HEAD", "308 HEAD"]),
    ("POST", ["301 POST", "302 POST", "303 POST", "307 POST", "308 POST"]),
    ("PUT", ["301 PUT", "302 PUT", "303 PUT", "307 PUT", "308 PUT"]),
    ("PATCH", ["301 PATCH", "302 PATCH", "303 PATCH", "307 PATCH", "308 PATCH"]),
];

/// Each redirecting status with each method, with a body where the method has one.
fn methods_and_bodies() -> impl Iterator<Item = Scenario> {
    METHODS.into_iter().flat_map(|(method, names)| {
        names.into_iter().zip([301, 302, 303, 307, 308]).map(move |(name, status)| {
            let call = call(method, "http://a.test/from").redirects(true);
            let call = if matches!(method, "GET" | "HEAD") { call } else { call.form([("a", "1")]) };
            scenario(name, "S20").server("http://a.test", [page("/from", redirect(status, "/to")), page("/to", ok())]).call(call)
        })
    })
}

pub(super) fn scenarios() -> Vec<Scenario> {
    methods_and_bodies().collect()
}

pub(super) const INTENDED: &[Intended] = &[];
