//! The README's table *requests → sortie* is complete, and its code is code that runs.

use std::path::Path;

const README: &str = include_str!("../../README.md");
/// Its examples are doc tests of the crate.
const EXAMPLES: &str = include_str!("../../crates/sortie/src/from_requests.md");

/// Of `Session.request` in requests 2.34.
const ARGUMENTS: &str =
    "method url params data headers cookies files auth timeout allow_redirects proxies hooks stream verify cert json";
const SESSION_ATTRIBUTES: &str =
    "headers auth proxies hooks params stream verify cert max_redirects trust_env cookies adapters";
const SESSION_METHODS: &str = "mount get_adapter get options head post put patch delete request send prepare_request \
    merge_environment_settings rebuild_auth rebuild_method rebuild_proxies resolve_redirects get_redirect_target \
    should_strip_auth close __enter__";
const RESPONSE_ATTRIBUTES: &str = "status_code headers raw url encoding history reason cookies elapsed request content \
    text ok is_redirect is_permanent_redirect next apparent_encoding links";
const RESPONSE_METHODS: &str = "json iter_content iter_lines raise_for_status close";

/// The names and what they are in sortie, row by row.
fn rows() -> Vec<(&'static str, &'static str)> {
    let (_, rest) = README.split_once("<!-- requests: begin -->\n").expect("the table begins");
    let (table, _) = rest.split_once("<!-- requests: end -->").expect("the table ends");
    let cells = |row: &'static str| row.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ");
    table.lines().skip(2).map(|row| cells(row).unwrap_or_else(|| panic!("not a row of two cells: {row}"))).collect()
}

/// What stands in backticks.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The example for these names.
fn example(names: &str) -> Option<&'static str> {
    let (_, rest) = EXAMPLES.split_once(&format!("## {names}\n"))?;
    let (_, rest) = rest.split_once("```\n")?;
    rest.split_once("```\n").map(|(example, _)| example)
}

#[test]
fn every_row_has_code_that_runs() {
    for (names, sortie) in rows() {
        let mut codes = code(sortie).peekable();
        assert!(codes.peek().is_some(), "{names} has no code");
        let example = example(names).unwrap_or_else(|| panic!("from_requests.md has no example under {names}"));
        codes.for_each(|code| assert!(example.contains(code), "the example for {names} does not have: {code}"));
    }
}

#[test]
fn the_table_has_everything_that_requests_has_once() {
    let there: Vec<&str> = rows().into_iter().flat_map(|(names, _)| code(names)).collect();
    let named = |names: &'static str, before: &'static str, after: &'static str| {
        names.split_whitespace().map(move |name| format!("{before}{name}{after}"))
    };
    let wanted = named(ARGUMENTS, "request(", "=)")
        .chain(named(SESSION_ATTRIBUTES, "Session.", ""))
        .chain(named(SESSION_METHODS, "Session.", "()"))
        .chain(named(RESPONSE_ATTRIBUTES, "Response.", ""))
        .chain(named(RESPONSE_METHODS, "Response.", "()"));
    for name in wanted {
        assert_eq!(there.iter().filter(|there| **there == name).count(), 1, "rows for {name}");
    }
}

#[test]
fn every_file_and_every_example_that_the_readme_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let words = README.split(['`', '(', ')']);
    let named = words.filter(|word| ["crates/", "tests/", "examples/"].iter().any(|folder| word.starts_with(folder)));
    let missing: Vec<_> = named.filter(|path| !root.join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for example in ["tour", "quickstart", "login_form", "retries", "mount_router", "custom_layer", "compose"] {
        assert!(README.contains(&format!("`{example}`")), "the README does not mention {example}");
        assert!(root.join("examples").join(example).with_extension("rs").exists(), "{example}");
    }
}
