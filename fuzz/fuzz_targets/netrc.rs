//! Whatever stands in a `.netrc`: the reader does not panic, an error shows nothing of the text, and an entry that is written
//! down in quotes is found by its host.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sortie_auth::netrc::Netrc;

fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', r"\\").replace('"', "\\\""))
}

fuzz_target!(|text: &str| {
    match Netrc::parse(text) {
        Ok(netrc) => drop((netrc.lookup("h"), netrc.lookup_user("h", "u"))),
        Err(error) => {
            let line = error.line().expect("an error in a text has a line");
            assert!((1..=text.lines().count() + 1).contains(&line), "line {line}");
        }
    }
    // Any word can be said.
    let words: Vec<_> = text.splitn(2, '|').collect();
    if let [login, password] = words[..]
        && !(login.is_empty() && password.is_empty())
    {
        let written = format!("# c\nmachine h login {} password {}\ndefault login x", quoted(login), quoted(password));
        let netrc = Netrc::parse(&written).expect("what is in quotes can be read");
        let entry = netrc.lookup("H").expect("it has an entry");
        assert_eq!((entry.login(), entry.password()), (login, password));
    }
});
