use http::Response as HttpResponse;
use sortie_testkit::reply;

use super::*;

fn response(fields: &[&str]) -> Response {
    let mut response: HttpResponse<sortie_core::Body> = reply(200, [], "");
    for field in fields {
        response.headers_mut().append("link", field.parse().unwrap());
    }
    let url = Url::parse("http://app.test/a/b?page=1#part").unwrap();
    Response::received(response, Some(url), std::time::Duration::ZERO)
}

/// Targets, relations and titles, as `http://app.test/a/c next,up "title"`.
fn shown(fields: &[&str]) -> Vec<String> {
    let line = |link: &Link| {
        let relations: Vec<_> = link.relations().collect();
        format!("{} {} {:?}", link.url(), relations.join(","), link.title().unwrap_or_default())
    };
    response(fields).links().iter().map(line).collect()
}

// The examples of RFC 8288 §3.5, those of requests' documentation and tests (`test_parse_header_links`), and what servers
// get wrong.
#[test]
fn links_are_read_as_rfc_8288_says() {
    for (field, expected) in [
        (
            r#"<http://example.com/TheBook/chapter2>; rel="previous"; title="previous chapter""#,
            &[r#"http://example.com/TheBook/chapter2 previous "previous chapter""#][..],
        ),
        (r#"</>; rel="http://example.net/foo""#, &[r#"http://app.test/ http://example.net/foo """#]),
        (
            "</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel, \
             </TheBook/chapter4>; rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel",
            &[
                r#"http://app.test/TheBook/chapter2 previous "letztes Kapitel""#,
                "http://app.test/TheBook/chapter4 next \"n\u{e4}chstes Kapitel\"",
            ],
        ),
        (
            r#"<http://example.org/>; rel="start http://example.net/relation/other""#,
            &[r#"http://example.org/ start,http://example.net/relation/other """#],
        ),
        (
            r#"<https://example.org/>; rel="start", <https://example.org/index>; rel="index""#,
            &[r#"https://example.org/ start """#, r#"https://example.org/index index """#],
        ),
        (
            r#"<http:/.../front.jpeg>; rel=front; type="image/jpeg",<back>;rel=back;type=image/png"#,
            &[r#"http://app.test/.../front.jpeg front """#, r#"http://app.test/a/back back """#],
        ),
        ("<?page=2>; REL=Next", &[r#"http://app.test/a/b?page=2 next """#]),
        ("<c>", &[r#"http://app.test/a/c  """#]),
        ("<>; rel=self", &[r#"http://app.test/a/b?page=1 self """#]),
        (r#"<c?a,b;c>; rel=next; title="x, <y>; rel=prev""#, &[r#"http://app.test/a/c?a,b;c next "x, <y>; rel=prev""#]),
        // The first `rel` counts; an extended title before the plain one; a broken one after it.
        ("<c>; rel=next; rel=prev", &[r#"http://app.test/a/c next """#]),
        ("<c>; title=plain; title*=utf-8''ext; rel=x", &[r#"http://app.test/a/c x "ext""#]),
        ("<c>; title=plain; title*=utf-8''%FF; rel=x", &[r#"http://app.test/a/c x "plain""#]),
        (",, <c>; rel=x,,\t<d>; rel=y,", &[r#"http://app.test/a/c x """#, r#"http://app.test/a/d y """#]),
        ("<c> ; rel = \"x\" junk, <d>;rel=y", &[r#"http://app.test/a/c x """#, r#"http://app.test/a/d y """#]),
        ("junk, <d>;rel=y", &[r#"http://app.test/a/d y """#]),
        ("<http://[>;rel=x, <d>;rel=y", &[r#"http://app.test/a/d y """#]),
        // As in a redirect's Location, there are no credentials to take from a server.
        ("<http://user:password@h/x>; rel=x, <//user@h/y>; rel=y", &[r#"http://h/x x """#, r#"http://h/y y """#]),
        ("<c", &[]),
        ("", &[]),
    ] {
        assert_eq!(shown(&[field]), expected, "{field}");
    }
    assert_eq!(shown(&["<c>;rel=x", "<d>;rel=y"]).len(), 2);
}

#[test]
fn the_next_page_is_the_one_after_this_and_no_others() {
    for (field, next) in [
        (r#"<?page=0>; rel="prev", <?page=2>; rel="last NEXT""#, Some("http://app.test/a/b?page=2")),
        ("<c>; rel=next; anchor=\"#chapter\", <d>; rel=next; anchor=\"http://other.test/\"", None),
        ("<c>; rel=next; anchor=\"?page=1\"", Some("http://app.test/a/c")),
        ("<c>; rel=nextish", None),
        ("<http://user:password@app.test/a/c>; rel=next", Some("http://app.test/a/c")),
        ("<c>; rel=next; anchor=\"http://user@app.test/a/b?page=1\"", Some("http://app.test/a/c")),
    ] {
        assert_eq!(response(&[field]).next_page().as_ref().map(Url::as_str), next, "{field}");
    }
}

#[test]
fn attributes_are_there_and_nothing_secret_is_shown() {
    let link = response(&["<c?secret>; rel=x; HrefLang=de; type=\"text/plain\"; anchor=\"#y\""]).links().remove(0);
    assert_eq!((link.attribute("hreflang"), link.attribute("Type")), (Some("de"), Some("text/plain")));
    assert_eq!((link.attribute("rel"), link.anchor().and_then(Url::fragment)), (None, Some("y")));
    assert!(!format!("{link:?}").contains("secret"));
}

#[test]
fn without_a_url_of_its_own_a_response_has_absolute_links_only() {
    let reply: HttpResponse<sortie_core::Body> = reply(200, [("link", "<c>; rel=x, <http://a.test/>; rel=y")], "");
    let links = Response::from(reply).links();
    assert_eq!(links.iter().map(|link| link.url().as_str()).collect::<Vec<_>>(), ["http://a.test/"]);
}
